"""The plain templates of a release."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cdk.synthesized import ALL, Synthesized
from tests.cdk.template_parts import listed
from tests.support.patience import PATIENCE_SECONDS

_NEEDLESS = "W3005"  # a dependency that a reference implies already: the CDK writes both


@pytest.mark.parametrize("stack", ALL)
def test_template_is_clean_to_cfn_lint(synthesized: Synthesized, stack: str, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps(synthesized.templates[stack]))
    command = [
        sys.executable,
        "-c",
        "import cfnlint.runner; cfnlint.runner.main()",
        "--ignore-checks",
        _NEEDLESS,
        "--",
        str(file),
    ]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize(("stack", "named"), [("released_group", {"AutoScalingGroup"}), ("released_standalone", set())])
def test_released_template_needs_neither_assets_nor_bootstrapping(
    synthesized: Synthesized, stack: str, named: set[str]
) -> None:
    written = synthesized.templates[stack]
    assert set(written["Parameters"]) == {
        "CodeBucket",
        "CodeKey",
        "InstanceRoleArn",
        "ReloadsServers",
        "TargetGroupArns",
        "TopicArn",
        *named,
    }
    assert "cdk-" not in json.dumps(written)
    for one in synthesized.resources(stack, "AWS::Lambda::Function").values():
        assert one["Properties"]["Code"] == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}


def test_released_template_tells_its_topic_if_it_has_one(synthesized: Synthesized) -> None:
    for stack in ("released_group", "released_standalone"):
        for alarm in synthesized.resources(stack, "AWS::CloudWatch::Alarm").values():
            action = {"Fn::If": ["HasTopic", {"Ref": "TopicArn"}, {"Ref": "AWS::NoValue"}]}
            assert alarm["Properties"]["AlarmActions"] == [action]
        for function in synthesized.resources(stack, "AWS::Lambda::Function").values():
            notify = function["Properties"]["Environment"]["Variables"]["AWSROLL_NOTIFY"]
            assert notify["Fn::If"][0] == "HasTopic"
        policies = synthesized.resources(stack, "AWS::IAM::Policy").values()
        (publishing,) = (one for one in policies if one.get("Condition") == "HasTopic")
        assert len(publishing["Properties"]["Roles"]) == 2  # those that drive and those that start rollouts


def test_released_template_is_nested_as_documented(synthesized: Synthesized) -> None:
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    (block,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    example, released = json.loads(block), synthesized.templates["released_group"]
    given = example["Resources"]["Awsroll"]["Properties"]["Parameters"]
    needed = {name for name, one in released["Parameters"].items() if "Default" not in one}
    assert needed <= set(given) <= set(released["Parameters"])
    assert example["Outputs"]["Machine"]["Value"]["Fn::GetAtt"][1].removeprefix("Outputs.") in released["Outputs"]


def test_released_template_lets_rollouts_keep_failed_servers(synthesized: Synthesized) -> None:
    allowed = synthesized.statements("released_group", "FleetRole")
    (kept,) = (one for one in allowed if one.get("Sid") == "TerminateKeptServers")
    assert any("autoscaling:DetachInstances" in listed(one["Action"]) for one in allowed)
    assert "aws:ResourceTag/" in str(kept["Condition"])
