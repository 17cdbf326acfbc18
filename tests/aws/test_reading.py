from typing import Any

import pytest

from awsroll.aws.parse_answers import (
    missing_instance,
    read_instance,
    read_lifecycle,
    read_target_group,
    read_targets,
    template_setting,
)
from awsroll.core.model.observation import InstanceState, Lifecycle, TargetState, TemplateVersion


def described(**more: Any) -> dict[str, Any]:
    return {"InstanceId": "i-1", "State": {"Name": "running"}, **more}


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key.replace("__", ":").replace("_", "-"), "Value": value} for key, value in values.items()]


def test_reads_an_instance() -> None:
    one = read_instance(
        described(
            Placement={"AvailabilityZone": "a"},
            SubnetId="subnet-1",
            ClientToken="token",
            StateReason={"Code": "Server.InternalError", "Message": "it broke"},
            Tags=tags(awsroll__rollout="r", awsroll__role="retiring", awsroll__app_version="v2", Name="web"),
        )
    )
    assert (one.zone, one.subnet_id, one.client_token) == ("a", "subnet-1", "token")
    assert (one.rollout, one.role, one.app_version) == ("r", "retiring", "v2")
    assert one.state_reason == "Server.InternalError: it broke"
    assert one.lifecycle is None
    assert not one.protected


def test_leaves_out_the_tags_of_aws() -> None:
    one = read_instance(described(Tags=[{"Key": "aws:x", "Value": "1"}, {"Key": "Name", "Value": "web"}]))
    assert one.tags == (("Name", "web"),)


@pytest.mark.parametrize("state", ["rebooting", ""])
def test_an_unknown_state_is_unknown(state: str) -> None:
    assert read_instance(described(State={"Name": state})).state is InstanceState.UNKNOWN


MEMBER = {"InstanceId": "i-1", "LifecycleState": "InService", "HealthStatus": "Healthy", "ProtectedFromScaleIn": False}


@pytest.mark.parametrize(
    ("own", "member", "expected"),
    [
        ({"aws:ec2launchtemplate:id": "lt-1", "aws:ec2launchtemplate:version": "3"}, "$Latest", ("lt-1", 3)),
        ({"aws:ec2launchtemplate:id": "lt-1", "aws:ec2launchtemplate:version": "3"}, "2", ("lt-1", 3)),
        ({}, "2", ("lt-9", 2)),
        ({"awsroll:template": "lt-1:4"}, "$Latest", ("lt-1", 4)),
        ({}, "$Latest", None),
        ({"awsroll:template": "nonsense"}, "", None),
    ],
    ids=["ec2-over-alias", "ec2-over-member", "member", "ours", "alias-alone", "nonsense"],
)
def test_finds_the_template_version(own: dict[str, str], member: str, expected: tuple[str, int] | None) -> None:
    listed = [{"Key": key, "Value": value} for key, value in own.items()]
    record = {**MEMBER, "LaunchTemplate": {"LaunchTemplateId": "lt-9", "Version": member}}
    found = read_instance(described(Tags=listed), member=record).template
    assert found == (None if expected is None else TemplateVersion(template_id=expected[0], number=expected[1]))


def test_reads_a_member_as_the_group_describes_it() -> None:
    record = {**MEMBER, "LifecycleState": "Terminating:Wait", "HealthStatus": "Unhealthy", "ProtectedFromScaleIn": True}
    one = read_instance(described(), member=record)
    assert (one.lifecycle, one.lifecycle_detail) == (Lifecycle.TERMINATING, "Terminating:Wait")
    assert one.marked_unhealthy
    assert one.protected


def test_a_member_that_ec2_does_not_know_is_missing() -> None:
    one = missing_instance("i-1", member={**MEMBER, "AvailabilityZone": "a"})
    assert (one.state, one.lifecycle, one.zone) == (InstanceState.MISSING, Lifecycle.IN_SERVICE, "a")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Pending:Proceed", Lifecycle.PENDING),
        ("Terminating:Wait", Lifecycle.TERMINATING),
        ("Terminating:Retained", Lifecycle.RETAINED),
        ("Detached", Lifecycle.DETACHING),
        ("EnteringStandby", Lifecycle.ENTERING_STANDBY),
        ("Warmed:Running", Lifecycle.UNKNOWN),
        ("ReplacingRootVolume:Wait", Lifecycle.UNKNOWN),
        ("SomethingNew", Lifecycle.UNKNOWN),
    ],
)
def test_folds_lifecycle_states(state: str, expected: Lifecycle) -> None:
    assert read_lifecycle(state) is expected


def health(name: str, port: int, state: str, reason: str = "") -> dict[str, Any]:
    return {"Target": {"Id": name, "Port": port}, "TargetHealth": {"State": state, "Reason": reason}}


def test_reads_targets_by_instance_and_port() -> None:
    found = read_targets("arn", [health("i-1", 80, "healthy"), health("i-1", 81, "draining"), health("i-2", 80, "new")])
    assert [(one.key.port, one.state) for one in found["i-1"]] == [
        (80, TargetState.HEALTHY),
        (81, TargetState.DRAINING),
    ]
    assert found["i-2"][0].state is TargetState.UNKNOWN


def test_unused_means_gone_only_with_its_reason() -> None:
    listed = [health("i-1", 80, "unused", "Target.NotRegistered"), health("i-2", 80, "unused", "Target.NotInUse")]
    assert list(read_targets("arn", listed)) == ["i-2"]


def test_unhealthy_draining_is_not_healthy() -> None:
    assert read_targets("arn", [health("i-1", 80, "unhealthy.draining")])["i-1"][0].state is TargetState.UNHEALTHY


def test_reads_the_settings_of_a_target_group() -> None:
    group = read_target_group(
        {"TargetGroupArn": "arn", "TargetGroupName": "web", "Port": 8080, "HealthCheckIntervalSeconds": 7},
        {"deregistration_delay.timeout_seconds": "45", "slow_start.duration_seconds": "30"},
        managed=True,
    )
    assert (group.port, group.deregistration_delay_seconds, group.health_interval_seconds) == (8080, 45, 7)
    assert (group.slow_start_seconds, group.managed) == (30, True)


def test_finds_the_template_wherever_the_group_keeps_it() -> None:
    own = {"LaunchTemplateId": "lt-1", "Version": "1"}
    assert template_setting({"LaunchTemplate": own}) == own
    mixed = {"LaunchTemplate": {"LaunchTemplateSpecification": own}}
    assert template_setting({"MixedInstancesPolicy": mixed}) == own
    assert template_setting({"LaunchConfigurationName": "old"}) is None
