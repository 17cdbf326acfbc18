"""A fleet, target group or template that is gone: the rollout pauses, and abort and repair always come to their end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.status import Mode, Outcome
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.repairs.repair import RepairTarget, repair
from tests.rollouts.rolling import Rolling, enter, make_sandbox

Removal = Callable[[Rolling], None]


def _target_group(one: Rolling) -> None:
    elb, arn = one.sandbox.session().client("elbv2"), one.fleet.target_group_arns[-1]
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            elb.delete_listener(ListenerArn=listener["ListenerArn"])
    elb.delete_target_group(TargetGroupArn=arn)


def _group(one: Rolling) -> None:
    autoscaling = one.sandbox.session().client("autoscaling")
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)


def _replaced_target_group(one: Rolling) -> None:
    """Attach a new target group, detach the old one and delete it, as a stack update does that replaces it."""
    session, arn = one.sandbox.session(), one.fleet.target_group_arns[-1]
    elb, autoscaling = session.client("elbv2"), session.client("autoscaling")
    old = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    new = elb.create_target_group(Name="web-new", Protocol="HTTP", Port=80, VpcId=old["VpcId"])["TargetGroups"][0]
    call = {"AutoScalingGroupName": "web"}
    autoscaling.attach_load_balancer_target_groups(**call, TargetGroupARNs=[new["TargetGroupArn"]])
    autoscaling.detach_load_balancer_target_groups(**call, TargetGroupARNs=[arn])
    _target_group(one)


def _template(one: Rolling) -> None:
    one.sandbox.session().client("ec2").delete_launch_template(LaunchTemplateId=one.fleet.template_id)


def _everything(one: Rolling) -> None:
    _group(one)
    _target_group(one)
    _template(one)


def _nothing(_: Rolling) -> None:
    pass


AT_GATE = ""
MOMENTS = {
    True: (AT_GATE, "SuspendProcesses", "UpdateAutoScalingGroup", "TerminateInstanceInAutoScalingGroup"),
    False: (AT_GATE, "DeregisterTargets", "RunInstances", "RegisterTargets", "TerminateInstances"),
}
_IN_ROUTING = (_target_group, _replaced_target_group, _group)
REMOVALS = {
    True: (_target_group, _replaced_target_group, _group, _template, _everything),
    False: (_target_group, _template),
}
CASES = [
    pytest.param(
        grouped, removal, moment, id=f"{'group' if grouped else 'standalone'}-{removal.__name__[1:]}-{moment or 'gate'}"
    )
    for grouped in (True, False)
    for removal in REMOVALS[grouped]
    for moment in (MOMENTS[grouped] if removal in _IN_ROUTING else (AT_GATE, MOMENTS[grouped][-1]))
]
WANTED: dict[str, Any] = {
    "checkpoint": ("1",),
    "approve_checkpoints": True,
    "deregistration_delay": 20,
    "max_failures": 9,
}


@contextmanager
def _paused(tmp_path: Path, *, grouped: bool, removal: Removal, moment: str) -> Iterator[tuple[Rolling, str]]:
    """Roll a fleet until a resource is removed, after a call of awsroll or while the rollout waits at its gate."""
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=grouped, servers=3)
        left = [removal]

        def after(_service: str, name: str, _parameters: Any) -> None:
            if name == moment and left:
                left.pop()(one)

        stop = sandbox.on_call(after, "after")
        context = Context(session=sandbox.session(), store=one.store, clock=clock, wait_for_approval=False)
        report = operations.roll(one.request(**WANTED), context)
        stop()
        if left:
            left.pop()(one)
        yield one, report.rollout_id


def _abort(one: Rolling, rollout_id: str) -> Any:
    return awsroll.abort(rollout_id, session=one.sandbox.session(), store=one.store, clock=one.clock)


@pytest.mark.parametrize(("grouped", "removal", "moment"), CASES)
def test_an_abort_always_ends_the_rollout(tmp_path: Path, *, grouped: bool, removal: Removal, moment: str) -> None:
    with _paused(tmp_path, grouped=grouped, removal=removal, moment=moment) as (one, rollout_id):
        if one.store.load(rollout_id).status.mode is not Mode.ENDED:  # a rollback may have failed by itself
            _abort(one, rollout_id)

        assert one.store.load(rollout_id).status.outcome is Outcome.STOPPED
        _assert_free(one, rollout_id)


@pytest.mark.parametrize(
    ("grouped", "removal"), [(True, _replaced_target_group), (True, _everything), (False, _target_group)]
)
def test_a_repair_always_ends_the_rollout(tmp_path: Path, *, grouped: bool, removal: Removal) -> None:
    with _paused(tmp_path, grouped=grouped, removal=removal, moment=AT_GATE) as (one, rollout_id):
        context = Context(session=one.sandbox.session(), store=one.store, clock=one.clock)
        repaired = repair(RepairTarget(rollout_id=rollout_id), context)

        assert repaired.finished, repaired
        assert one.store.load(rollout_id).status.outcome is Outcome.STOPPED
        _assert_free(one, rollout_id)


@pytest.mark.parametrize(("grouped", "removal"), [(True, _replaced_target_group), (False, _target_group)])
def test_a_repair_that_names_the_fleet_says_that_the_rollout_is_settled(
    tmp_path: Path, *, grouped: bool, removal: Removal
) -> None:
    with _paused(tmp_path, grouped=grouped, removal=removal, moment=AT_GATE) as (one, rollout_id):
        target = RepairTarget(asg="web") if grouped else RepairTarget(target_group=one.fleet.target_group_arns)
        repaired = repair(target, Context(session=one.sandbox.session(), store=one.store, clock=one.clock))

        assert (repaired.rollout_id, repaired.acted, repaired.clean) == (rollout_id, True, True)
        _assert_free(one, rollout_id)


def _assert_free(one: Rolling, rollout_id: str) -> None:
    """Assert that no lock is left, and that what still exists has its settings again."""
    record = one.store.load(rollout_id)
    one.store.check_free(record.rollout, clock=one.clock)
    assert one.store.driver(rollout_id) is None
    session = one.sandbox.session()
    groups = session.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    for group in (group for group in groups if "Status" not in group):  # else it is being deleted
        assert [process["ProcessName"] for process in group["SuspendedProcesses"]] == []
        assert not [tag["Key"] for tag in group["Tags"] if tag["Key"].startswith("awsroll:")]
    elb = session.client("elbv2")
    existing = {group["TargetGroupArn"] for group in elb.describe_target_groups()["TargetGroups"]}
    for arn in existing.intersection(one.fleet.target_group_arns):
        attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        delays = [each["Value"] for each in attributes if each["Key"] == "deregistration_delay.timeout_seconds"]
        assert delays == ["30"], "as the sandbox made the target group"
        (described,) = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        assert not [tag["Key"] for tag in described["Tags"] if tag["Key"].startswith("awsroll:")]
