"""A launch template version that does not decide which image runs is refused or named."""

from collections.abc import Iterator
from typing import Any

import pytest

from awsroll.aws.autoscaling import AutoScaling
from awsroll.core.model.rollout_choices import Strategy
from awsroll.preflight.findings import Findings
from awsroll.preflight.image_checks import check_overrides, parameter_and_version, replaced_root_volumes
from tests.preflight.test_group import Bench
from tests.support.amazon import sandbox


@pytest.fixture
def bench() -> Iterator[Bench]:
    with sandbox() as (made, aws):
        yield Bench(made, aws, made.auto_scaling_fleet(desired=2, zones=2, max_size=6))


def new_version(bench: Bench, image: str) -> str:
    made = bench.client("ec2").create_launch_template_version(
        LaunchTemplateId=bench.built.template_id, LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"}
    )
    return f"{bench.built.template_id}:{made['LaunchTemplateVersion']['VersionNumber']}"


def test_an_image_by_parameter_is_a_warning(bench: Bench) -> None:
    version = new_version(bench, "resolve:ssm:/app/ami")
    (warning,) = bench.warnings(launch_template=version)
    assert f"launch template {version} takes its image from the Systems Manager parameter /app/ami" in warning


def test_an_image_by_a_fixed_version_of_a_parameter_is_a_note(bench: Bench) -> None:
    version = new_version(bench, "resolve:ssm:/app/ami:3")
    prepared = bench.prepare(launch_template=version)
    assert prepared.warnings == ()
    assert any("version 3 of the parameter /app/ami" in finding.message for finding in prepared.findings)


def test_a_label_of_a_parameter_can_move_so_it_is_a_warning(bench: Bench) -> None:
    (warning,) = bench.warnings(launch_template=new_version(bench, "resolve:ssm:/app/ami:prod"))
    assert "parameter /app/ami " in warning


@pytest.mark.parametrize(
    ("image", "parsed"),
    [
        ("resolve:ssm:/app/ami", ("/app/ami", "")),
        ("resolve:ssm:/app/ami:3", ("/app/ami", "3")),
        (
            "resolve:ssm:arn:aws:ssm:us-east-1:123456789012:parameter/ami:7",
            ("arn:aws:ssm:us-east-1:123456789012:parameter/ami", "7"),
        ),
    ],
)
def test_a_parameter_is_read_with_its_version(image: str, parsed: tuple[str, str]) -> None:
    assert parameter_and_version(image) == parsed


def refusals(check: Any, *described: Any) -> tuple[str, ...]:
    findings = Findings()
    check(*described, findings)
    return tuple(finding.message for finding in findings._found if finding.severity == "refuse")


def test_an_image_in_an_override_is_refused() -> None:
    overrides = [{"InstanceType": "t3.micro"}, {"InstanceType": "t3.small", "ImageId": "ami-1"}]
    group = {"AutoScalingGroupName": "web", "MixedInstancesPolicy": {"LaunchTemplate": {"Overrides": overrides}}}
    (refusal,) = refusals(check_overrides, group)
    assert "names the image ami-1 in an override" in refusal
    assert refusals(check_overrides, {"AutoScalingGroupName": "web"}) == ()


LAUNCH_TAGS = [
    {"Key": "aws:ec2launchtemplate:id", "Value": "lt-1"},
    {"Key": "aws:ec2launchtemplate:version", "Value": "1"},
]


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "2"}}, "launched from lt-1:1, now lt-1:2"),
        ({"ImageId": "ami-2"}, "launched with image ami-1, now ami-2"),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "1"}, "ImageId": "ami-1"}, ""),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "$Latest"}}, ""),
        ({}, ""),
    ],
    ids=["another-version", "another-image", "the-same", "an-alias", "nothing-known"],
)
def test_a_replaced_root_volume_is_found(member: dict[str, Any], words: str) -> None:
    group = {"AutoScalingGroupName": "web", "Instances": [{"InstanceId": "i-1", **member}]}
    described = {"i-1": {"InstanceId": "i-1", "ImageId": "ami-1", "Tags": LAUNCH_TAGS}}
    found = replaced_root_volumes(group, described)
    assert bool(found) == bool(words)
    assert all(words in each and "i-1" in each for each in found)


def test_members_with_a_replaced_root_volume_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    read = AutoScaling.group

    def replaced(self: AutoScaling, name: str) -> dict[str, Any]:
        group = read(self, name)
        assert group is not None
        newer = {**group["LaunchTemplate"], "Version": "2"}
        members = [{**one, "ImageId": "ami-2", "LaunchTemplate": newer} for one in group["Instances"]]
        return {**group, "Instances": members}

    monkeypatch.setattr(AutoScaling, "group", replaced)
    (problem,) = bench.problems(launch_template=f"{bench.built.template_id}:1")
    assert "root volume was replaced" in problem
    reload: dict[str, Any] = {"strategy": Strategy.RELOAD, "command": ("restart",), "on_failure": "stop"}
    bench.sandbox.jump(60)
    assert bench.prepare(**reload).rollout.reload is not None


def test_a_reload_does_not_depend_on_the_image(bench: Bench) -> None:
    version = new_version(bench, "resolve:ssm:/app/ami")
    bench.update(LaunchTemplate=bench.setting(version.partition(":")[2]))
    warnings = bench.warnings(strategy=Strategy.RELOAD, command=("restart",), on_failure="stop")
    assert not any("parameter" in warning for warning in warnings)
