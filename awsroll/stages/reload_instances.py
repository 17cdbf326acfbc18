"""Stage: runs new code on servers that are out of traffic, and lets them back in. Called again until it is done.

Run Command has no token. So a command is searched for before it is sent again, and shell lines leave a marker on the
server that lets a second delivery do nothing; a document of one's own is run at least once.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from awsroll.aws.connection import Connection
from awsroll.core.aws_limits import TAG_VALUE_CHARACTERS
from awsroll.core.classify.serving import unregistered
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Answer, Reason
from awsroll.core.model.observation import CommandState, Instance, InstanceState, Invocation, Lifecycle
from awsroll.core.model.rollout import Limits, ReloadCommand
from awsroll.core.model.status import Flight, Status, Step
from awsroll.core.tags import APP_VERSION_TAG, FINISHED_TAG
from awsroll.errors import FleetError
from awsroll.fleets.fallbacks import Fallbacks
from awsroll.fleets.reload_commands import Commands
from awsroll.stages.carry_out import carry_out
from awsroll.stages.check_drained import still_registered
from awsroll.stages.event_fields import CheckAnswer, FleetEvent, SomeInstances, first_of
from awsroll.stages.scope import Scope, check_known, fleet_to_change, refuse
from awsroll.stages.stage_tags import is_finished, is_taken_out, registered_at
from awsroll.stages.standby import bring_back, settle

_SEARCHED = timedelta(hours=24)
_POLL_SECONDS = 5
_UNDER_WAY = {CommandState.UNSENT: "the command is on its way to", CommandState.RUNNING: "the command runs on"}
_OFFLINE = frozenset({"InvalidInstanceId"})  # an agent may yet come online


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadInstancesEvent(FleetEvent):
    """What to run where.

    Attributes:
        command: shell lines, in order; the first that fails ends it.
        document: an SSM document instead, with its parameters.
        app_version: what the servers run afterwards: the tag `awsroll:app-version`.
        timeout_seconds: how long the command may take, and how long it may take to reach a server.
        attempt: another number runs the command again on servers where it has failed.
    """

    instance_ids: SomeInstances
    command: tuple[str, ...] = ()
    document: str = ""
    parameters: dict[str, list[str]] = field(default_factory=dict)
    app_version: Annotated[str, Meta(max_length=TAG_VALUE_CHARACTERS)] = ""
    timeout_seconds: Annotated[int, Meta(ge=30, le=172800)] = 600
    attempt: Annotated[int, Meta(ge=1, le=999)] = 1

    def __post_init__(self) -> None:
        FleetEvent.__post_init__(self)
        if bool(self.command) == bool(self.document):
            message = "give a command or a document, one of the two"
            raise ValueError(message)
        if self.parameters and not self.document:
            message = "parameters are a document's: give a document"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadInstancesAnswer(CheckAnswer):
    """How far the servers are.

    Attributes:
        reloaded: where the command has succeeded.
    """

    instance_ids: tuple[str, ...]
    reloaded: tuple[str, ...]


def reload_instances(event: ReloadInstancesEvent, aws: Connection) -> ReloadInstancesAnswer:
    """Bring each server one step on: send, see how it went, let it back into traffic.

    Raises:
        FleetError: if one of them may still get requests, or was not taken out by this rollout (nothing was changed);
            or if the command has failed on one (it stays out of traffic).
        FleetLockedError: if a rollout of awsroll's own engine holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer; calling it again goes on.
    """
    scope = _with_command(fleet_to_change(event, aws), event)
    found = scope.look(event.instance_ids)
    check_known(scope, found)
    left = {name: one for name, one in found.items() if not is_finished(scope.rollout, one)}
    _check_ready(scope, left)
    said = _run(scope, left, event.attempt) if left else {}
    succeeded = [name for name in left if name in said and said[name].state is CommandState.SUCCEEDED]
    _mark(scope, succeeded, event.app_version)
    finished = [one for name, one in found.items() if name not in left or name in succeeded]
    waiting = _let_in(scope, finished)
    waiting += _unfinished(said, [name for name in left if name not in succeeded], busy=bool(waiting))
    if scope.is_group:
        settle(scope)
    return ReloadInstancesAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        instance_ids=tuple(found),
        reloaded=tuple(one.instance_id for one in finished),
        done=not waiting,
        wait_seconds=_POLL_SECONDS,
        details=first_of(waiting),
    )


def _with_command(scope: Scope, event: ReloadInstancesEvent) -> Scope:
    reload = ReloadCommand(
        app_version=event.app_version,
        commands=event.command,
        document=event.document,
        parameters=event.parameters,
    )
    limits = Limits(launch_seconds=event.timeout_seconds)
    return replace(scope, rollout=replace(scope.rollout, reload=reload, limits=limits))


def _check_ready(scope: Scope, left: dict[str, Instance]) -> None:
    problems = []
    for name, one in left.items():
        if not is_taken_out(scope.rollout, one):
            problems.append(f"{name} was not taken out by rollout {scope.rollout.rollout_id}: see deregister_targets")
        elif one.state is not InstanceState.RUNNING:
            problems.append(f"{name} is {one.state}")
        elif scope.is_group and one.lifecycle is not Lifecycle.STANDBY:
            problems.append(f"{name} is {one.lifecycle_detail or 'no member'} in group {scope.rollout.group}")
    registered = still_registered(scope, left) if left else {}
    problems += [f"{name} may still get requests ({words}): see check_drained" for name, words in registered.items()]
    if problems:
        refuse(*problems)


def _run(scope: Scope, left: dict[str, Instance], attempt: int) -> dict[str, Invocation]:
    """Send the command where it was not sent yet; return what is known of it."""
    send = act.SendCommand(
        instance_ids=tuple(left), attempt=attempt, not_registered=scope.keys_of(left.values()), reason=Reason.PREPARING
    )
    results = carry_out(scope, [send], awaited=_OFFLINE)
    if results[0].answer is Answer.STALE:
        refuse(results[0].message)
    now = scope.aws.clock.now()
    flights = {name: Flight(step=Step.RELOADING, since=now, attempt=attempt) for name in left}
    status = Status(started_at=now - _SEARCHED, progress_at=now, flights=flights)
    commands = Commands(scope.aws, Fallbacks(lambda _: None))
    return {one.instance_id: one for one in commands.look(scope.rollout, status)}


def _mark(scope: Scope, succeeded: list[str], app_version: str) -> None:
    """Say that this rollout is done with the servers before they get requests again."""
    version = ((APP_VERSION_TAG, app_version),) if app_version else ()
    tags = (*version, (FINISHED_TAG, scope.rollout.rollout_id))
    if succeeded:
        carry_out(scope, [act.TagInstances(instance_ids=tuple(succeeded), tags=tags, reason=Reason.RELOADED)])


def _let_in(scope: Scope, finished: list[Instance]) -> list[str]:
    """Register what runs the new code, wherever it was registered before; a group's members leave standby first."""
    ours = [one for one in finished if one.rollout == scope.rollout.rollout_id]
    moved = bring_back(scope, ours) if scope.is_group else ()
    back = {name for result in moved for name in result.instance_ids}
    waiting, writes = [], list[act.Action]()
    for one in ours:
        if one.instance_id in back or one.lifecycle not in (None, Lifecycle.IN_SERVICE):
            waiting.append(f"{one.instance_id} is on its way back into service")
            continue
        absent = unregistered(one, (key for key in registered_at(one, scope.arns) if key not in scope.managed))
        if absent:
            writes.append(act.RegisterTargets(instance_id=one.instance_id, targets=absent, reason=Reason.RELOADED))
    stale = [one.message for one in carry_out(scope, writes) if one.answer is not Answer.DONE]
    return waiting + stale


def _unfinished(said: dict[str, Invocation], left: list[str], *, busy: bool) -> list[str]:
    """Say where the command has not succeeded; a failure is raised once nothing else goes on."""
    states = {name: said[name].state if name in said else CommandState.UNSENT for name in left}
    failed = [
        f"the command failed on {name}: {said[name].detail}" for name in left if states[name] is CommandState.FAILED
    ]
    running = [f"{_UNDER_WAY[state]} {name}" for name, state in states.items() if state in _UNDER_WAY]
    if failed and not running and not busy:
        raise FleetError(*failed, "they stay out of traffic: give another attempt to run it again")
    return failed + running
