"""Hooks that are Python callables: no record can hold them, so every process that drives a rollout passes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from awsroll.core.model.hooks import Hook, HookEvent, HookKind, HookPoint, HookSpec, name_problems, named
from awsroll.core.model.rollout import Rollout, Strategy
from awsroll.errors import SpecError

HookCallable: TypeAlias = Callable[[HookEvent], object]
"""Receives the event. Its return value is ignored; an exception is the failure of the hook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonHook:
    """A Python callable to run at a point of a rollout, in a thread of its own.

    Attributes:
        timeout: in seconds; after it the hook has failed. The callable itself cannot be ended and continues.
        name: names the hook in events and failures, and identifies it for `resume`; empty: derived from the point.
    """

    point: HookPoint
    call: HookCallable
    timeout: float = 300
    name: str = ""


GivenHooks: TypeAlias = Mapping[str, HookCallable] | Sequence[PythonHook]


def as_python_hooks(given: GivenHooks | None) -> tuple[PythonHook, ...]:
    """Return hooks as a tuple. A mapping is the short form: one callable for each point.

    Raises:
        SpecError: if a point does not exist, or a timeout or a name is not valid.
    """
    if isinstance(given, Mapping):
        _check_points(given)
        return tuple(PythonHook(point=HookPoint(point), call=call) for point, call in given.items())
    hooks = tuple(given or ())
    _check_points([hook.point for hook in hooks])
    problems = [
        f"hook {hook.name or hook.point}: the timeout must be more than 0" for hook in hooks if hook.timeout <= 0
    ]
    problems += [problem for hook in hooks for problem in name_problems(hook.name, f"hook {hook.name}")]
    names = [hook.name for hook in hooks if hook.name]
    problems += [f"hook {name}: two hooks have this name" for name in sorted(set(names)) if names.count(name) > 1]
    if problems:
        raise SpecError(*problems)
    return hooks


def _check_points(points: Mapping[str, HookCallable] | Sequence[str]) -> None:
    unknown = [point for point in points if point not in set(HookPoint)]
    if unknown:
        raise SpecError(*(f"unknown hook point {point!r}; use one of {', '.join(HookPoint)}" for point in unknown))


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
        Hook(point=hook.point, name=hook.name, is_callable=True, timeout_seconds=hook.timeout_seconds)
        for hook in named(specs, taken=taken)
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
