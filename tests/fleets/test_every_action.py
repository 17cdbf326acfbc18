"""Every action of a plan is known wherever an action must be known.

mypy holds the fleets and `awsroll.testing` to the `Action` union. This file holds the rest to it: the call that each
action makes, the permission for that call, the kind of fleet, and the event that reports the action.
"""

from dataclasses import replace
from typing import Any, get_args

import pytest

from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import FleetKind, TargetKey, TemplateVersion
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import ReloadCommand, Strategy
from awsroll.core.model.warm_pool import WarmPool
from awsroll.driver.step_events import EVENTS
from awsroll.errors import AwsUnansweredError
from awsroll.fleets import fleet_of
from awsroll.iam import Fleets, Place, Rollouts, action_of, policy
from awsroll.testing.clock import T0
from tests.support.amazon import connection

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/50dc6c495c0c9188"
KEYS = (TargetKey(target_group=ARN, port=80),)
TEMPLATE = TemplateVersion(template_id="lt-1", number=2)
LAUNCH = Launch(number=1, token="awsroll-1", at=T0, template=TEMPLATE)
POOL = WarmPool(minimum=1)
WHY = Reason.PREPARING
BOTH, GROUP, STANDALONE = tuple(FleetKind), (FleetKind.AUTO_SCALING,), (FleetKind.STANDALONE,)

# An example of each action, the call that it makes, and the kinds of fleet that it is for.
ACTIONS: dict[type[Any], tuple[Action, str, tuple[FleetKind, ...]]] = {
    act.TagInstances: (
        act.TagInstances(instance_ids=("i-1",), tags=(("awsroll:role", "retiring"),), reason=WHY),
        "ec2:CreateTags",
        BOTH,
    ),
    act.LaunchInstance: (act.LaunchInstance(launch=LAUNCH, reason=WHY), "ec2:RunInstances", STANDALONE),
    act.LaunchInGroup: (
        act.LaunchInGroup(group="web", launch=LAUNCH, reason=WHY),
        "autoscaling:LaunchInstances",
        GROUP,
    ),
    act.SetDesiredCapacity: (
        act.SetDesiredCapacity(group="web", value=3, expected=2, reason=WHY),
        "autoscaling:SetDesiredCapacity",
        GROUP,
    ),
    act.RegisterTargets: (
        act.RegisterTargets(instance_id="i-1", targets=KEYS, reason=WHY),
        "elbv2:RegisterTargets",
        BOTH,
    ),
    act.DeregisterTargets: (
        act.DeregisterTargets(instance_id="i-1", targets=KEYS, reason=WHY),
        "elbv2:DeregisterTargets",
        BOTH,
    ),
    act.TerminateInstance: (
        act.TerminateInstance(instance_id="i-1", not_registered=(), template=None, reason=WHY),
        "ec2:TerminateInstances",
        STANDALONE,
    ),
    act.TerminateInGroup: (
        act.TerminateInGroup(group="web", instance_ids=("i-1",), decrement=True, not_registered=(), reason=WHY),
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        GROUP,
    ),
    act.DetachFromGroup: (
        act.DetachFromGroup(group="web", instance_ids=("i-1",), reason=WHY),
        "autoscaling:DetachInstances",
        GROUP,
    ),
    act.EnterStandby: (
        act.EnterStandby(group="web", instance_ids=("i-1",), reason=WHY),
        "autoscaling:EnterStandby",
        GROUP,
    ),
    act.ExitStandby: (
        act.ExitStandby(group="web", instance_ids=("i-2",), reason=WHY),
        "autoscaling:ExitStandby",
        GROUP,
    ),
    act.ClearUnhealthyMarks: (
        act.ClearUnhealthyMarks(group="web", instance_ids=("i-3",), reason=WHY),
        "autoscaling:SetInstanceHealth",
        GROUP,
    ),
    act.SendCommand: (
        act.SendCommand(instance_ids=("i-1",), attempt=1, not_registered=(), reason=WHY),
        "ssm:SendCommand",
        BOTH,
    ),
    act.UpdateGroup: (
        act.UpdateGroup(group="web", maximum=9, reason=WHY),
        "autoscaling:UpdateAutoScalingGroup",
        GROUP,
    ),
    act.SuspendProcesses: (
        act.SuspendProcesses(group="web", processes=("AZRebalance",), reason=WHY),
        "autoscaling:ResumeProcesses",  # the first call: whether it may resume what it suspends
        GROUP,
    ),
    act.ResumeProcesses: (
        act.ResumeProcesses(group="web", processes=("AZRebalance",), reason=WHY),
        "autoscaling:ResumeProcesses",
        GROUP,
    ),
    act.DeleteWarmPool: (
        act.DeleteWarmPool(group="web", pool=POOL, reason=WHY),
        "autoscaling:DeleteWarmPool",
        GROUP,
    ),
    act.PutWarmPool: (
        act.PutWarmPool(group="no-pool", pool=POOL, reason=WHY),
        "autoscaling:PutWarmPool",
        GROUP,
    ),
    act.SetDeregistrationDelay: (
        act.SetDeregistrationDelay(target_group=ARN, seconds=5, reason=WHY),
        "elbv2:ModifyTargetGroupAttributes",
        BOTH,
    ),
    act.SetHealthChecks: (
        act.SetHealthChecks(target_group=ARN, interval_seconds=10, reason=WHY),
        "elbv2:ModifyTargetGroup",
        BOTH,
    ),
    act.SaveSettings: (
        act.SaveSettings(resource=ARN, settings=(("max-size", "4"),)),
        "elbv2:AddTags",
        BOTH,
    ),
    act.ForgetSavedSettings: (
        act.ForgetSavedSettings(resource=ARN, settings=("max-size",)),
        "elbv2:RemoveTags",
        BOTH,
    ),
}

KINDS = [pytest.param(action, kind, id=f"{action.__name__}-{kind}") for action in ACTIONS for kind in FleetKind]
WORLD: dict[str, dict[str, Any]] = {
    "DescribeInstances": {"Reservations": [{"Instances": [{"InstanceId": "i-1", "State": {"Name": "running"}}]}]},
    "DescribeAutoScalingGroups": {
        "AutoScalingGroups": [
            {
                "AutoScalingGroupName": "web",
                "DesiredCapacity": 2,
                "Instances": [
                    {"InstanceId": "i-1", "LifecycleState": "InService"},
                    {"InstanceId": "i-2", "LifecycleState": "Standby"},
                    {"InstanceId": "i-3", "LifecycleState": "InService", "HealthStatus": "Unhealthy"},
                ],
                "WarmPoolConfiguration": {"MinSize": 1},
            }
        ]
    },
}


class _World:
    """Answers what is read, and breaks off the first call that would change something."""

    def __init__(self) -> None:
        self.changes: list[str] = []

    def call(self, service: str, operation: str, parameters: Any = None, **_: Any) -> dict[str, Any]:
        if not operation.startswith(("Describe", "List")):
            self.changes.append(f"{service}:{operation}")
            message = "no answer"
            raise AwsUnansweredError(message, code="Lost", operation=f"{service}:{operation}")
        answer = WORLD.get(operation, {})
        if (parameters or {}).get("AutoScalingGroupNames") == ["no-pool"]:
            (group,) = answer["AutoScalingGroups"]
            return {"AutoScalingGroups": [{**group, "WarmPoolConfiguration": {}}]}
        return answer


def _rollout(kind: FleetKind) -> Rollout:
    reload = ReloadCommand(app_version="two", commands=("true",))
    return Rollout(rollout_id="one", kind=kind, fleet="web", target_groups=(ARN,), reload=reload)


def test_the_table_names_every_action() -> None:
    assert ACTIONS.keys() == set(get_args(Action))


@pytest.mark.parametrize(("kind_of_action", "kind"), KINDS)
def test_a_fleet_makes_the_call_of_an_action_or_refuses_it(
    monkeypatch: pytest.MonkeyPatch, kind_of_action: type[Any], kind: FleetKind
) -> None:
    action, operation, kinds = ACTIONS[kind_of_action]
    aws, world = connection(), _World()
    monkeypatch.setattr(aws._caller, "call", world.call)
    rollout = replace(_rollout(kind), strategy=Strategy.RELOAD)

    (result,) = fleet_of(rollout, aws).execute(rollout, [action])

    if kind in kinds:
        assert (result.answer, world.changes) == (Answer.UNANSWERED, [operation])
    else:
        assert (result.answer, result.code, world.changes) == (Answer.REFUSED, "WrongKindOfFleet", [])


@pytest.mark.parametrize("kind_of_action", ACTIONS)
@pytest.mark.parametrize("kind", FleetKind)
def test_the_policy_of_a_fleet_allows_the_calls_of_its_actions(kind_of_action: type[Any], kind: FleetKind) -> None:
    _, operation, kinds = ACTIONS[kind_of_action]
    if kind not in kinds:
        return
    place = Place(region="us-east-1", account="123456789012")
    groups = ("web",) if kind is FleetKind.AUTO_SCALING else ()
    fleets = Fleets(groups=groups, names=() if groups else ("web",), target_groups=(ARN,), extra_target_groups=(ARN,))
    asked = {"surges": True, "keep_old": True, "changes_deregistration_delay": True, "purges_warm_pool": True}
    asked |= {"changes_health_checks": True, "keeps_failed": True}
    made = [policy(place, fleets, Rollouts(strategy=strategy.value, **asked)) for strategy in Strategy]
    allowed = {action for one in made for statement in one["Statement"] for action in statement["Action"]}

    assert action_of(*operation.split(":")) in allowed


def test_each_action_is_reported_by_an_event() -> None:
    events = EVENTS
    assert events.keys() == set(get_args(Action))
    assert len(set(events.values())) == len(events)
