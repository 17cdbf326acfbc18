"""Managed nodes in a sandbox, for tests of Run Command."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from awsroll.sandbox.inprocess import Sandbox
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

SHELL = "AWS-RunShellScript"
DONE_SECONDS = 7


class Nodes:
    """Running instances without load balancer, and an SSM client."""

    def __init__(self, sandbox: Sandbox, count: int) -> None:
        session = sandbox.session()
        self.sandbox = sandbox
        self.ssm = session.client("ssm")
        self.ec2 = session.client("ec2")
        subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        data = {"ImageId": "ami-12345678", "InstanceType": "t3.micro"}
        template = self.ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)["LaunchTemplate"]
        answer = self.ec2.run_instances(
            LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"]},
            SubnetId=subnet,
            MinCount=count,
            MaxCount=count,
        )
        self.ids = [each["InstanceId"] for each in answer["Instances"]]

    def jump(self, seconds: float) -> None:
        self.sandbox.jump(seconds)

    def tag(self, instance_id: str, key: str, value: str) -> None:
        self.ec2.create_tags(Resources=[instance_id], Tags=[{"Key": key, "Value": value}])

    def send(self, *lines: str, **changes: Any) -> str:
        request: dict[str, Any] = {"DocumentName": SHELL, "Parameters": {"commands": list(lines)}}
        if "Targets" not in changes:
            request["InstanceIds"] = self.ids
        return str(self.ssm.send_command(**(request | changes))["Command"]["CommandId"])

    def refusal(self, *lines: str, **changes: Any) -> str:
        try:
            self.send(*lines, **changes)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    def invocations(self, command_id: str) -> dict[str, tuple[str, str]]:
        rows = self.ssm.list_command_invocations(CommandId=command_id)["CommandInvocations"]
        return {each["InstanceId"]: (each["Status"], each["StatusDetails"]) for each in rows}

    def statuses(self, command_id: str) -> Counter[str]:
        return Counter(status for status, _ in self.invocations(command_id).values())

    def command(self, command_id: str) -> dict[str, Any]:
        command: dict[str, Any] = self.ssm.list_commands(CommandId=command_id)["Commands"][0]
        return command

    def label(self, instance_id: str) -> str:
        return self.sandbox.ec2.instance(instance_id).version_label


@contextmanager
def open_nodes(count: int = 1, **options: Any) -> Iterator[Nodes]:
    defaults: dict[str, Any] = {"boot_seconds": 40, "api_visibility_seconds": 0}
    with Sandbox(clock=VirtualClock(), options=SandboxOptions(**(defaults | options))) as sandbox:
        nodes = Nodes(sandbox, count)
        sandbox.jump(60)
        yield nodes
