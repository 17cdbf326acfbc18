"""Hooks: the user's own programs, functions and scripts that run at fixed points of a rollout. Values only.

The planner decides when each hook runs and what its failure leads to; `awsroll.hooks` runs it. Every hook runs at least
once: after a crash, a run whose end was not observed is started again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, assert_never

from awsroll.core.model.composed_values import Many, Nested
from awsroll.core.model.keys import named as named_keys
from awsroll.core.model.options import option, option_metadata, read_fields
from awsroll.core.model.value_errors import shown
from awsroll.core.model.values import CONTROLS, NAME, SHELL, Choice, Seconds, Switch, Text, check_times
from awsroll.errors import SpecError


class HookPoint(StrEnum):
    """The point of a rollout at which a hook runs."""

    BEFORE_ROLLOUT = "before_rollout"  # before the first setting is changed
    BEFORE_DEREGISTER = "before_deregister"  # before awsroll changes anything on a server in traffic
    WHILE_DRAINING = "while_draining"  # a server drains: success ends its drain early, and nothing waits for the hook
    AFTER_DRAIN = "after_drain"  # a server is out of traffic and drained, and still runs
    AFTER_LAUNCH = "after_launch"  # a new server runs
    BEFORE_REGISTER = "before_register"  # before awsroll registers a server
    AFTER_HEALTHY = "after_healthy"  # a new server is healthy: it counts as serving only when the hook has passed
    WHILE_JUDGING = "while_judging"  # old and new servers serve: it counts their requests, and nothing waits for it
    AT_CHECKPOINT = "at_checkpoint"  # a gate is closed: it opens only when the hook has passed
    AFTER_ROLLOUT = "after_rollout"  # the whole new fleet serves and the bake time is over
    ON_FAILURE = "on_failure"  # a failure has started a rollback, or stops the rollout

    @property
    def is_of_an_instance(self) -> bool:
        """Whether the hook runs once for each server, not once for the rollout."""
        return self in _OF_AN_INSTANCE


_OF_AN_INSTANCE = frozenset({
    HookPoint.BEFORE_DEREGISTER,
    HookPoint.WHILE_DRAINING,
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
    URL = "url"  # while judging: an HTTP endpoint, of all servers or of each
    METRIC = "metric"  # while judging: CloudWatch metrics with a dimension InstanceId
    ANOMALIES = "anomalies"  # while judging: the flags that the load balancer gives its targets; nothing runs


_LONGEST_LABEL = 100
POINT = Choice(tuple(HookPoint))
TIMEOUT = Seconds(least=0.001)
URL = Text(
    says="a URL that begins with http:// or https://", form=rf"(https?://[^\s{CONTROLS}]+)?", most=2048, metavar="URL"
)
METRIC = Text(
    says="CloudWatch metrics as NAMESPACE:BAD/ALL, or NAMESPACE:DURATION with `slow`",
    form=rf"([^:{CONTROLS}]+:[^:/{CONTROLS}]+(/[^:/{CONTROLS}]+)?)?",
    most=768,
    metavar="METRIC",
)
SLOW = Seconds(least=0)
HOOK_NAME = Text(says="a name of at most 60 characters without spaces", form=rf"[^\s{CONTROLS}]*", most=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSpec:
    """One hook in a request: its point, and exactly one thing to run or read. See docs/hooks.md."""

    point: HookPoint = field(metadata=option_metadata(POINT, "Point of the rollout at which the hook runs."))
    command: tuple[str, ...] = option(
        Many(SHELL, wraps=False), "Program and arguments to run next to awsroll, without a shell.", default=()
    )
    function: str = option(NAME, "Name or ARN of a Lambda function to invoke with the event as JSON.", default="")
    script: tuple[str, ...] = option(Many(SHELL, wraps=False), "Shell lines to run on the server by SSM.", default=())
    url: str = option(
        URL,
        "At while_judging: URL that answers with the counts of all servers. With {address} for the private IP "
        "address of a server, each server is asked.",
        default="",
    )
    metric: str = option(
        METRIC,
        "At while_judging: CloudWatch metrics with the dimension InstanceId, as NAMESPACE:BAD/ALL, or "
        "NAMESPACE:DURATION with slow.",
        default="",
    )
    anomalies: bool = option(
        Switch(),
        "At while_judging: compare the anomaly flags that an Application Load Balancer gives its targets.",
        default=False,
    )
    slow: float = option(
        SLOW,
        "At while_judging: a request that takes longer than this duration in seconds is bad, if durations are answered "
        "(default: 0, durations are not counted).",
        default=0,
    )
    timeout: float = option(
        TIMEOUT, "Maximum duration in seconds; a longer run is a failure (default: 300 seconds).", default=300
    )
    name: str = option(HOOK_NAME, "Name of the hook in events and failures (default: the point).", default="")

    def __post_init__(self) -> None:
        read_fields(self, where=f"hook {_label(self.name, self.point)}: ")

    @property
    def kind(self) -> HookKind:
        """The kind of a valid hook (one without `problems_of`)."""
        return _only_kind(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook of a rollout, with a name, as the record keeps it.

    Attributes:
        is_callable: a Python callable. The record cannot hold it: the process that drives the rollout provides it.
        url: an endpoint that answers with counts; with `{address}`, one of each server.
        metric: CloudWatch metrics of each server: `NAMESPACE:BAD/ALL`, or `NAMESPACE:DURATION`.
        anomalies: the anomaly flags of the load balancer are compared.
        slow_seconds: a request that takes longer is bad, where durations are answered; 0: none.
    """

    point: HookPoint
    name: str
    command: tuple[str, ...] = ()
    function: str = ""
    script: tuple[str, ...] = ()
    is_callable: bool = False
    url: str = ""
    metric: str = ""
    anomalies: bool = False
    slow_seconds: float = 0
    timeout_seconds: float = 300

    def __post_init__(self) -> None:
        check_times(self.timeout_seconds, self.slow_seconds)
        if len(_kinds_of(self)) != 1:
            problem = f"hook {self.name!r} must have exactly one of {', '.join(HookKind)}"
            raise ValueError(problem)

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


def _is_set(hook: HookSpec | Hook, kind: HookKind) -> bool:  # noqa: PLR0911 - one for each kind
    match kind:
        case HookKind.COMMAND:
            return bool(hook.command)
        case HookKind.FUNCTION:
            return bool(hook.function)
        case HookKind.SCRIPT:
            return bool(hook.script)
        case HookKind.CALLABLE:
            return isinstance(hook, Hook) and hook.is_callable
        case HookKind.URL:
            return bool(hook.url)
        case HookKind.METRIC:
            return bool(hook.metric)
        case HookKind.ANOMALIES:
            return hook.anomalies
        case _:
            assert_never(kind)


def named(specs: Iterable[HookSpec]) -> tuple[Hook, ...]:
    """Return hooks with names: their own, or `after_drain`, `after_drain-2`, and so on."""
    specs = tuple(specs)
    return tuple(
        Hook(
            point=spec.point,
            name=name,
            command=spec.command,
            function=spec.function,
            script=spec.script,
            url=spec.url,
            metric=spec.metric,
            anomalies=spec.anomalies,
            slow_seconds=spec.slow,
            timeout_seconds=spec.timeout,
        )
        for spec, name in zip(specs, names_of(specs), strict=True)
    )


def names_of(specs: Sequence[HookSpec], *, taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names of hooks, with a default name for each hook without one."""
    used = {*taken, *(spec.name for spec in specs)}
    names = []
    for spec in specs:
        name = spec.name or _default_name(spec.point, used)
        used.add(name)
        names.append(name)
    return tuple(names)


def _default_name(point: str, used: set[str]) -> str:
    name, count = str(point), 1
    while name in used:
        count += 1
        name = f"{point}-{count}"
    return name


def _label(*names: object) -> str:
    """Return the first name that is given, for messages about a hook that may be wrong."""
    label = next((name for name in names if name), "")
    return label if isinstance(label, str) and label.isprintable() and len(label) <= _LONGEST_LABEL else shown(label)


def hook_of(values: Mapping[Any, Any]) -> HookSpec:
    """Return the hook that plain values define, as a file and an event have it.

    Raises:
        SpecError: if a key is unknown or missing, or a value is wrong.
    """
    given = named_keys(values, [field.name for field in fields(HookSpec)], where="a hook", listed_by="awsroll schema")
    if given.get("point") is None:
        problem = f"a hook has no point: pass one of {', '.join(HookPoint)}"
        raise SpecError(problem)
    return HookSpec(**{name: value for name, value in given.items() if value is not None})


HOOKS = Many(Nested(HookSpec, hook_of), wraps=False)


_REQUESTED = [kind for kind in HookKind if kind is not HookKind.CALLABLE]


def problems_of(specs: Sequence[HookSpec]) -> list[str]:
    """Return the problems of hooks that concern several values, one line each."""
    problems = []
    for spec in specs:
        what = f"hook {spec.name or spec.point}"
        kinds = _kinds_of(spec)
        if len(kinds) != 1:
            given = f"it has {' and '.join(kinds)}" if kinds else "it has nothing to run"
            problems.append(f"{what}: {given}; pass exactly one of {', '.join(_REQUESTED)}")
        problems += [f"{what}: {problem}" for kind in kinds for problem in _kind_problems(spec, kind)]
    if sum(spec.point is HookPoint.WHILE_DRAINING for spec in specs) > 1:
        problems.append("two hooks at while_draining: a drain has one probe, so --drain-probe is one, too. Remove one")
    return problems + repeated_names([spec.name for spec in specs])


def repeated_names(names: Sequence[str]) -> list[str]:
    """Return the problems of names of hooks that are given twice."""
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    return [f"hook {name}: two hooks have this name" for name in repeated]


def _only_judges(hook: HookSpec, kind: HookKind) -> list[str]:
    judges = hook.point is HookPoint.WHILE_JUDGING
    return [] if judges else [f"{kind} is for while_judging alone, not for {hook.point}; use another kind"]


def _kind_problems(hook: HookSpec, kind: HookKind) -> list[str]:
    match kind:
        case HookKind.COMMAND:
            return [] if hook.command[0] else ["the command has no program"]
        case HookKind.SCRIPT:
            if hook.point.is_of_an_instance or hook.point is HookPoint.WHILE_JUDGING:
                return []
            return [f"a script runs on a server, but {hook.point} has no server; use another kind"]
        case HookKind.METRIC if "/" not in hook.metric.partition(":")[2] and not hook.slow:
            return [f"the metric {hook.metric} has durations: pass slow, or NAMESPACE:BAD/ALL"]
        case HookKind.URL | HookKind.METRIC | HookKind.ANOMALIES:
            return _only_judges(hook, kind)
        case HookKind.FUNCTION | HookKind.CALLABLE:
            return []
        case _:
            assert_never(kind)
