"""Run Command: delivery, results, failures, timeouts, limits, cancelling, and which nodes there are."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
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
        found: dict[str, Any] = self.ssm.list_commands(CommandId=command_id)["Commands"][0]
        return found

    def label(self, instance_id: str) -> str:
        return self.sandbox.ec2.instance(instance_id).version_label


@contextmanager
def nodes(count: int = 1, **options: Any) -> Iterator[Nodes]:
    chosen: dict[str, Any] = {"boot_seconds": 40, "api_visibility_seconds": 0}
    with Sandbox(clock=VirtualClock(), options=SandboxOptions(**(chosen | options))) as sandbox:
        made = Nodes(sandbox, count)
        sandbox.jump(60)
        yield made


def test_command_goes_from_pending_over_in_progress_to_success() -> None:
    with nodes() as it:
        command = it.send("true")
        it.jump(0.6)
        assert it.invocations(command) == {it.ids[0]: ("Pending", "Pending")}
        assert it.command(command)["Status"] == "Pending"
        it.jump(1)
        assert it.invocations(command) == {it.ids[0]: ("InProgress", "In Progress")}
        assert it.command(command)["StatusDetails"] == "In Progress"
        it.jump(5)
        assert it.invocations(command) == {it.ids[0]: ("Success", "Success")}
        done = it.command(command)
        assert (done["Status"], done["TargetCount"], done["CompletedCount"], done["ErrorCount"]) == ("Success", 1, 1, 0)


def test_command_just_sent_is_unknown_to_the_calls_that_read() -> None:
    with nodes() as it:
        command = it.send("true", Comment="find me")
        with pytest.raises(ClientError, match="InvocationDoesNotExist"):
            it.ssm.get_command_invocation(CommandId=command, InstanceId=it.ids[0])
        assert it.invocations(command) == {}
        assert it.ssm.list_commands()["Commands"] == []
        it.jump(0.6)
        result = it.ssm.get_command_invocation(CommandId=command, InstanceId=it.ids[0])
        assert (result["Status"], result["ResponseCode"]) == ("Pending", -1)
        assert it.ssm.list_commands()["Commands"][0]["Comment"] == "find me"


def test_succeeded_command_that_names_a_version_makes_the_node_serve_it() -> None:
    with nodes(2) as it:
        assert it.label(it.ids[0]) == "v1"
        it.send("set -e", "sandbox-version blue-2", InstanceIds=it.ids[:1])
        it.jump(5)
        assert it.label(it.ids[0]) == "v1"
        it.jump(2)
        assert [it.label(each) for each in it.ids] == ["blue-2", "v1"]


def test_command_without_a_version_keeps_what_the_node_serves() -> None:
    with nodes() as it:
        it.send("systemctl reload web")
        it.jump(DONE_SECONDS)
        assert it.label(it.ids[0]) == "v1"


def test_line_exit_1_fails_the_command_and_changes_nothing() -> None:
    with nodes() as it:
        command = it.send("sandbox-version v2", "exit 1")
        it.jump(DONE_SECONDS)
        result = it.ssm.get_command_invocation(CommandId=command, InstanceId=it.ids[0])
        assert (result["Status"], result["ResponseCode"]) == ("Failed", 1)
        assert "exit status 1" in result["StandardErrorContent"]
        assert it.command(command)["Status"] == "Failed"
        assert it.label(it.ids[0]) == "v1"


def test_exit_1_inside_a_line_does_not_fail_the_command() -> None:
    with nodes() as it:
        command = it.send("test -f marker || echo exit 1", "  exit 1 # in a branch")
        it.jump(DONE_SECONDS)
        assert it.statuses(command) == {"Success": 1}


def test_tag_makes_commands_fail_on_one_node() -> None:
    with nodes(2) as it:
        it.tag(it.ids[0], "sandbox:command", "fails")
        command = it.send("sandbox-version v2")
        it.jump(DONE_SECONDS)
        assert [it.invocations(command)[each][0] for each in it.ids] == ["Failed", "Success"]
        assert [it.label(each) for each in it.ids] == ["v1", "v2"]


def test_tag_says_how_long_a_command_takes() -> None:
    with nodes(2) as it:
        it.tag(it.ids[0], "sandbox:command-seconds", "100")
        command = it.send("true")
        it.jump(50)
        assert [it.invocations(command)[each][0] for each in it.ids] == ["InProgress", "Success"]
        it.jump(52)
        assert it.statuses(command) == {"Success": 2}


def test_every_delivery_is_recorded_so_that_doubles_show() -> None:
    with nodes(2) as it:
        it.send("sandbox-version v2")
        it.send("sandbox-version v2", InstanceIds=it.ids[:1])
        it.jump(DONE_SECONDS)
        texts = [each.text for each in it.sandbox.world.ssm.deliveries(it.ids[0])]
        assert texts == ["sandbox-version v2"] * 2
        assert len(it.sandbox.world.ssm.deliveries(it.ids[1])) == 1
        assert len(it.sandbox.world.ssm.deliveries()) == 3


@pytest.mark.parametrize("trouble", ["booting", "stopped", "terminated", "no-agent", "unknown"])
def test_one_node_that_is_not_online_fails_the_whole_call(trouble: str) -> None:
    with nodes(2) as it:
        bad = it.ids[0]
        match trouble:
            case "booting":
                it.ec2.stop_instances(InstanceIds=[bad])
                it.jump(60)
                it.ec2.start_instances(InstanceIds=[bad])
                it.jump(42)  # running for two seconds: the agent needs five
            case "stopped":
                it.ec2.stop_instances(InstanceIds=[bad])
            case "terminated":
                it.ec2.terminate_instances(InstanceIds=[bad])
            case "no-agent":
                it.tag(bad, "sandbox:agent", "none")
                it.ec2.stop_instances(InstanceIds=[bad])
                it.jump(60)
                it.ec2.start_instances(InstanceIds=[bad])
                it.jump(60)
            case _:
                bad = "i-0123456789abcdef0"
        assert it.refusal("true", InstanceIds=[bad, it.ids[1]]) == "InvalidInstanceId"
        it.jump(DONE_SECONDS)
        assert it.sandbox.world.ssm.deliveries() == ()


def test_node_is_online_again_after_it_was_stopped_and_started() -> None:
    with nodes() as it:
        it.ec2.stop_instances(InstanceIds=it.ids)
        it.jump(60)
        it.ec2.start_instances(InstanceIds=it.ids)
        it.jump(60)
        command = it.send("true")
        it.jump(DONE_SECONDS)
        assert it.statuses(command) == {"Success": 1}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"TimeoutSeconds": 30_000_000}, "ValidationException"),
        ({"Comment": "x" * 101}, "ValidationException"),
        ({"InstanceIds": [f"i-{number:017x}" for number in range(51)]}, "ValidationException"),
        ({"InstanceIds": []}, "ValidationException"),
        ({"DocumentName": "none"}, "InvalidDocument"),
        ({"DocumentName": "AWS-RunPowerShellScript"}, "UnsupportedPlatformType"),
        ({"Parameters": {"script": ["true"]}}, "InvalidParameters"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["true"], "executionTimeout": ["soon"]}}, "InvalidParameters"),
        ({"MaxErrors": "many"}, "ValidationException"),
    ],
    ids=[
        "timeout", "comment", "too-many", "nobody", "document", "platform", "parameter", "no-commands", "run-time",
        "errors",
    ],
)  # fmt: skip
def test_bad_request_is_refused(changes: dict[str, Any], code: str) -> None:
    with nodes() as it:
        assert it.refusal("true", **changes) == code


def test_repeated_id_is_refused() -> None:
    with nodes() as it:
        assert it.refusal("true", InstanceIds=it.ids * 2) == "DuplicateInstanceId"


def test_document_of_the_account_runs_and_its_parameters_are_its_text() -> None:
    with nodes() as it:
        content = '{"schemaVersion": "2.2", "description": "d", "mainSteps": []}'
        it.ssm.create_document(Name="reload", Content=content, DocumentType="Command")
        command = it.send(DocumentName="reload", Parameters={"argument": ["sandbox-version v9"]})
        it.jump(DONE_SECONDS)
        assert it.command(command)["DocumentName"] == "reload"
        assert it.label(it.ids[0]) == "v9"


def test_targets_are_found_by_tag_and_only_online() -> None:
    with nodes(3) as it:
        for each in it.ids[:2]:
            it.tag(each, "role", "web")
        it.ec2.terminate_instances(InstanceIds=[it.ids[0]])
        command = it.send("true", Targets=[{"Key": "tag:role", "Values": ["web"]}])
        it.jump(DONE_SECONDS)
        assert it.invocations(command) == {it.ids[1]: ("Success", "Success")}


def test_targets_that_nobody_meets_end_the_command() -> None:
    with nodes() as it:
        command = it.send("true", Targets=[{"Key": "tag:role", "Values": ["none"]}])
        it.jump(DONE_SECONDS)
        assert it.command(command)["StatusDetails"] == "No Instances In Tag"


def test_command_in_flight_on_a_node_that_dies_stays_in_progress_until_its_time_is_up() -> None:
    with nodes() as it:
        command = it.send("true", Parameters={"commands": ["true"], "executionTimeout": ["600"]})
        it.jump(2)
        it.ec2.terminate_instances(InstanceIds=it.ids)
        it.jump(500)
        assert it.statuses(command) == {"InProgress": 1}
        it.jump(200)
        assert it.invocations(command) == {it.ids[0]: ("TimedOut", "Execution Timed Out")}
        assert it.command(command)["Status"] == "TimedOut"


def test_command_that_cannot_be_delivered_times_out() -> None:
    with nodes() as it:
        command = it.send("true", TimeoutSeconds=100)
        it.ec2.terminate_instances(InstanceIds=it.ids)
        it.jump(99)
        assert it.statuses(command) == {"Pending": 1}
        it.jump(2)
        assert it.invocations(command) == {it.ids[0]: ("TimedOut", "Delivery Timed Out")}
        assert it.command(command)["DeliveryTimedOutCount"] == 1


def test_command_longer_than_its_execution_timeout_is_killed() -> None:
    with nodes() as it:
        it.tag(it.ids[0], "sandbox:command-seconds", "100")
        command = it.send(Parameters={"commands": ["sandbox-version v2"], "executionTimeout": ["30"]})
        it.jump(32)
        assert it.invocations(command) == {it.ids[0]: ("TimedOut", "Execution Timed Out")}
        it.jump(100)
        assert it.label(it.ids[0]) == "v1"


def test_max_concurrency_limits_how_many_run_at_a_time() -> None:
    with nodes(4) as it:
        command = it.send("true", MaxConcurrency="50%")
        it.jump(2)
        assert it.statuses(command) == {"InProgress": 2, "Pending": 2}
        it.jump(6)
        assert it.statuses(command) == {"Success": 2, "InProgress": 2}


def test_first_error_stops_the_sending_by_default() -> None:
    with nodes(3) as it:
        it.tag(it.ids[0], "sandbox:command", "fails")
        command = it.send("true", MaxConcurrency="1")
        it.jump(DONE_SECONDS)
        rest = ("Cancelled", "Terminated")
        assert it.invocations(command) == {it.ids[0]: ("Failed", "Failed"), it.ids[1]: rest, it.ids[2]: rest}
        assert it.command(command)["Status"] == "Failed"


def test_errors_within_max_errors_let_the_command_go_on() -> None:
    with nodes(3) as it:
        it.tag(it.ids[0], "sandbox:command", "fails")
        command = it.send("true", MaxConcurrency="1", MaxErrors="1")
        it.jump(30)
        assert it.statuses(command) == {"Failed": 1, "Success": 2}
        assert it.command(command)["StatusDetails"] == "Incomplete"


def test_cancelled_command_has_no_effect_where_it_was_not_over() -> None:
    with nodes(2) as it:
        it.tag(it.ids[0], "sandbox:command-seconds", "100")
        command = it.send("sandbox-version v2")
        it.jump(DONE_SECONDS)
        it.ssm.cancel_command(CommandId=command)
        assert it.statuses(command) == {"Cancelling": 1, "Success": 1}
        it.jump(200)
        assert it.statuses(command) == {"Cancelled": 1, "Success": 1}
        assert it.command(command)["Status"] == "Cancelled"
        assert [it.label(each) for each in it.ids] == ["v1", "v2"]


def test_cancel_of_one_node_leaves_the_others() -> None:
    with nodes(2) as it:
        command = it.send("true")
        it.ssm.cancel_command(CommandId=command, InstanceIds=it.ids[:1])
        it.jump(DONE_SECONDS)
        assert [it.invocations(command)[each][0] for each in it.ids] == ["Cancelled", "Success"]
        with pytest.raises(ClientError, match="InvalidCommandId"):
            it.ssm.cancel_command(CommandId="00000000-0000-0000-0000-000000000000")


def test_invocations_come_in_pages_with_details_on_request() -> None:
    with nodes(5) as it:
        command = it.send("sandbox-version v2")
        it.jump(DONE_SECONDS)
        pages = it.ssm.get_paginator("list_command_invocations").paginate(
            CommandId=command, Details=True, PaginationConfig={"PageSize": 2}
        )
        rows = [page["CommandInvocations"] for page in pages]
        assert [len(page) for page in rows] == [2, 2, 1]
        plugin = rows[0][0]["CommandPlugins"][0]
        assert (plugin["Status"], plugin["ResponseCode"], plugin["Output"]) == ("Success", 0, "serving v2\n")
        assert it.ssm.list_command_invocations(CommandId=command)["CommandInvocations"][0]["CommandPlugins"] == []


def test_commands_and_invocations_are_filtered() -> None:
    with nodes(2) as it:
        good = it.send("true", InstanceIds=it.ids[:1])
        it.jump(10)
        between = it.sandbox.clock.now().isoformat()
        it.jump(10)
        bad = it.send("exit 1", InstanceIds=it.ids[1:])
        it.jump(DONE_SECONDS)

        def found(key: str, value: str) -> list[str]:
            rows = it.ssm.list_commands(Filters=[{"key": key, "value": value}])["Commands"]
            return [each["CommandId"] for each in rows]

        assert found("DocumentName", SHELL) == [bad, good]
        assert found("Status", "Failed") == [bad]
        assert found("ExecutionStage", "Complete") == [bad, good]
        assert found("InvokedAfter", between) == [bad]
        assert found("InvokedBefore", between) == [good]
        by_node = it.ssm.list_commands(InstanceId=it.ids[0])["Commands"]
        assert [each["CommandId"] for each in by_node] == [good]
        rows = it.ssm.list_command_invocations(Filters=[{"key": "Status", "value": "Success"}])["CommandInvocations"]
        assert [each["CommandId"] for each in rows] == [good]
        rows = it.ssm.list_command_invocations(InstanceId=it.ids[1])["CommandInvocations"]
        assert [each["CommandId"] for each in rows] == [bad]


def test_nodes_are_described_and_a_lost_one_stays_online_for_a_while() -> None:
    with nodes(2) as it:

        def pings(**parameters: Any) -> dict[str, str]:
            rows = it.ssm.describe_instance_information(**parameters)["InstanceInformationList"]
            return {each["InstanceId"]: each["PingStatus"] for each in rows}

        first, second = it.ids
        it.ec2.terminate_instances(InstanceIds=[first])
        it.jump(30)
        assert pings() == {first: "Online", second: "Online"}
        it.jump(60)
        assert pings() == {first: "ConnectionLost", second: "Online"}
        assert pings(Filters=[{"Key": "InstanceIds", "Values": [second, "i-0123456789abcdef0"]}]) == {second: "Online"}
        assert pings(Filters=[{"Key": "PingStatus", "Values": ["ConnectionLost"]}]) == {first: "ConnectionLost"}


def test_instance_is_no_node_before_its_agent_is_online() -> None:
    with nodes() as it:
        answer = it.ec2.run_instances(ImageId="ami-12345678", InstanceType="t3.micro", MinCount=1, MaxCount=1)
        booting = answer["Instances"][0]["InstanceId"]
        it.jump(44)
        rows = it.ssm.describe_instance_information()["InstanceInformationList"]
        assert booting not in {each["InstanceId"] for each in rows}
        it.jump(2)
        rows = it.ssm.describe_instance_information()["InstanceInformationList"]
        assert booting in {each["InstanceId"] for each in rows}
