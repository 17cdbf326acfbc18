"""Helpers for tests of the sandbox's EC2 and load balancing: launch, register, read states."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from awsroll.sandbox import Fleet, Sandbox, SandboxOptions
from awsroll.testing.clock import VirtualClock


class Bench:
    """A sandbox with one standalone fleet and its clients."""

    def __init__(self, sandbox: Sandbox, fleet: Fleet) -> None:
        self.sandbox = sandbox
        self.fleet = fleet
        session = sandbox.session()
        self.ec2, self.elb = session.client("ec2"), session.client("elbv2")
        self.group = fleet.target_group_arns[0] if fleet.target_group_arns else ""

    def jump(self, seconds: float) -> None:
        self.sandbox.jump(seconds)

    def launch(
        self, *, subnet: int = 0, version: str | None = "1", tags: dict[str, str] | None = None, **more: Any
    ) -> str:
        """Launch one instance from the fleet's template and return its id."""
        return self.run(subnet=subnet, version=version, tags=tags, **more)["Instances"][0]["InstanceId"]

    def run(
        self, *, subnet: int = 0, version: str | None = "1", tags: dict[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        template = {"LaunchTemplateId": self.fleet.template_id}
        if version is not None:
            template["Version"] = version
        if tags:
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            more["TagSpecifications"] = [{"ResourceType": "instance", "Tags": pairs}]
        more = {"MinCount": 1, "MaxCount": 1, "SubnetId": self.fleet.subnet_ids[subnet], **more}
        return self.ec2.run_instances(LaunchTemplate=template, **{k: v for k, v in more.items() if v is not None})

    def running(self, **more: Any) -> str:
        """Launch one instance and wait until its application answers."""
        instance_id = self.launch(**more)
        self.jump(45)
        return instance_id

    def describe(self, instance_id: str) -> dict[str, Any]:
        return self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    def state(self, instance_id: str) -> str:
        return self.describe(instance_id)["State"]["Name"]

    def tags(self, instance_id: str) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.describe(instance_id).get("Tags", [])}

    def tag(self, instance_id: str, key: str, value: str) -> None:
        self.ec2.create_tags(Resources=[instance_id], Tags=[{"Key": key, "Value": value}])

    def register(self, instance_id: str, port: int | None = None) -> None:
        self.elb.register_targets(TargetGroupArn=self.group, Targets=[target(instance_id, port)])

    def deregister(self, instance_id: str, port: int | None = None) -> None:
        self.elb.deregister_targets(TargetGroupArn=self.group, Targets=[target(instance_id, port)])

    def health(self, instance_id: str, port: int | None = None) -> tuple[str, str | None]:
        """Return state and reason of a target that the query names."""
        answer = self.elb.describe_target_health(TargetGroupArn=self.group, Targets=[target(instance_id, port)])
        health = answer["TargetHealthDescriptions"][0]["TargetHealth"]
        return health["State"], health.get("Reason")

    def described_health(self) -> dict[str, str]:
        """Return the health of the first target in the unfiltered list."""
        answer = self.elb.describe_target_health(TargetGroupArn=self.group)
        return answer["TargetHealthDescriptions"][0]["TargetHealth"]

    def listed(self) -> dict[tuple[str, int], str]:
        """Return the states in the unfiltered list."""
        answer = self.elb.describe_target_health(TargetGroupArn=self.group)
        return {
            (description["Target"]["Id"], description["Target"]["Port"]): description["TargetHealth"]["State"]
            for description in answer["TargetHealthDescriptions"]
        }


def target(instance_id: str, port: int | None) -> dict[str, Any]:
    return {"Id": instance_id} if port is None else {"Id": instance_id, "Port": port}


@contextmanager
def open_bench(options: SandboxOptions | None = None, **shape: Any) -> Iterator[Bench]:
    """Open a sandbox in virtual time with a fleet, by default without servers."""
    with Sandbox(clock=VirtualClock(), options=options) as sandbox:
        yield Bench(sandbox, sandbox.standalone_fleet(**{"servers": 0, **shape}))


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[ClientError]]:
    """Expect an AWS error with a code."""
    with pytest.raises(ClientError) as caught:
        yield caught
    assert caught.value.response["Error"]["Code"] == code
