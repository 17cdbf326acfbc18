"""Stage: tells whether servers serve: healthy in every target group on every port, in service, on the wanted version.

Changes nothing. One look: `InService` alone says only that a member is registered.
"""

from dataclasses import dataclass
from datetime import timedelta

from awsroll.aws.connection import Connection
from awsroll.core.classify.serving import ALIVE, LEAVING
from awsroll.core.model.observation import Instance, TemplateVersion
from awsroll.preflight.findings import Findings
from awsroll.preflight.versions import pin
from awsroll.stages.event_fields import AnyInstances, CheckAnswer, Count, FleetEvent, Template, first_of
from awsroll.stages.scope import Scope, check_known, find_fleet, raise_refusals, refuse
from awsroll.stages.target_health import lacking

_LOOKED_BACK = timedelta(minutes=15)
_LAUNCHING = "Launching"
_FAILED = ("Failed", "Cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckHealthyEvent(FleetEvent):
    """Whom to look at.

    Attributes:
        instance_ids: all of these must serve; none given: whoever is in the fleet counts.
        launch_template: only servers that came from this version count.
        at_least: so many must serve.
    """

    instance_ids: AnyInstances = ()
    launch_template: Template = ""
    at_least: Count = 0

    def __post_init__(self) -> None:
        FleetEvent.__post_init__(self)
        if not self.instance_ids and not self.at_least:
            message = "say who is to be healthy: instance_ids, at_least, or both"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckHealthyAnswer(CheckAnswer):
    """Who serves.

    Attributes:
        healthy: those that serve.
    """

    healthy: tuple[str, ...]


def check_healthy(event: CheckHealthyEvent, aws: Connection) -> CheckHealthyAnswer:
    """Tell whether all that are named serve, and at least as many as are wanted.

    Raises:
        FleetError: if one of them is unknown, not of the fleet, or has ended.
        AwsError: if AWS refused or did not answer.
    """
    scope = find_fleet(event, aws)
    template = _template(scope, event.launch_template)
    found = scope.look(event.instance_ids or _everybody(scope))
    if event.instance_ids:
        check_known(scope, found)
        _check_alive(scope, found)
    said = {name: lacking(scope, one, template) for name, one in found.items()}
    healthy = tuple(name for name, words in said.items() if not words)
    missing = [words for words in said.values() if words]
    enough = len(healthy) >= event.at_least
    details = [] if enough else [f"{len(healthy)} serve, not {event.at_least}"]
    done = enough and (not event.instance_ids or not missing)
    if not done:
        details += missing + _launch_failures(scope)
    return CheckHealthyAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        done=done,
        wait_seconds=scope.poll_seconds(),
        details=first_of(details),
        healthy=healthy,
    )


def _template(scope: Scope, named: str) -> TemplateVersion | None:
    findings = Findings()
    found = pin(scope.aws, named, None, findings) if named else None
    raise_refusals(findings)
    return found


def _everybody(scope: Scope) -> list[str]:
    if scope.is_group:
        return sorted(name for name in scope.members if scope.lifecycle(name) not in LEAVING)
    return sorted(scope.registrations)


def _check_alive(scope: Scope, found: dict[str, Instance]) -> None:
    problems = []
    for name, one in found.items():
        if one.state not in ALIVE:
            why = f" ({one.state_reason})" if one.state_reason else ""
            problems.append(f"{name} is {one.state}{why}: it will not become healthy")
        elif scope.is_group and one.lifecycle in (None, *LEAVING):
            problems.append(f"{name} is no member of group {scope.rollout.group} (any more)")
    if problems:
        refuse(*problems)


def _launch_failures(scope: Scope) -> list[str]:
    """Return why the group could not launch lately, in its own words."""
    if not scope.is_group:
        return []
    since = scope.aws.clock.now() - _LOOKED_BACK
    return [
        " ".join(str(one.get("StatusMessage") or one.get("Description") or "").split())
        for page in scope.aws.autoscaling.activities(scope.rollout.group, since)
        for one in page
        if one.get("StatusCode") in _FAILED and one.get("Description", "").startswith(_LAUNCHING)
    ][:3]
