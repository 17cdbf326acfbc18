"""Stage: check whether servers serve. Changes nothing.

A server serves if it is healthy on every port of every target group, in service in its group, and on the wanted
version. The stage makes one observation. `InService` alone says only that a member is registered.
"""

from dataclasses import dataclass
from datetime import timedelta

from awsroll.aws.connection import Connection
from awsroll.core.classify.serving import ALIVE, LEAVING
from awsroll.core.model.observation import Instance
from awsroll.stages.event_fields import AnyInstances, CheckAnswer, Count, FleetEvent, Template, limited
from awsroll.stages.scope import Scope, check_known, find_fleet, pinned_template, refuse
from awsroll.stages.target_health import why_not_serving

_PERIOD_OF_FAILURES = timedelta(minutes=15)
_MOST_FAILURES = 3
_LAUNCHING = "Launching"
_FAILED = ("Failed", "Cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckHealthyEvent(FleetEvent):
    """Which servers to check.

    Attributes:
        instance_ids: all of these must serve. Empty: all servers of the fleet are counted.
        launch_template: only servers that were launched from this version count.
        at_least: the number of servers that must serve.
    """

    instance_ids: AnyInstances = ()
    launch_template: Template = ""
    at_least: Count = 0

    def __post_init__(self) -> None:
        FleetEvent.__post_init__(self)
        if not self.instance_ids and not self.at_least:
            message = "name the servers that must be healthy: instance_ids, at_least, or both"
            raise ValueError(message)
        repeated = sorted({name for name in self.instance_ids if self.instance_ids.count(name) > 1})
        if repeated:
            message = f"instance_ids names {', '.join(repeated)} more than once: each server counts once"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckHealthyAnswer(CheckAnswer):
    """Which servers serve.

    Attributes:
        healthy: the servers that serve.
    """

    healthy: tuple[str, ...]


def check_healthy(event: CheckHealthyEvent, aws: Connection) -> CheckHealthyAnswer:
    """Check that all named servers serve, and that at least `at_least` servers serve.

    Raises:
        FleetError: if a server is unknown, not part of the fleet, or has ended.
        AwsError: if AWS refused or did not answer.
    """
    scope = find_fleet(event, aws)
    template = pinned_template(scope, event.launch_template)
    servers = scope.observe(event.instance_ids or _fleet_ids(scope))
    if event.instance_ids:
        check_known(scope, servers)
        _check_alive(scope, servers)
    problems = {name: why_not_serving(scope, instance, template) for name, instance in servers.items()}
    healthy = tuple(name for name, problem in problems.items() if not problem)
    obstacles = [problem for problem in problems.values() if problem]
    enough = len(healthy) >= event.at_least
    details = [] if enough else [f"{len(healthy)} serve, not {event.at_least}"]
    done = enough and (not event.instance_ids or not obstacles)
    if not done:
        details += obstacles + _launch_failures(scope)
    return CheckHealthyAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        done=done,
        wait_seconds=scope.poll_seconds(),
        details=limited(details),
        healthy=healthy,
    )


def _fleet_ids(scope: Scope) -> list[str]:
    if scope.is_group:
        return sorted(name for name in scope.members if scope.lifecycle(name) not in LEAVING)
    return sorted(scope.registrations)


def _check_alive(scope: Scope, servers: dict[str, Instance]) -> None:
    problems = []
    for name, instance in servers.items():
        if instance.state not in ALIVE:
            why = f" ({instance.state_reason})" if instance.state_reason else ""
            problems.append(f"{name} is {instance.state}{why}: it will not become healthy")
        elif scope.is_group and instance.lifecycle in (None, *LEAVING):
            problems.append(f"{name} is not a member of group {scope.rollout.group}, or is leaving it")
    if problems:
        refuse(*problems)


def _launch_failures(scope: Scope) -> list[str]:
    """Return the group's own messages of its latest failed launches."""
    if not scope.is_group:
        return []
    since = scope.aws.now() - _PERIOD_OF_FAILURES
    return [
        " ".join(str(activity.get("StatusMessage") or activity.get("Description") or "").split())
        for page in scope.aws.autoscaling.activities(scope.rollout.group, since)
        for activity in page
        if activity.get("StatusCode") in _FAILED and activity.get("Description", "").startswith(_LAUNCHING)
    ][:_MOST_FAILURES]
