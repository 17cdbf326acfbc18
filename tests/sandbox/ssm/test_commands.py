"""Run Command: delivery, results, timeouts, limits and cancelling."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.ssm.nodes import DONE_SECONDS, open_nodes


def test_command_goes_from_pending_over_in_progress_to_success() -> None:
    with open_nodes() as nodes:
        command = nodes.send("true")
        nodes.jump(0.6)
        assert nodes.invocations(command) == {nodes.ids[0]: ("Pending", "Pending")}
        assert nodes.command(command)["Status"] == "Pending"
        nodes.jump(1)
        assert nodes.invocations(command) == {nodes.ids[0]: ("InProgress", "In Progress")}
        assert nodes.command(command)["StatusDetails"] == "In Progress"
        nodes.jump(5)
        assert nodes.invocations(command) == {nodes.ids[0]: ("Success", "Success")}
        done = nodes.command(command)
        assert (done["Status"], done["TargetCount"], done["CompletedCount"], done["ErrorCount"]) == ("Success", 1, 1, 0)


def test_command_just_sent_is_unknown_to_the_calls_that_read() -> None:
    with open_nodes() as nodes:
        command = nodes.send("true", Comment="find me")
        with pytest.raises(ClientError, match="InvocationDoesNotExist"):
            nodes.ssm.get_command_invocation(CommandId=command, InstanceId=nodes.ids[0])
        assert nodes.invocations(command) == {}
        assert nodes.ssm.list_commands()["Commands"] == []
        nodes.jump(0.6)
        result = nodes.ssm.get_command_invocation(CommandId=command, InstanceId=nodes.ids[0])
        assert (result["Status"], result["ResponseCode"]) == ("Pending", -1)
        assert nodes.ssm.list_commands()["Commands"][0]["Comment"] == "find me"


def test_succeeded_command_that_names_a_version_makes_the_node_serve_it() -> None:
    with open_nodes(2) as nodes:
        assert nodes.label(nodes.ids[0]) == "v1"
        nodes.send("set -e", "sandbox-version blue-2", InstanceIds=nodes.ids[:1])
        nodes.jump(5)
        assert nodes.label(nodes.ids[0]) == "v1"
        nodes.jump(2)
        assert [nodes.label(each) for each in nodes.ids] == ["blue-2", "v1"]


def test_command_without_a_version_keeps_what_the_node_serves() -> None:
    with open_nodes() as nodes:
        nodes.send("systemctl reload web")
        nodes.jump(DONE_SECONDS)
        assert nodes.label(nodes.ids[0]) == "v1"


def test_line_exit_1_fails_the_command_and_changes_nothing() -> None:
    with open_nodes() as nodes:
        command = nodes.send("sandbox-version v2", "exit 1")
        nodes.jump(DONE_SECONDS)
        result = nodes.ssm.get_command_invocation(CommandId=command, InstanceId=nodes.ids[0])
        assert (result["Status"], result["ResponseCode"]) == ("Failed", 1)
        assert "exit status 1" in result["StandardErrorContent"]
        assert nodes.command(command)["Status"] == "Failed"
        assert nodes.label(nodes.ids[0]) == "v1"


def test_exit_1_inside_a_line_does_not_fail_the_command() -> None:
    with open_nodes() as nodes:
        command = nodes.send("test -f marker || echo exit 1", "  exit 1 # in a branch")
        nodes.jump(DONE_SECONDS)
        assert nodes.statuses(command) == {"Success": 1}


def test_tag_makes_commands_fail_on_one_node() -> None:
    with open_nodes(2) as nodes:
        nodes.tag(nodes.ids[0], "sandbox:command", "fails")
        command = nodes.send("sandbox-version v2")
        nodes.jump(DONE_SECONDS)
        assert [nodes.invocations(command)[each][0] for each in nodes.ids] == ["Failed", "Success"]
        assert [nodes.label(each) for each in nodes.ids] == ["v1", "v2"]


def test_tag_says_how_long_a_command_takes() -> None:
    with open_nodes(2) as nodes:
        nodes.tag(nodes.ids[0], "sandbox:command-seconds", "100")
        command = nodes.send("true")
        nodes.jump(50)
        assert [nodes.invocations(command)[each][0] for each in nodes.ids] == ["InProgress", "Success"]
        nodes.jump(52)
        assert nodes.statuses(command) == {"Success": 2}


def test_every_delivery_is_recorded_even_if_repeated() -> None:
    with open_nodes(2) as nodes:
        nodes.send("sandbox-version v2")
        nodes.send("sandbox-version v2", InstanceIds=nodes.ids[:1])
        nodes.jump(DONE_SECONDS)
        texts = [each.text for each in nodes.sandbox.world.ssm.deliveries(nodes.ids[0])]
        assert texts == ["sandbox-version v2"] * 2
        assert len(nodes.sandbox.world.ssm.deliveries(nodes.ids[1])) == 1
        assert len(nodes.sandbox.world.ssm.deliveries()) == 3


def test_command_on_a_lost_node_stays_in_progress_until_its_timeout() -> None:
    with open_nodes() as nodes:
        command = nodes.send("true", Parameters={"commands": ["true"], "executionTimeout": ["600"]})
        nodes.jump(2)
        nodes.ec2.terminate_instances(InstanceIds=nodes.ids)
        nodes.jump(500)
        assert nodes.statuses(command) == {"InProgress": 1}
        nodes.jump(200)
        assert nodes.invocations(command) == {nodes.ids[0]: ("TimedOut", "Execution Timed Out")}
        assert nodes.command(command)["Status"] == "TimedOut"


def test_command_that_cannot_be_delivered_times_out() -> None:
    with open_nodes() as nodes:
        command = nodes.send("true", TimeoutSeconds=100)
        nodes.ec2.terminate_instances(InstanceIds=nodes.ids)
        nodes.jump(99)
        assert nodes.statuses(command) == {"Pending": 1}
        nodes.jump(2)
        assert nodes.invocations(command) == {nodes.ids[0]: ("TimedOut", "Delivery Timed Out")}
        assert nodes.command(command)["DeliveryTimedOutCount"] == 1


def test_command_longer_than_its_execution_timeout_is_killed() -> None:
    with open_nodes() as nodes:
        nodes.tag(nodes.ids[0], "sandbox:command-seconds", "100")
        command = nodes.send(Parameters={"commands": ["sandbox-version v2"], "executionTimeout": ["30"]})
        nodes.jump(32)
        assert nodes.invocations(command) == {nodes.ids[0]: ("TimedOut", "Execution Timed Out")}
        nodes.jump(100)
        assert nodes.label(nodes.ids[0]) == "v1"


def test_max_concurrency_limits_how_many_run_at_a_time() -> None:
    with open_nodes(4) as nodes:
        command = nodes.send("true", MaxConcurrency="50%")
        nodes.jump(2)
        assert nodes.statuses(command) == {"InProgress": 2, "Pending": 2}
        nodes.jump(6)
        assert nodes.statuses(command) == {"Success": 2, "InProgress": 2}


def test_first_error_stops_the_sending_by_default() -> None:
    with open_nodes(3) as nodes:
        nodes.tag(nodes.ids[0], "sandbox:command", "fails")
        command = nodes.send("true", MaxConcurrency="1")
        nodes.jump(DONE_SECONDS)
        rest = ("Cancelled", "Terminated")
        assert nodes.invocations(command) == {
            nodes.ids[0]: ("Failed", "Failed"),
            nodes.ids[1]: rest,
            nodes.ids[2]: rest,
        }
        assert nodes.command(command)["Status"] == "Failed"


def test_errors_within_max_errors_let_the_command_continue() -> None:
    with open_nodes(3) as nodes:
        nodes.tag(nodes.ids[0], "sandbox:command", "fails")
        command = nodes.send("true", MaxConcurrency="1", MaxErrors="1")
        nodes.jump(30)
        assert nodes.statuses(command) == {"Failed": 1, "Success": 2}
        assert nodes.command(command)["StatusDetails"] == "Incomplete"


def test_cancelled_command_has_no_effect_where_it_was_not_over() -> None:
    with open_nodes(2) as nodes:
        nodes.tag(nodes.ids[0], "sandbox:command-seconds", "100")
        command = nodes.send("sandbox-version v2")
        nodes.jump(DONE_SECONDS)
        nodes.ssm.cancel_command(CommandId=command)
        assert nodes.statuses(command) == {"Cancelling": 1, "Success": 1}
        nodes.jump(200)
        assert nodes.statuses(command) == {"Cancelled": 1, "Success": 1}
        assert nodes.command(command)["Status"] == "Cancelled"
        assert [nodes.label(each) for each in nodes.ids] == ["v1", "v2"]


def test_cancel_of_one_node_leaves_the_others() -> None:
    with open_nodes(2) as nodes:
        command = nodes.send("true")
        nodes.ssm.cancel_command(CommandId=command, InstanceIds=nodes.ids[:1])
        nodes.jump(DONE_SECONDS)
        assert [nodes.invocations(command)[each][0] for each in nodes.ids] == ["Cancelled", "Success"]
        with pytest.raises(ClientError, match="InvalidCommandId"):
            nodes.ssm.cancel_command(CommandId="00000000-0000-0000-0000-000000000000")
