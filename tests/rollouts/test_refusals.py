"""Refused launches on the embedded AWS: never, not here, not yet, not permitted."""

from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.status import Outcome
from awsroll.sandbox import FaultRule, Sandbox
from awsroll.sandbox.faults.fault_rule import Fault
from tests.rollouts.rolling import Rolling, enter, make_sandbox

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
NO_IMAGE = "The image id '[ami-0abc]' does not exist."
NO_KEY = "The key pair 'deploy' does not exist."
NOT_OFFERED = (
    "Your requested instance type (c5.large) is not supported in your requested Availability Zone (us-east-1c)."
)


def refuse_launches(sandbox: Sandbox, code: str, message: str, **conditions: Any) -> None:
    sandbox.faults.add(FaultRule(fault=Fault.LAUNCH_REFUSED, code=code, message=message, **conditions))


# --- never ----------------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("message", [NO_IMAGE, NO_KEY], ids=["image", "key-pair"])
def test_a_launch_that_can_never_succeed_turns_the_rollout_back_within_a_minute(
    tmp_path: Path, *, grouped: bool, message: str
) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=grouped)
        refuse_launches(sandbox, "InvalidParameterValue", message, versions=("2",))
        turned: list[float] = []
        sandbox.on_call(lambda _service, name, _: turned.append(clock.monotonic()) if name == "RunInstances" else None)
        begun = clock.monotonic()
        report = one.roll()
        sandbox.jump(300)

        assert report.status is Outcome.ROLLED_BACK, report.reason
        assert message in report.reason
        assert clock.monotonic() - begun < 300 + 300, "the deadline of a launch is 600 s"
        assert one.serving_versions() == {"v1": 4}


def test_a_rollback_of_a_standalone_fleet_does_not_give_an_empty_place_up_before_its_deadline(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=False, servers=2)
        refuse_launches(sandbox, "InvalidKeyPair.NotFound", NO_KEY, times=20)
        report = one.roll()

        assert report.status is Outcome.ROLLED_BACK, report.reason
        assert one.serving_versions() == {"v1": 2}


# --- not here -------------------------------------------------------------------------------------------------------


def test_a_zone_that_does_not_offer_the_type_is_left_to_the_other_zones(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=3, zones=3)
        refuse_launches(sandbox, "Unsupported", NOT_OFFERED, zones=("us-east-1c",))
        report = one.roll(launch_first=True)

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 3}


def test_a_type_that_no_zone_of_the_group_offers_turns_the_rollout_back_soon(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=3, zones=3)
        refuse_launches(sandbox, "Unsupported", NOT_OFFERED, versions=("2",))
        begun = clock.monotonic()
        report = one.roll(launch_first=True)

        assert report.status is Outcome.ROLLED_BACK, report.reason
        assert "not supported in your requested Availability Zone" in report.reason
        assert clock.monotonic() - begun < 120


def test_a_full_host_is_waited_out(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=False, servers=2)
        refuse_launches(sandbox, "InsufficientCapacityOnHost", "Insufficient capacity on host h-0abc.", times=8)
        report = one.roll()

        assert report.succeeded, report.reason


def refuse_from_second_server_on(one: Rolling, code: str, message: str) -> None:
    """Refuse every launch from the first termination of an old server on."""
    ended: list[str] = []

    def after(_service: str, name: str, _: Any) -> None:
        if name == "TerminateInstances" and not ended:
            ended.append(name)
            refuse_launches(one.sandbox, code, message)

    one.sandbox.on_call(after, "after")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InsufficientInstanceCapacity", "We currently do not have sufficient t3.micro capacity in us-east-1a."),
        ("InvalidKeyPair.NotFound", NO_KEY),
    ],
    ids=["no-capacity", "no-key-pair"],
)
def test_a_drained_server_returns_to_service_if_nothing_replaces_it(tmp_path: Path, code: str, message: str) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=False, servers=2)
        refuse_from_second_server_on(one, code, message)
        begun = clock.monotonic()
        report = one.roll()
        took = clock.monotonic() - begun
        sandbox.jump(120)

        assert report.status in (Outcome.ROLLED_BACK, Outcome.STOPPED), report.reason
        assert message in report.reason
        assert sum(one.serving_versions().values()) == 2, "each server has returned or been replaced"
        assert took < 2 * 600 + 300, "a launch deadline each for the rollout and the rollback"


def test_a_template_that_is_deleted_midway_ends_the_rollout_soon_and_costs_no_server(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=False, servers=2)

        def delete(_service: str, name: str, _: Any) -> None:
            if name == "TerminateInstances":
                stop()
                sandbox.session().client("ec2").delete_launch_template(LaunchTemplateId=one.fleet.template_id)

        stop = sandbox.on_call(delete)
        begun = clock.monotonic()
        report = one.roll()
        took = clock.monotonic() - begun
        sandbox.jump(120)

        assert report.status is Outcome.STOPPED, report.reason
        assert "InvalidLaunchTemplateId.NotFound" in report.reason
        assert sum(one.serving_versions().values()) == 2
        assert took < 300


# --- not yet --------------------------------------------------------------------------------------------------------


def test_a_network_interface_is_free_once_the_old_server_is_terminated(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=False, servers=1)
        ec2 = sandbox.session().client("ec2")
        interface = ec2.create_network_interface(SubnetId=one.fleet.subnet_ids[0])["NetworkInterface"]
        held = {"DeviceIndex": 0, "NetworkInterfaceId": interface["NetworkInterfaceId"]}
        image = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro", "NetworkInterfaces": [held]}
        made = ec2.create_launch_template_version(LaunchTemplateId=one.fleet.template_id, LaunchTemplateData=image)
        first = made["LaunchTemplateVersion"]["VersionNumber"]
        ec2.create_launch_template_version(LaunchTemplateId=one.fleet.template_id, LaunchTemplateData=image)
        assert one.roll(version=first, max_unavailable="1", max_surge="0").succeeded

        report = one.roll(version=first + 1, max_unavailable="1", max_surge="0")

        assert report.succeeded, report.reason
        refused = sandbox.calls["ec2:RunInstances"]
        assert refused > 3, "the interface was in use at first"


def test_a_quota_is_free_once_the_old_server_is_terminated(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=False, servers=2)
        sandbox.change_options(instance_quota=2)
        report = one.roll(max_unavailable="1", max_surge="0")

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 2}


def test_a_quota_with_room_for_one_more_is_no_reason_to_go_back(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox(stop_seconds=120)
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=False, servers=3)
        sandbox.change_options(instance_quota=4)
        report = one.roll(launch_first=True)

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 3}


def test_a_quota_that_nothing_frees_turns_the_rollout_back_soon(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=False, servers=2)
        sandbox.change_options(instance_quota=2)
        begun = clock.monotonic()
        report = one.roll(launch_first=True)

        assert report.status is Outcome.ROLLED_BACK, report.reason
        assert "VcpuLimitExceeded" in report.reason
        assert clock.monotonic() - begun < 120


# --- not permitted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["the-call", "ec2-behind-it"])
def test_without_permission_for_launch_instances_the_desired_capacity_is_raised(tmp_path: Path, how: str) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=3)
        if how == "the-call":
            sandbox.faults.add("denied autoscaling:LaunchInstances")
        else:
            message = "You are not authorized to perform this operation: ec2:CreateFleet"
            refuse_launches(sandbox, "UnauthorizedOperation", message, operation="autoscaling:LaunchInstances")
        report = one.roll(launch_first=True)
        sandbox.jump(120)

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 3}
        assert one.group()["DesiredCapacity"] == 3
        assert any("LaunchInstances is not permitted" in warning for warning in report.warnings)
        assert sandbox.calls["autoscaling:LaunchInstances"] == 1
