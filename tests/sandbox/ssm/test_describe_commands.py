"""Run Command: lists of commands and invocations, and descriptions of nodes."""

from __future__ import annotations

from typing import Any

from tests.sandbox.ssm.nodes import DONE_SECONDS, SHELL, open_nodes


def test_invocations_come_in_pages_with_details_on_request() -> None:
    with open_nodes(5) as nodes:
        command = nodes.send("sandbox-version v2")
        nodes.jump(DONE_SECONDS)
        pages = nodes.ssm.get_paginator("list_command_invocations").paginate(
            CommandId=command, Details=True, PaginationConfig={"PageSize": 2}
        )
        rows = [page["CommandInvocations"] for page in pages]
        assert [len(page) for page in rows] == [2, 2, 1]
        plugin = rows[0][0]["CommandPlugins"][0]
        assert (plugin["Status"], plugin["ResponseCode"], plugin["Output"]) == ("Success", 0, "serving v2\n")
        assert nodes.ssm.list_command_invocations(CommandId=command)["CommandInvocations"][0]["CommandPlugins"] == []


def test_commands_and_invocations_are_filtered() -> None:
    with open_nodes(2) as nodes:
        good = nodes.send("true", InstanceIds=nodes.ids[:1])
        nodes.jump(10)
        between = nodes.sandbox.clock.now().isoformat()
        nodes.jump(10)
        bad = nodes.send("exit 1", InstanceIds=nodes.ids[1:])
        nodes.jump(DONE_SECONDS)

        def found(key: str, value: str) -> list[str]:
            rows = nodes.ssm.list_commands(Filters=[{"key": key, "value": value}])["Commands"]
            return [each["CommandId"] for each in rows]

        assert found("DocumentName", SHELL) == [bad, good]
        assert found("Status", "Failed") == [bad]
        assert found("ExecutionStage", "Complete") == [bad, good]
        assert found("InvokedAfter", between) == [bad]
        assert found("InvokedBefore", between) == [good]
        by_node = nodes.ssm.list_commands(InstanceId=nodes.ids[0])["Commands"]
        assert [each["CommandId"] for each in by_node] == [good]
        rows = nodes.ssm.list_command_invocations(Filters=[{"key": "Status", "value": "Success"}])["CommandInvocations"]
        assert [each["CommandId"] for each in rows] == [good]
        rows = nodes.ssm.list_command_invocations(InstanceId=nodes.ids[1])["CommandInvocations"]
        assert [each["CommandId"] for each in rows] == [bad]


def test_nodes_are_described_and_a_lost_one_stays_online_for_a_while() -> None:
    with open_nodes(2) as nodes:

        def pings(**parameters: Any) -> dict[str, str]:
            rows = nodes.ssm.describe_instance_information(**parameters)["InstanceInformationList"]
            return {each["InstanceId"]: each["PingStatus"] for each in rows}

        first, second = nodes.ids
        nodes.ec2.terminate_instances(InstanceIds=[first])
        nodes.jump(30)
        assert pings() == {first: "Online", second: "Online"}
        nodes.jump(60)
        assert pings() == {first: "ConnectionLost", second: "Online"}
        assert pings(Filters=[{"Key": "InstanceIds", "Values": [second, "i-0123456789abcdef0"]}]) == {second: "Online"}
        assert pings(Filters=[{"Key": "PingStatus", "Values": ["ConnectionLost"]}]) == {first: "ConnectionLost"}


def test_instance_is_not_a_node_before_its_agent_is_online() -> None:
    with open_nodes() as nodes:
        answer = nodes.ec2.run_instances(ImageId="ami-12345678", InstanceType="t3.micro", MinCount=1, MaxCount=1)
        booting = answer["Instances"][0]["InstanceId"]
        nodes.jump(44)
        rows = nodes.ssm.describe_instance_information()["InstanceInformationList"]
        assert booting not in {each["InstanceId"] for each in rows}
        nodes.jump(2)
        rows = nodes.ssm.describe_instance_information()["InstanceInformationList"]
        assert booting in {each["InstanceId"] for each in rows}
