"""Hooks: what a user has run at fixed points of a rollout, and how such a run stands. Values alone.

When each is run, and what its failure leads to, is decided in `hooking`; running it is the shell's part. Every hook
runs at least once: after a crash, a run whose end nobody saw is started again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

_LONGEST_NAME = 60


class HookPoint(StrEnum):
    """Where in a rollout a hook is run."""

    BEFORE_ROLLOUT = "before_rollout"  # before the first setting is changed
    BEFORE_DEREGISTER = "before_deregister"  # before anything is done to a server that takes requests
    AFTER_DRAIN = "after_drain"  # it is out of traffic and drained, and still runs
    AFTER_LAUNCH = "after_launch"  # a new server runs
    BEFORE_REGISTER = "before_register"  # a server is about to be registered by awsroll
    AFTER_HEALTHY = "after_healthy"  # a new server is healthy: it counts as serving only when the hook has passed
    AT_CHECKPOINT = "at_checkpoint"  # a gate is closed: it opens only when the hook has passed
    AFTER_ROLLOUT = "after_rollout"  # the whole new fleet serves and has baked
    ON_FAILURE = "on_failure"  # a failure has turned the rollout round, or stops it

    @property
    def is_of_an_instance(self) -> bool:
        """Whether the hook is run once for each server, and not once for the rollout."""
        return self in _OF_AN_INSTANCE


_OF_AN_INSTANCE = frozenset({
    HookPoint.BEFORE_DEREGISTER,
    HookPoint.AFTER_DRAIN,
    HookPoint.AFTER_LAUNCH,
    HookPoint.BEFORE_REGISTER,
    HookPoint.AFTER_HEALTHY,
})  # fmt: skip


class HookKind(StrEnum):
    """What a hook runs. Every place that depends on the kind matches all of them, so that mypy reports a new kind."""

    COMMAND = "command"  # a program, beside awsroll
    FUNCTION = "function"  # a Lambda function
    SCRIPT = "script"  # shell lines, on the server
    CALLABLE = "callable"  # a Python callable of the process that drives the rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSpec:
    """One hook as it is asked for: exactly one of `command`, `function` and `script`.

    Attributes:
        point: where in the rollout it is run.
        command: a program and its arguments, run beside awsroll without a shell.
        function: name or ARN of a Lambda function, invoked with the event as JSON.
        script: shell lines, run on the server itself by SSM's AWS-RunShellScript.
        timeout: how long it may take, in seconds; longer is a failure.
        name: names it in events and failures; empty: made up from the point.
    """

    point: HookPoint
    command: tuple[str, ...] = ()
    function: str = ""
    script: tuple[str, ...] = ()
    timeout: float = 300
    name: str = ""

    @property
    def kind(self) -> HookKind:
        """The kind of a hook that `problems_of` has accepted."""
        return _only_kind(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook of a rollout, named, as the record keeps it.

    Attributes:
        is_callable: a Python callable, which no record can hold: whoever drives the rollout brings it.
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
    """Return the kinds whose fields are set: exactly one in a valid hook."""
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
    """What a hook is told: a callable gets it as it is, a command and a function as JSON.

    Attributes:
        point: where in the rollout it is run.
        hook: the hook's name.
        run: counts the runs of all hooks of this rollout; one that is started again after a crash keeps its number.
        phase: `rolling`, `rolling-back` or `stopping`.
        instance_ids: the server it is run for; for a whole rollout: the servers that it is about.
        reason: for `on_failure`: what went wrong.
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
    """One run of a hook, announced before it is started, until its end has been seen.

    Attributes:
        name: the hook's.
        number: counts the runs of this rollout: it names this one wherever it runs.
        subject: the instance, or the checkpoint (`checkpoint-2`); empty: the rollout.
        since: from when the time of a script on a server counts, whichever process looks at it.
    """

    name: str
    number: int
    subject: str = ""
    since: datetime | None = None

    @property
    def key(self) -> str:
        """What has passed when this run succeeds."""
        return passed_key(self.name, self.subject)


def passed_key(name: str, subject: str = "") -> str:
    """Return how the status keeps that a hook has passed for something."""
    return f"{name} {subject}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRun:
    """A run to be started: what, and what it is told. Started again, it is the same run."""

    hook: Hook
    call: HookCall
    event: HookEvent


class HookState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSeen:
    """How one run stands, as a look shows it; `detail` says why it failed, in one line."""

    number: int
    state: HookState
    detail: str = ""


def named(specs: Iterable[HookSpec], *, taken: Iterable[str] = ()) -> tuple[Hook, ...]:
    """Return hooks with a name each: their own, or `after_drain`, `after_drain-2`, and so on."""
    specs = tuple(specs)
    used = {*taken, *(one.name for one in specs)}
    hooks = []
    for one in specs:
        name = one.name or _made_up(one.point, used)
        used.add(name)
        hooks.append(
            Hook(
                point=HookPoint(one.point),
                name=name,
                command=one.command,
                function=one.function,
                script=one.script,
                timeout_seconds=one.timeout,
            )
        )
    return tuple(hooks)


def _made_up(point: str, used: set[str]) -> str:
    name, count = str(point), 1
    while name in used:
        count += 1
        name = f"{point}-{count}"
    return name


def problems_of(specs: Sequence[HookSpec]) -> list[str]:
    """Return everything that is wrong with hooks on their own, one line each."""
    found = []
    for one in specs:
        what = f"hook {one.name or one.point}"
        kinds = _kinds_of(one)
        if one.point not in set(HookPoint):
            found.append(f"{what}: there is no point {one.point!r}; there are {', '.join(HookPoint)}")
        if len(kinds) != 1:
            given = f"{' and '.join(kinds)} are given" if kinds else "nothing to run is given"
            found.append(f"{what}: {given}; give exactly one of command, function and script")
        found += [f"{what}: {problem}" for kind in kinds for problem in _kind_problems(one, kind)]
        if not one.timeout > 0:
            found.append(f"{what}: the timeout is a time in seconds, more than 0, not {one.timeout:g}")
        found += name_problems(one.name, what)
    names = [one.name for one in specs if one.name]
    found += [f"hook {name}: two hooks have this name" for name in sorted({n for n in names if names.count(n) > 1})]
    return found


def _kind_problems(hook: HookSpec, kind: HookKind) -> list[str]:
    match kind:
        case HookKind.COMMAND:
            return [] if hook.command[0] else ["the command has no program"]
        case HookKind.SCRIPT:
            if hook.point not in set(HookPoint) or HookPoint(hook.point).is_of_an_instance:
                return []
            return [f"a script runs on a server, and {hook.point} is about none: give another kind"]
        case HookKind.FUNCTION | HookKind.CALLABLE:
            return []
        case _:
            assert_never(kind)


def name_problems(name: str, what: str) -> list[str]:
    """Return what is wrong with a hook's own name; none is fine."""
    plain = not name or (len(name) <= _LONGEST_NAME and not any(each.isspace() for each in name) and name.isprintable())
    return [] if plain else [f"{what}: a name has at most {_LONGEST_NAME} characters and no spaces"]
