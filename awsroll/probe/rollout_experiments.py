"""Experiments with awsroll itself: P11 (its printed policy) and P16 (every strategy, killed and resumed)."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from awsroll.aws.connection import Connection
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.errors import AwsrollError
from awsroll.preflight.iam_policy import policy_for
from awsroll.probe.base import MAX_SIZE, MIN_SIZE, Base
from awsroll.probe.guard import LimitedClock, LimitReachedError
from awsroll.probe.lab import Lab, Measurement, metric
from awsroll.probe.launch_experiments import role_with_policy
from awsroll.stores import LocalStore

FLEET, DOUBLED_FLEET = 6, 4
"""double-half launches a second fleet. Draining servers run too, so one server at a time launches first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """How a rollout ended that was killed and resumed."""

    killed: bool
    """Whether the first process was killed before the rollout ended."""
    exit_code: int
    """Of `awsroll resume`, or of the whole rollout if it ended before."""
    detail: str = ""


class Rolls(Protocol):
    """Runs rollouts whose process dies in the middle, and resumes them."""

    def roll(self, spec: RolloutSpec, store: Path, *, seconds: float) -> Interrupted:
        """Start a rollout, kill it after its first server has left, and resume it to its end.

        A rollout that still runs after `seconds` is killed and not resumed.
        """
        ...


def policies(lab: Lab, base: Base, folder: Path) -> Measurement:
    """P11: roll the group in several ways, each as a role that has only the policy printed for it."""
    to_version = f"{base.template}:2"
    requests = {
        "replace": RolloutSpec(asg=base.group, launch_template=to_version),
        "launch-first": RolloutSpec(asg=base.group, launch_template=f"{base.template}:1", launch_first=True),
        "reload": RolloutSpec(asg=base.group, strategy=Strategy.RELOAD, command=("true",), app_version="probe"),
    }
    values: dict[str, Any] = {}
    try:
        for name, spec in requests.items():
            lab.reserve(1)
            values[name] = _roll_under_policy(lab, base, name, spec, LocalStore(folder / name))
            lab.settle(base.group, MIN_SIZE, target_group=base.group_targets)
    finally:
        _return_to_version_1(lab, base)
    return Measurement(values=values)


def _roll_under_policy(lab: Lab, base: Base, name: str, spec: RolloutSpec, store: LocalStore) -> str:
    """Return how the rollout ended, with its reason."""
    connection = Connection(lab.aws.session, clock=lab.clock, endpoint_url=lab.aws.endpoint_url)
    role = role_with_policy(lab, base, f"policy-{name}", policy_for(spec, connection))
    context = Context(
        session=lab.aws.as_role(role, lab.probe_id, lock=lab.lock).session,
        endpoint_url=lab.aws.endpoint_url,
        store=store,
        clock=LimitedClock(lab.clock, lab.budget),
        sink=lab.transcript,
    )
    try:
        report = operations.roll(spec, context)
    except LimitReachedError:
        raise
    except AwsrollError as error:
        return f"{type(error).__name__}: {error}"
    return f"{report.status.value}: {report.reason}" if report.reason else report.status.value


def every_strategy(lab: Lab, base: Base, folder: Path, rolls: Rolls) -> Measurement:
    """P16: roll the group with each strategy, kill the process in the middle, and resume."""
    values: dict[str, Any] = {}
    plans: dict[str, tuple[int, dict[str, Any]]] = {
        "replace": (FLEET, {"max_unavailable": "2"}),
        "replace --launch-first": (FLEET, {"launch_first": True}),
        "double-half": (DOUBLED_FLEET, {"strategy": Strategy.DOUBLE_HALF}),
        "reload": (FLEET, {"strategy": Strategy.RELOAD, "command": ("true",), "app_version": "probe"}),
    }
    try:
        for number, (strategy, (size, options)) in enumerate(plans.items()):
            _resize(lab, base, size, most=2 * FLEET)
            version = "" if strategy == "reload" else f"{base.template}:{2 - number % 2}"
            spec = RolloutSpec(asg=base.group, launch_template=version, **options)
            started_at = lab.clock.now()
            ended = rolls.roll(spec, folder / strategy.replace(" ", ""), seconds=lab.budget.seconds_left)
            members = lab.settle(base.group, size, target_group=base.group_targets)
            values[strategy] = {
                "killed": ended.killed,
                "exit code": ended.exit_code,
                "detail": ended.detail,
                "members": len(members),
                "lowest healthy": _lowest(lab, base, started_at),
            }
    finally:
        _resize(lab, base, MIN_SIZE, most=MAX_SIZE)
        _return_to_version_1(lab, base)
    unseen = all(each["lowest healthy"] is None for each in values.values())
    return Measurement(values=values, note="CloudWatch showed no count of healthy targets" if unseen else "")


def _lowest(lab: Lab, base: Base, since: datetime) -> float | None:
    """Return the lowest number of healthy targets that CloudWatch shows since an instant."""
    arns = (base.load_balancer, base.group_targets)
    return min(metric(lab, arns, "HealthyHostCount", "Minimum", since=since), default=None)


def _resize(lab: Lab, base: Base, size: int, *, most: int) -> None:
    lab.reserve(max(0, size - len(lab.in_service(base.group))))
    lab.call(
        "autoscaling",
        "UpdateAutoScalingGroup",
        AutoScalingGroupName=base.group,
        MinSize=MIN_SIZE,
        MaxSize=most,
        DesiredCapacity=size,
    )
    lab.settle(base.group, size, target_group=base.group_targets, seconds=900)


def _return_to_version_1(lab: Lab, base: Base) -> None:
    template = {"LaunchTemplateId": base.template, "Version": "1"}
    lab.call("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName=base.group, LaunchTemplate=template)
