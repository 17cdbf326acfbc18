"""Hooks that are Python callables: no record can hold them, so every process that drives a rollout passes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from awsroll.core.model.composed_values import PythonFunction
from awsroll.core.model.hook_calls import HookEvent
from awsroll.core.model.hooks import (
    HOOK_NAME,
    POINT,
    TIMEOUT,
    Hook,
    HookKind,
    HookPoint,
    HookSpec,
    names_of,
    repeated_names,
)
from awsroll.core.model.options import option, option_metadata, read_fields
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.errors import SpecError

HookCallable: TypeAlias = Callable[[HookEvent], object]
"""Receives the event. Its return value is ignored; an exception is the failure of the hook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonHook:
    """A Python callable to run at a point of a rollout, in a thread of its own."""

    point: HookPoint = field(metadata=option_metadata(POINT, "Point of the rollout at which the hook runs."))
    call: HookCallable = field(metadata=option_metadata(PythonFunction(), "Receives the event."))
    timeout: float = option(
        TIMEOUT,
        "Time in seconds after which the hook has failed. The callable itself cannot be ended and continues.",
        default=300,
    )
    name: str = option(
        HOOK_NAME,
        "Name of the hook in events and failures, which identifies it for `resume` (default: derived from the point).",
        default="",
    )

    def __post_init__(self) -> None:
        read_fields(self, where="hook: ")


GivenHooks: TypeAlias = Mapping[str, HookCallable] | Sequence[PythonHook]


def as_python_hooks(given: GivenHooks | None) -> tuple[PythonHook, ...]:
    """Return hooks as a tuple. A mapping is the short form: one callable for each point.

    Raises:
        SpecError: if a point does not exist, or a timeout or a name is not valid.
    """
    if isinstance(given, Mapping):
        return tuple(PythonHook(point=point, call=call) for point, call in given.items())  # type: ignore[arg-type]
    hooks = tuple(given or ())
    if problems := repeated_names([hook.name for hook in hooks]):
        raise SpecError(*problems)
    return hooks


def name_callables(hooks: Sequence[PythonHook], rollout: Rollout) -> tuple[Hook, ...]:
    """Return the callables of a new rollout as its record names them.

    Raises:
        SpecError: if another hook has the name, or the rollout never reaches the point.
    """
    taken = [hook.name for hook in rollout.hooks]
    problems = [f"hook {hook.name}: two hooks have this name" for hook in hooks if hook.name in taken]
    if rollout.strategy is Strategy.RELOAD and any(hook.point == HookPoint.AFTER_LAUNCH for hook in hooks):
        problems.append("hook after_launch: reload launches no servers, so this hook would never run")
    if problems:
        raise SpecError(*problems)
    specs = [HookSpec(point=hook.point, timeout=hook.timeout, name=hook.name) for hook in hooks]
    return tuple(
        Hook(point=spec.point, name=name, is_callable=True, timeout_seconds=spec.timeout)
        for spec, name in zip(specs, names_of(specs, taken=taken), strict=True)
    )


def bind_callables(rollout: Rollout, hooks: Sequence[PythonHook]) -> dict[str, HookCallable]:
    """Return the callables by the names in the record: matched by name, or else in order at each point.

    Raises:
        SpecError: if the rollout does not know a given hook.
    """
    recorded = [hook for hook in rollout.hooks if hook.kind is HookKind.CALLABLE]
    callables: dict[str, HookCallable] = {}
    for given in sorted(hooks, key=lambda hook: not hook.name):
        matches = (
            hook.name
            for hook in recorded
            if hook.name not in callables and (hook.name == given.name if given.name else hook.point == given.point)
        )
        name = next(matches, None)
        if name is None:
            problem = f"rollout {rollout.rollout_id} has no Python hook {given.name or given.point}; do not pass it"
            raise SpecError(problem)
        callables[name] = given.call
    return callables


def check_callables_bound(rollout: Rollout, callables: Mapping[str, HookCallable]) -> None:
    """Check that every callable of a rollout was given.

    Raises:
        SpecError: if a callable is missing; nothing was changed.
    """
    missing = [hook for hook in rollout.hooks if hook.kind is HookKind.CALLABLE and hook.name not in callables]
    if missing:
        raise SpecError(
            *(
                f"rollout {rollout.rollout_id} was started with the Python hook {hook.name} at {hook.point}; nothing "
                f'was changed. Pass it again: awsroll.resume("{rollout.rollout_id}", hooks={{"{hook.point}": ...}})'
                for hook in missing
            )
        )
