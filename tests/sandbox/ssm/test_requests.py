"""SendCommand: the checks of a request, documents and targets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.ssm.nodes import DONE_SECONDS, open_nodes


@pytest.mark.parametrize("trouble", ["booting", "stopped", "terminated", "no-agent", "unknown"])
def test_one_node_that_is_not_online_fails_the_whole_call(trouble: str) -> None:
    with open_nodes(2) as nodes:
        bad = nodes.ids[0]
        match trouble:
            case "booting":
                nodes.ec2.stop_instances(InstanceIds=[bad])
                nodes.jump(60)
                nodes.ec2.start_instances(InstanceIds=[bad])
                nodes.jump(42)  # running for two seconds: the agent needs five
            case "stopped":
                nodes.ec2.stop_instances(InstanceIds=[bad])
            case "terminated":
                nodes.ec2.terminate_instances(InstanceIds=[bad])
            case "no-agent":
                nodes.tag(bad, "sandbox:agent", "none")
                nodes.ec2.stop_instances(InstanceIds=[bad])
                nodes.jump(60)
                nodes.ec2.start_instances(InstanceIds=[bad])
                nodes.jump(60)
            case _:
                bad = "i-0123456789abcdef0"
        assert nodes.refusal("true", InstanceIds=[bad, nodes.ids[1]]) == "InvalidInstanceId"
        nodes.jump(DONE_SECONDS)
        assert nodes.sandbox.world.ssm.deliveries() == ()


def test_node_is_online_again_after_it_was_stopped_and_started() -> None:
    with open_nodes() as nodes:
        nodes.ec2.stop_instances(InstanceIds=nodes.ids)
        nodes.jump(60)
        nodes.ec2.start_instances(InstanceIds=nodes.ids)
        nodes.jump(60)
        command = nodes.send("true")
        nodes.jump(DONE_SECONDS)
        assert nodes.statuses(command) == {"Success": 1}


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
        "timeout", "comment", "too-many", "no-targets", "document", "platform", "parameter", "no-commands", "run-time",
        "errors",
    ],
)  # fmt: skip
def test_bad_request_is_refused(changes: dict[str, Any], code: str) -> None:
    with open_nodes() as nodes:
        assert nodes.refusal("true", **changes) == code


def test_repeated_id_is_refused() -> None:
    with open_nodes() as nodes:
        assert nodes.refusal("true", InstanceIds=nodes.ids * 2) == "DuplicateInstanceId"


def test_document_of_the_account_runs_and_its_parameters_are_its_text() -> None:
    with open_nodes() as nodes:
        content = '{"schemaVersion": "2.2", "description": "d", "mainSteps": []}'
        nodes.ssm.create_document(Name="reload", Content=content, DocumentType="Command")
        command = nodes.send(DocumentName="reload", Parameters={"argument": ["sandbox-version v9"]})
        nodes.jump(DONE_SECONDS)
        assert nodes.command(command)["DocumentName"] == "reload"
        assert nodes.label(nodes.ids[0]) == "v9"


def test_targets_are_found_by_tag_and_only_online() -> None:
    with open_nodes(3) as nodes:
        for each in nodes.ids[:2]:
            nodes.tag(each, "role", "web")
        nodes.ec2.terminate_instances(InstanceIds=[nodes.ids[0]])
        command = nodes.send("true", Targets=[{"Key": "tag:role", "Values": ["web"]}])
        nodes.jump(DONE_SECONDS)
        assert nodes.invocations(command) == {nodes.ids[1]: ("Success", "Success")}


def test_targets_without_a_match_end_the_command() -> None:
    with open_nodes() as nodes:
        command = nodes.send("true", Targets=[{"Key": "tag:role", "Values": ["none"]}])
        nodes.jump(DONE_SECONDS)
        assert nodes.command(command)["StatusDetails"] == "No Instances In Tag"


@pytest.mark.parametrize(
    ("document", "platform", "refused"),
    [
        ("AWS-RunShellScript", "Windows", "UnsupportedPlatformType"),
        ("AWS-RunPowerShellScript", "Windows", ""),
        ("AWS-RunPowerShellScript", "Linux", "UnsupportedPlatformType"),
        ("AWS-RunShellScript", "Linux", ""),
    ],
)
def test_a_document_of_aws_runs_on_its_platform_only(document: str, platform: str, refused: str) -> None:
    with open_nodes() as nodes:
        nodes.tag(nodes.ids[0], "sandbox:platform", platform)
        nodes.jump(60)
        (node,) = nodes.ssm.describe_instance_information()["InstanceInformationList"]
        assert node["PlatformType"] == platform
        assert nodes.refusal("Get-Date", DocumentName=document) == refused
