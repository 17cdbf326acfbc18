"""Hooks that are Python callables: no record can hold them, so whoever drives a rollout brings them, each time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from awsroll.core.model.hooks import Hook, HookEvent, HookPoint, HookSpec, name_problems, named
from awsroll.core.model.rollout import Rollout, Strategy
from awsroll.errors import SpecError

HookCallable: TypeAlias = Callable[[HookEvent], object]
"""Gets the event; what it returns is ignored, and what it raises is the hook's failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonHook:
    """A Python callable that is run at a point of a rollout, in a thread of its own.

    Attributes:
        timeout: in seconds; after it the hook has failed. The callable itself cannot be ended and runs on unheeded.
        name: names it in events and failures, and again for `resume`; empty: made up from the point.
    """

    point: HookPoint
    call: HookCallable
    timeout: float = 300
    name: str = ""


GivenHooks: TypeAlias = Mapping[str, HookCallable] | Sequence[PythonHook]


def listed(given: GivenHooks | None) -> tuple[PythonHook, ...]:
    """Return what was given as a list: a mapping is the short form, a callable for each point.

    Raises:
        SpecError: if a point does not exist, or a timeout or a name cannot be right.
    """
    if isinstance(given, Mapping):
        _check_points(given)
        return tuple(PythonHook(point=HookPoint(point), call=call) for point, call in given.items())
    hooks = tuple(given or ())
    _check_points([one.point for one in hooks])
    problems = [f"hook {one.name or one.point}: the timeout is more than 0" for one in hooks if one.timeout <= 0]
    problems += [problem for one in hooks for problem in name_problems(one.name, f"hook {one.name}")]
    names = [one.name for one in hooks if one.name]
    problems += [f"hook {name}: two hooks have this name" for name in sorted(set(names)) if names.count(name) > 1]
    if problems:
        raise SpecError(*problems)
    return hooks


def _check_points(points: Mapping[str, HookCallable] | Sequence[str]) -> None:
    unknown = [point for point in points if point not in set(HookPoint)]
    if unknown:
        raise SpecError(*(f"there is no hook point {one!r}; there are {', '.join(HookPoint)}" for one in unknown))


def named_callables(given: Sequence[PythonHook], rollout: Rollout) -> tuple[Hook, ...]:
    """Return how the record names the callables of a new rollout.

    Raises:
        SpecError: if a name is taken, or the rollout never comes to a point.
    """
    taken = [one.name for one in rollout.hooks]
    problems = [f"hook {one.name}: two hooks have this name" for one in given if one.name in taken]
    if rollout.strategy is Strategy.RELOAD and any(one.point == HookPoint.AFTER_LAUNCH for one in given):
        problems.append("hook after_launch: reload launches no servers to run it for")
    if problems:
        raise SpecError(*problems)
    specs = [HookSpec(point=one.point, timeout=one.timeout, name=one.name) for one in given]
    return tuple(
        Hook(point=one.point, name=one.name, is_callable=True, timeout_seconds=one.timeout_seconds)
        for one in named(specs, taken=taken)
    )


def bound(rollout: Rollout, given: Sequence[PythonHook]) -> dict[str, HookCallable]:
    """Return the callables of a rollout by the names in its record: by their own name, else in order at each point.

    Raises:
        SpecError: if one is given that the rollout does not know.
    """
    wanted = [one for one in rollout.hooks if one.is_callable]
    found: dict[str, HookCallable] = {}
    for one in sorted(given, key=lambda each: not each.name):
        fits = (
            hook.name
            for hook in wanted
            if hook.name not in found and (hook.name == one.name if one.name else hook.point == one.point)
        )
        name = next(fits, None)
        if name is None:
            problem = f"rollout {rollout.rollout_id} has no Python hook {one.name or one.point}: leave it out"
            raise SpecError(problem)
        found[name] = one.call
    return found


def check_bound(rollout: Rollout, found: Mapping[str, HookCallable]) -> None:
    """Make sure that every callable of a rollout is at hand.

    Raises:
        SpecError: if one is not; nothing was changed.
    """
    missing = [one for one in rollout.hooks if one.is_callable and one.name not in found]
    if missing:
        raise SpecError(
            *(
                f"rollout {rollout.rollout_id} was started with the Python hook {one.name} at {one.point}: give it "
                f'again, awsroll.resume("{rollout.rollout_id}", hooks={{"{one.point}": ...}}); nothing was changed'
                for one in missing
            )
        )
