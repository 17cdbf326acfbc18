"""Stage: run new code on servers that are out of traffic, and register them again. Called until it is done.

Run Command has no token. So the stage searches for a command before it sends it again, and shell lines leave a marker
on the server, so that a second delivery does nothing. A document of the user runs at least once.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from awsroll.aws.connection import Connection
from awsroll.core.aws_limits import TAG_VALUE_CHARACTERS
from awsroll.core.classify.draining import is_out_of_group
from awsroll.core.classify.serving import unregistered
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer
from awsroll.core.model.observation import CommandState, Instance, InstanceState, Invocation, Lifecycle
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Limits, ReloadCommand
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.core.tags import APP_VERSION_TAG, FINISHED_TAG
from awsroll.errors import FleetError
from awsroll.fleets.fallbacks import Fallbacks
from awsroll.fleets.reload_commands import Commands
from awsroll.stages.carry_out import carry_out
from awsroll.stages.check_drained import still_registered
from awsroll.stages.event_fields import CheckAnswer, FleetEvent, SomeInstances, limited
from awsroll.stages.scope import Scope, check_known, find_fleet_to_change, refuse
from awsroll.stages.stage_tags import is_finished, is_taken_out, registered_at
from awsroll.stages.standby import exit_standby, restore_if_all_back

_SEARCH_PERIOD = timedelta(hours=24)
_POLL_SECONDS = 5
_UNFINISHED = {CommandState.UNSENT: "the command is on its way to", CommandState.RUNNING: "the command runs on"}
_OFFLINE = frozenset({"InvalidInstanceId"})  # the SSM agent may come online later


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadInstancesEvent(FleetEvent):
    """Which command to run, and where.

    Attributes:
        command: shell lines, in order. The first line that fails ends the command.
        document: an SSM document instead of shell lines, with its parameters.
        app_version: the version that the servers run afterwards: the tag `awsroll:app-version`.
        timeout_seconds: how long the command may run, and how long it may take to reach a server.
        attempt: pass another number to run the command again on servers where it has failed.
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
            message = "pass either a command or a document"
            raise ValueError(message)
        if self.parameters and not self.document:
            message = "parameters belong to a document: pass a document, too"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadInstancesAnswer(CheckAnswer):
    """How far the servers are.

    Attributes:
        reloaded: the servers where the command has succeeded.
    """

    instance_ids: tuple[str, ...]
    reloaded: tuple[str, ...]


def reload_instances(event: ReloadInstancesEvent, aws: Connection) -> ReloadInstancesAnswer:
    """Make the next step of each server: send the command, read its result, register the server.

    Raises:
        FleetError: if a server may still get requests, or was not taken out by this rollout (nothing was changed); or
            if the command has failed on a server (it stays out of traffic).
        FleetLockedError: if a rollout of awsroll's own engine holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer; call the stage again to continue.
    """
    scope = _add_command(find_fleet_to_change(event, aws), event)
    servers = scope.observe(event.instance_ids)
    check_known(scope, servers)
    left = {name: instance for name, instance in servers.items() if not is_finished(scope.rollout, instance)}
    _check_ready(scope, left)
    invocations = _send(scope, left, event.attempt) if left else {}
    succeeded = [name for name in left if name in invocations and invocations[name].state is CommandState.SUCCEEDED]
    _tag_finished(scope, succeeded, event.app_version)
    finished = [instance for name, instance in servers.items() if name not in left or name in succeeded]
    waiting = _register(scope, finished)
    waiting += _unfinished(invocations, [name for name in left if name not in succeeded], busy=bool(waiting))
    if scope.is_group:
        restore_if_all_back(scope)
    return ReloadInstancesAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        instance_ids=tuple(servers),
        reloaded=tuple(instance.instance_id for instance in finished),
        done=not waiting,
        wait_seconds=_POLL_SECONDS,
        details=limited(waiting),
    )


def _add_command(scope: Scope, event: ReloadInstancesEvent) -> Scope:
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
    for name, instance in left.items():
        member = not scope.is_group or instance.lifecycle is not None
        if not is_taken_out(scope.rollout, instance):
            problems.append(f"{name} was not taken out by rollout {scope.rollout.rollout_id}: see deregister_targets")
        elif instance.state is not InstanceState.RUNNING:
            problems.append(f"{name} is {instance.state}")
        elif not member or not is_out_of_group(instance):
            problems.append(f"{name} is {instance.lifecycle_detail or 'not a member'} in group {scope.rollout.group}")
    registered = still_registered(scope, left) if left else {}
    problems += [f"{name} may still get requests ({state}): see check_drained" for name, state in registered.items()]
    if problems:
        refuse(*problems)


def _send(scope: Scope, left: dict[str, Instance], attempt: int) -> dict[str, Invocation]:
    """Send the command to the servers where it was not sent yet. Return what SSM shows of it."""
    send = act.SendCommand(
        instance_ids=tuple(left), attempt=attempt, not_registered=scope.keys_of(left.values()), reason=Reason.PREPARING
    )
    results = carry_out(scope, [send], not_yet=_OFFLINE)
    if results[0].answer is Answer.STALE:
        refuse(results[0].message)
    now = scope.aws.now()
    servers = {name: Server(phase=ServerPhase.RELOADING, since=now, attempt=attempt) for name in left}
    status = Status(started_at=now - _SEARCH_PERIOD, progress_at=now, servers=servers)
    commands = Commands(scope.aws, Fallbacks(lambda _: None))
    return {invocation.instance_id: invocation for invocation in commands.observe(scope.rollout, status)}


def _tag_finished(scope: Scope, succeeded: list[str], app_version: str) -> None:
    """Tag the servers that this rollout has finished, before they get requests again."""
    version = ((APP_VERSION_TAG, app_version),) if app_version else ()
    tags = (*version, (FINISHED_TAG, scope.rollout.rollout_id))
    if succeeded:
        carry_out(scope, [act.TagInstances(instance_ids=tuple(succeeded), tags=tags, reason=Reason.RELOADED)])


def _register(scope: Scope, finished: list[Instance]) -> list[str]:
    """Register the finished servers where they were before; members of a group leave standby first."""
    ours = [instance for instance in finished if instance.rollout == scope.rollout.rollout_id]
    moved = exit_standby(scope, ours) if scope.is_group else ()
    returning = {name for result in moved for name in result.instance_ids}
    waiting, writes = [], list[act.Action]()
    for instance in ours:
        name = instance.instance_id
        if name in returning or instance.lifecycle not in (None, Lifecycle.IN_SERVICE):
            waiting.append(f"{name} is on its way back into service")
            continue
        own_keys = (key for key in registered_at(instance, scope.arns) if key not in scope.managed)
        if keys := unregistered(instance, own_keys):
            writes.append(act.RegisterTargets(instance_id=name, targets=keys, reason=Reason.RELOADED))
    stale = [result.message for result in carry_out(scope, writes) if result.answer is not Answer.DONE]
    return waiting + stale


def _unfinished(invocations: dict[str, Invocation], left: list[str], *, busy: bool) -> list[str]:
    """Return where the command has not succeeded, one line each.

    Raises:
        FleetError: if it has failed on a server, and no other server is in work.
    """
    states = {name: invocations[name].state if name in invocations else CommandState.UNSENT for name in left}
    failed = [
        f"the command failed on {name}: {invocations[name].detail}"
        for name in left
        if states[name] is CommandState.FAILED
    ]
    unfinished = [f"{_UNFINISHED[state]} {name}" for name, state in states.items() if state in _UNFINISHED]
    if failed and not unfinished and not busy:
        raise FleetError(*failed, "these servers stay out of traffic: pass another attempt to run the command again")
    return failed + unfinished
