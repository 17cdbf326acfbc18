"""Refusals, endings and instants of AWS on the embedded AWS: what they mean, and whose they are."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout import Strategy
from awsroll.core.model.status import Outcome
from awsroll.sandbox import ApiError, FaultRule, Sandbox
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


def refuse_once(one: Rolling, operation: str, message: str, act: Any) -> list[str]:
    """Let someone act right before the first call of an operation, and AWS refuse that call."""
    taken: list[str] = []

    def before(_service: str, name: str, parameters: Any) -> None:
        if name == operation and not taken:
            taken.append(str((parameters.get("InstanceIds") or [parameters.get("InstanceId")])[0]))
            act(taken[0])
            code, words = "ValidationError", message.format(taken[0])
            raise ApiError(code, words, 400)

    one.sandbox.on_call(before)
    return taken


def autoscaling(one: Rolling) -> Any:
    return one.sandbox.session().client("autoscaling")


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


# --- no answer ------------------------------------------------------------------------------------------------------


def test_an_answer_without_instances_and_errors_launches_once(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=4, zones=2)
        sandbox.faults.add("unfinished autoscaling:LaunchInstances times=1")
        launched: set[str] = set()
        sandbox.on_call(lambda _service, _name, _: launched.update(one.running()), "after")
        report = one.roll(launch_first=True, concurrent="2")
        sandbox.jump(120)

        assert report.succeeded, report.reason
        assert one.group()["DesiredCapacity"] == 4
        assert len(launched) == 8, "four old servers, four new ones"


def test_a_launch_that_stays_without_an_answer_is_looked_up_after_its_deadline(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox(launch_token_seconds=1e9)
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)

        def empty(service: str, name: str, _: Any) -> None:
            if name == "LaunchInstances":
                sandbox.faults.add("unfinished autoscaling:LaunchInstances times=1")

        sandbox.on_call(empty)
        sandbox.faults.add("unfinished autoscaling:LaunchInstances")
        report = one.roll(launch_first=True)
        sandbox.jump(120)

        assert report.succeeded, report.reason
        assert one.group()["DesiredCapacity"] == 2


@pytest.mark.parametrize("hours", [1, 9])
def test_a_launch_whose_driver_died_is_made_once_however_late_the_rollout_resumes(tmp_path: Path, hours: int) -> None:
    class Killed(BaseException):
        pass

    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)
        deaths = [1]

        def die(_service: str, name: str, _: Any) -> None:
            if name == "LaunchInstances" and deaths and deaths.pop():
                raise Killed

        sandbox.on_call(die, "after")
        with pytest.raises(Killed):
            one.roll(launch_first=True)
        sandbox.jump(hours * 3600)
        most = [0]
        sandbox.on_call(lambda *_: most.append(len(one.running())), "after")
        rollout_id = awsroll.rollouts(store=one.store)[0].rollout_id
        report = awsroll.resume(rollout_id, session=sandbox.session(), store=one.store, clock=clock)
        sandbox.jump(120)

        assert report.succeeded, report.reason
        assert one.group()["DesiredCapacity"] == 2
        assert max(most) <= 4, "two old servers that may still run, two new ones"


# --- stale ----------------------------------------------------------------------------------------------------------


def test_a_member_that_someone_detaches_before_it_is_terminated_is_left_alone(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=3, min_size=1)

        def detach(name: str) -> None:
            autoscaling(one).detach_instances(
                AutoScalingGroupName="web", InstanceIds=[name], ShouldDecrementDesiredCapacity=False
            )

        message = "Instance Id not found - No managed instance found for instance ID: {}"
        taken = refuse_once(one, "TerminateInstanceInAutoScalingGroup", message, detach)
        report = one.roll()

        assert report.succeeded, report.reason
        assert sandbox.world.ec2.instance(taken[0]).state == "running"
        assert any(f"{taken[0]}: someone has detached it" in warning for warning in report.warnings)
        assert sandbox.calls["autoscaling:TerminateInstanceInAutoScalingGroup"] < 10


def test_a_minimum_that_someone_raises_under_the_surplus_is_the_goal(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=3, min_size=1, max_size=6)

        def raise_minimum(_name: str) -> None:
            autoscaling(one).update_auto_scaling_group(AutoScalingGroupName="web", MinSize=4)

        message = "Currently, desiredSize equals minSize (4). Terminating {} violates the minimum."
        refuse_once(one, "TerminateInstanceInAutoScalingGroup", message, raise_minimum)
        report = one.roll(launch_first=True)
        sandbox.jump(300)

        assert report.succeeded, report.reason
        assert (one.group()["MinSize"], one.group()["DesiredCapacity"]) == (4, 4)
        assert one.serving_versions() == {"v2": 4}


def test_a_member_that_someone_terminates_before_its_standby_is_replaced(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=3, min_size=1)

        def end(name: str) -> None:
            autoscaling(one).terminate_instance_in_auto_scaling_group(
                InstanceId=name, ShouldDecrementDesiredCapacity=False
            )

        taken = refuse_once(one, "EnterStandby", "The instance {} is not in InService.", end)
        report = one.roll(strategy=Strategy.RELOAD)

        assert taken
        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 3}


# --- by whom --------------------------------------------------------------------------------------------------------


@KINDS
def test_a_new_server_that_someone_terminates_is_replaced_with_a_warning(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=grouped, servers=3)
        old, ended = set(one.fleet.instance_ids), list[str]()

        def end(_service: str, name: str, _: Any) -> None:
            targets = sandbox.elb.targets(one.fleet.target_group_arns[0])
            new = [target.instance_id for target in targets if target.instance_id not in old]
            if name == "DescribeTargetHealth" and new and not ended:
                ended.append(new[0])
                sandbox.world.ec2.terminate(new[0])

        sandbox.on_call(end)
        report = one.roll()

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 3}
        assert any(ended[0] in warning and "not due to the version" in warning for warning in report.warnings)


@KINDS
def test_a_version_that_shuts_itself_down_turns_the_rollout_back(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        shape = {"further_versions": ({"sandbox:shutdown-seconds": "2"},)}
        one = enter(sandbox, clock, tmp_path, grouped=grouped, servers=3, **shape)
        report = one.roll(version=3)
        sandbox.jump(300)

        assert report.status is Outcome.ROLLED_BACK, report.reason
        assert one.serving_versions() == {"v1": 3}


def test_a_launch_hook_that_abandons_the_new_members_turns_the_rollout_back(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)
        hook = {"LifecycleHookName": "boot", "AutoScalingGroupName": "web", "HeartbeatTimeout": 60}
        transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
        autoscaling(one).put_lifecycle_hook(**hook, LifecycleTransition=transition, DefaultResult="ABANDON")
        begun = clock.monotonic()
        report = one.roll(launch_first=True)

        assert report.status is Outcome.ROLLED_BACK, report.reason
        assert "ended before it was in service" in report.reason
        assert "Lifecycle Action" in report.reason
        assert clock.monotonic() - begun < 300, "the group would launch for ever"
        assert one.serving_versions() == {"v1": 2}


# --- late, and on another clock -------------------------------------------------------------------------------------


def test_a_member_that_leaves_late_is_a_warning(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox(drain_lag_seconds=75)
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=3)
        report = one.roll(launch_first=True)

        assert report.succeeded, report.reason
        assert report.failures == ()
        assert any("still waiting" in warning for warning in report.warnings)


def test_a_member_that_its_group_retains_has_left_with_a_warning(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=3)
        policy = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
        autoscaling(one).update_auto_scaling_group(AutoScalingGroupName="web", InstanceLifecyclePolicy=policy)
        hook = {"LifecycleHookName": "last-words", "AutoScalingGroupName": "web", "HeartbeatTimeout": 30}
        autoscaling(one).put_lifecycle_hook(**hook, LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING")
        report = one.roll()

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 3}
        for name in one.fleet.instance_ids:
            assert any(f"{name}: the group retains it" in warning for warning in report.warnings), name


@pytest.mark.parametrize("seconds", [240, -240])
def test_a_clock_that_is_four_minutes_wrong_changes_nothing(tmp_path: Path, seconds: float) -> None:
    took = {}
    for wrong in (0, seconds):
        sandbox, clock = make_sandbox()
        with sandbox:
            one = enter(sandbox, clock, tmp_path / str(wrong), grouped=True, servers=3)
            refuse_launches(sandbox, "InvalidKeyPair.NotFound", NO_KEY, versions=("2",))
            begun = clock.monotonic()
            report = awsroll.roll(
                one.request(poll=20), session=sandbox.session(), store=one.store, clock=Wrong(clock, wrong)
            )
            took[wrong] = clock.monotonic() - begun

            assert report.status is Outcome.ROLLED_BACK, report.reason
            assert NO_KEY in report.reason
    assert took[seconds] == pytest.approx(took[0], abs=30)


class Wrong:
    """A clock that is wrong by some seconds."""

    is_real_time = False

    def __init__(self, clock: Any, seconds: float) -> None:
        self._clock = clock
        self._by = timedelta(seconds=seconds)
        self.monotonic, self.sleep = clock.monotonic, clock.sleep

    def now(self) -> Any:
        return self._clock.now() + self._by
