"""Hooks: what a user has run at fixed points of a rollout, and how such a run stands. Values alone.

When each is run, and what its failure leads to, is decided in `hooking`; running it is the shell's part. Every hook
runs at least once: after a crash, a run whose end nobody saw is started again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

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
        kinds = [kind for kind in ("command", "function", "script") if getattr(one, kind)]
        if one.point not in set(HookPoint):
            found.append(f"{what}: there is no point {one.point!r}; there are {', '.join(HookPoint)}")
        elif one.script and not HookPoint(one.point).is_of_an_instance:
            found.append(f"{what}: a script runs on a server, and {one.point} is about none: give another kind")
        if len(kinds) != 1:
            given = f"{' and '.join(kinds)} are given" if kinds else "nothing to run is given"
            found.append(f"{what}: {given}; give exactly one of command, function and script")
        if one.command and not one.command[0]:
            found.append(f"{what}: the command has no program")
        if not one.timeout > 0:
            found.append(f"{what}: the timeout is a time in seconds, more than 0, not {one.timeout:g}")
        found += name_problems(one.name, what)
    names = [one.name for one in specs if one.name]
    found += [f"hook {name}: two hooks have this name" for name in sorted({n for n in names if names.count(n) > 1})]
    return found


def name_problems(name: str, what: str) -> list[str]:
    """Return what is wrong with a hook's own name; none is fine."""
    plain = not name or (len(name) <= _LONGEST_NAME and not any(each.isspace() for each in name) and name.isprintable())
    return [] if plain else [f"{what}: a name has at most {_LONGEST_NAME} characters and no spaces"]
