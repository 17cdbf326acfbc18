"""Servers that leave early, late or by someone else's hand: whose ending it is decides what the rollout does."""

from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.sandbox import ApiError
from tests.rollouts.rolling import Rolling, enter, make_sandbox

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])


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


# --- ended between the observation and the call ----------------------------------------------------------------------


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


# --- by whom ---------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("how", ["killed", "ignored"])
def test_a_new_member_that_someone_deregisters_is_replaced_with_a_warning(tmp_path: Path, how: str) -> None:
    sandbox, clock = make_sandbox(member_deregistered_by_hand=how)
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)
        arn, old, taken = one.fleet.target_group_arns[0], set(one.fleet.instance_ids), list[str]()

        def deregister(_service: str, name: str, _: Any) -> None:
            healthy = {target.instance_id for target in sandbox.elb.targets(arn) if target.state == "healthy"}
            if name == "DescribeTargetHealth" and healthy - old and not taken:
                taken.extend(healthy - old)
                sandbox.elb.deregister(arn, taken[0], None)

        sandbox.on_call(deregister)
        report = one.roll()

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 2}
        assert any(taken[0] in warning and "not due to the version" in warning for warning in report.warnings)


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


# --- late ------------------------------------------------------------------------------------------------------------


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


# --- refused for ever ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [("TerminateInstanceInAutoScalingGroup", {"launch_first": True}), ("ExitStandby", {"strategy": Strategy.RELOAD})],
    ids=["terminate", "exit-standby"],
)
def test_a_call_that_is_always_refused_leaves_no_process_suspended(
    tmp_path: Path, operation: str, wanted: dict[str, Any]
) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)

        def refuse(_service: str, name: str, _: Any) -> None:
            if name == operation:
                code, words = "ValidationError", "The instance cannot leave now."
                raise ApiError(code, words, 400)

        sandbox.on_call(refuse)
        report = one.roll(on_failure="stop", **wanted)

        assert report.status is Outcome.STOPPED, report.reason
        assert one.group()["SuspendedProcesses"] == []
        assert sandbox.calls[f"autoscaling:{operation}"] < 10
