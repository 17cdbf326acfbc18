"""Hooks: the user's own programs, functions and scripts that run at fixed points of a rollout. Values only.

The planner decides when each hook runs and what its failure leads to; `awsroll.hooks` runs it. Every hook runs at least
once: after a crash, a run whose end was not observed is started again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from awsroll.core.model.field_types import convert_fields, type_problems

_LONGEST_NAME = 60


class HookPoint(StrEnum):
    """The point of a rollout at which a hook runs."""

    BEFORE_ROLLOUT = "before_rollout"  # before the first setting is changed
    BEFORE_DEREGISTER = "before_deregister"  # before awsroll changes anything on a server in traffic
    AFTER_DRAIN = "after_drain"  # a server is out of traffic and drained, and still runs
    AFTER_LAUNCH = "after_launch"  # a new server runs
    BEFORE_REGISTER = "before_register"  # before awsroll registers a server
    AFTER_HEALTHY = "after_healthy"  # a new server is healthy: it counts as serving only when the hook has passed
    AT_CHECKPOINT = "at_checkpoint"  # a gate is closed: it opens only when the hook has passed
    AFTER_ROLLOUT = "after_rollout"  # the whole new fleet serves and the bake time is over
    ON_FAILURE = "on_failure"  # a failure has started a rollback, or stops the rollout

    @property
    def is_of_an_instance(self) -> bool:
        """Whether the hook runs once for each server, not once for the rollout."""
        return self in _OF_AN_INSTANCE


_OF_AN_INSTANCE = frozenset({
    HookPoint.BEFORE_DEREGISTER,
    HookPoint.AFTER_DRAIN,
    HookPoint.AFTER_LAUNCH,
    HookPoint.BEFORE_REGISTER,
    HookPoint.AFTER_HEALTHY,
})  # fmt: skip


class HookKind(StrEnum):
    """The kind of a hook. Code that depends on the kind matches every kind, so that mypy reports a new one."""

    COMMAND = "command"  # a program, on the machine of awsroll
    FUNCTION = "function"  # a Lambda function
    SCRIPT = "script"  # shell lines, on the server
    CALLABLE = "callable"  # a Python callable, in the process that drives the rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSpec:
    """One hook in a request: exactly one of `command`, `function` and `script`.

    Attributes:
        point: the point of the rollout at which it runs.
        command: a program and its arguments, run on the machine of awsroll without a shell.
        function: name or ARN of a Lambda function, invoked with the event as JSON.
        script: shell lines, run on the server itself by SSM's AWS-RunShellScript.
        timeout: the longest time that it may take, in seconds; a longer run is a failure.
        name: its name in events and failures; empty: derived from the point.
    """

    point: HookPoint
    command: tuple[str, ...] = ()
    function: str = ""
    script: tuple[str, ...] = ()
    timeout: float = 300
    name: str = ""

    def __post_init__(self) -> None:
        convert_fields(self, wraps_single_values=False)  # a command in one string has no clear arguments

    @property
    def kind(self) -> HookKind:
        """The kind of a valid hook (one without `problems_of`)."""
        return _only_kind(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook of a rollout, with a name, as the record keeps it.

    Attributes:
        is_callable: a Python callable. The record cannot hold it: the process that drives the rollout provides it.
    """

    point: HookPoint
    name: str
    command: tuple[str, ...] = ()
    function: str = ""
    script: tuple[str, ...] = ()
    is_callable: bool = False
    timeout_seconds: float = 300

    @property
    def kind(self) -> HookKind:
        """The kind, from the one field that is set."""
        return _only_kind(self)


def _only_kind(hook: HookSpec | Hook) -> HookKind:
    (kind,) = _kinds_of(hook)
    return kind


def _kinds_of(hook: HookSpec | Hook) -> tuple[HookKind, ...]:
    """Return the kinds whose fields are set; a valid hook has exactly one."""
    return tuple(kind for kind in HookKind if _is_set(hook, kind))


def _is_set(hook: HookSpec | Hook, kind: HookKind) -> bool:
    match kind:
        case HookKind.COMMAND:
            return bool(hook.command)
        case HookKind.FUNCTION:
            return bool(hook.function)
        case HookKind.SCRIPT:
            return bool(hook.script)
        case HookKind.CALLABLE:
            return isinstance(hook, Hook) and hook.is_callable
        case _:
            assert_never(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEvent:
    """The event that a hook gets: a callable as this object, a command and a function as JSON.

    Attributes:
        point: the point of the rollout.
        hook: the hook's name.
        run: counts the runs of all hooks of this rollout. A run that is started again after a crash keeps its number.
        phase: `rolling`, `rolling-back` or `stopping`.
        instance_ids: the server of this run; at a point of the whole rollout: all servers concerned.
        reason: for `on_failure`: the failure.
        checkpoint: for `at_checkpoint`: its number, from 1; else 0.
    """

    point: HookPoint
    hook: str
    run: int
    phase: str
    rollout_id: str
    fleet: str
    from_version: str
    to_version: str
    instance_ids: tuple[str, ...] = ()
    reason: str = ""
    checkpoint: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """One run of a hook. It is saved before it starts, until its end has been observed.

    Attributes:
        name: the name of the hook.
        number: counts the runs of this rollout; it identifies the run.
        subject: the instance, or the checkpoint (`checkpoint-2`); empty: the rollout.
        since: when the time of a script on a server starts, for every process that observes it.
    """

    name: str
    number: int
    subject: str = ""
    since: datetime | None = None

    @property
    def key(self) -> str:
        """The key that the status keeps when this run succeeds."""
        return passed_key(self.name, self.subject)


def passed_key(name: str, subject: str = "") -> str:
    """Return the key that the status keeps when a hook has passed for a subject."""
    return f"{name} {subject}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRun:
    """A run to start, with its hook and its event. If it is started again, it is the same run."""

    hook: Hook
    call: HookCall
    event: HookEvent


class HookState(StrEnum):
    """The state of a run."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSeen:
    """The observed state of one run; `detail` is the cause of its failure, in one line."""

    number: int
    state: HookState
    detail: str = ""


def named(specs: Iterable[HookSpec], *, taken: Iterable[str] = ()) -> tuple[Hook, ...]:
    """Return hooks with names: their own, or `after_drain`, `after_drain-2`, and so on."""
    specs = tuple(specs)
    used = {*taken, *(spec.name for spec in specs)}
    hooks = []
    for spec in specs:
        name = spec.name or _default_name(spec.point, used)
        used.add(name)
        hooks.append(
            Hook(
                point=HookPoint(spec.point),
                name=name,
                command=spec.command,
                function=spec.function,
                script=spec.script,
                timeout_seconds=spec.timeout,
            )
        )
    return tuple(hooks)


def _default_name(point: str, used: set[str]) -> str:
    name, count = str(point), 1
    while name in used:
        count += 1
        name = f"{point}-{count}"
    return name


def type_problems_of(spec: object) -> list[str]:
    """Return the problems of a hook's values that have a wrong type. `problems_of` reports an unknown point."""
    if not isinstance(spec, HookSpec):
        return []  # the request reports it
    what, point = f"hook {spec.name or spec.point}", str(spec.point)
    problems = type_problems(spec, lambda name: f"{what}: {name}")
    is_text = point == spec.point
    return [problem for problem in problems if not (is_text and problem.startswith(f"{what}: point:"))]


def problems_of(specs: Sequence[HookSpec]) -> list[str]:
    """Return the problems of hooks, one line each."""
    problems = []
    for spec in specs:
        what = f"hook {spec.name or spec.point}"
        kinds = _kinds_of(spec)
        if spec.point not in set(HookPoint):
            problems.append(f"{what}: point {spec.point!r} is unknown; pass one of {', '.join(HookPoint)}")
        if len(kinds) != 1:
            given = f"it has {' and '.join(kinds)}" if kinds else "it has nothing to run"
            problems.append(f"{what}: {given}; pass exactly one of command, function and script")
        problems += [f"{what}: {problem}" for kind in kinds for problem in _kind_problems(spec, kind)]
        if not spec.timeout > 0:
            problems.append(f"{what}: timeout {spec.timeout:g} is not valid; pass more than 0 seconds")
        problems += name_problems(spec.name, what)
    names = [spec.name for spec in specs if spec.name]
    repeated = sorted({name for name in names if names.count(name) > 1})
    return problems + [f"hook {name}: two hooks have this name" for name in repeated]


def _kind_problems(hook: HookSpec, kind: HookKind) -> list[str]:
    match kind:
        case HookKind.COMMAND:
            return [] if hook.command[0] else ["the command has no program"]
        case HookKind.SCRIPT:
            if hook.point not in set(HookPoint) or HookPoint(hook.point).is_of_an_instance:
                return []
            return [f"a script runs on a server, but {hook.point} has no server; use another kind"]
        case HookKind.FUNCTION | HookKind.CALLABLE:
            return []
        case _:
            assert_never(kind)


def name_problems(name: str, what: str) -> list[str]:
    """Return the problems of a hook's own name; an empty name has none."""
    has_space = any(character.isspace() for character in name)
    plain = not name or (len(name) <= _LONGEST_NAME and not has_space and name.isprintable())
    return [] if plain else [f"{what}: a name has at most {_LONGEST_NAME} characters and no spaces"]
