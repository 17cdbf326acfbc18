"""How long a rollout will take, as a range: from past rollouts, launches of the group, or timers alone. Pure.

The duration holds for a rollout without failures, and without the time that people take to approve.

- Past rollouts of the fleet show how long each of its servers took. Simulations draw from these times, so the chance of
  single slow servers evens out over many of them.
- Otherwise all servers are taken to be fast, usual or slow together, because nothing is known of the application.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from awsroll.core.classify.capacity import Bounds
from awsroll.core.classify.estimates import BOOT_SECONDS, COMMAND_SECONDS, seconds_to_drain
from awsroll.core.decide.next_look import LONGEST_SECONDS
from awsroll.core.model.observation import FleetKind, TargetGroup
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.report.simulate import Simulated, Work, simulate

_RUNS, _FEWEST_RUNS, _SERVERS_SIMULATED = 21, 5, 2000
_ENOUGH = 3  # servers of past rollouts: their times show how much they differ
_LESS, _MORE = 0.9, 1.15  # what the model and a change of the application may be wrong by, with enough servers
_FEW_LESS, _FEW_MORE = 0.7, 1.5  # the same with few
_LATE_SHARE, _LATE_SECONDS = 0.3, 8.0  # awsroll sees the end of the last drain this much later
_LOOK_SHARE = 0.1  # the same for each server whose usual time is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known of the fleet's own times, in seconds.

    Attributes:
        arrivals: for each server of past rollouts: from its launch, or from its reload command, until it served.
        rollouts: the number of these rollouts.
        boots: how long the launches of the group took until the server was in service.
        server_rate: requests a second of a server in the last hour; None if it is not known.
    """

    arrivals: tuple[float, ...] = ()
    rollouts: int = 0
    boots: tuple[float, ...] = ()
    server_rate: float | None = None


NO_HISTORY = History()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The expected duration of a rollout, in seconds.

    Attributes:
        low: nine of ten rollouts take longer.
        high: nine of ten rollouts take less time.
        basis: where the times come from, for people.
        course: the expected course.
    """

    seconds: float
    low: float
    high: float
    basis: str
    course: Simulated


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """A time that is not known exactly: short, usual and long."""

    low: float
    middle: float
    high: float

    def __add__(self, other: "_Spread") -> "_Spread":
        return _Spread(low=self.low + other.low, middle=self.middle + other.middle, high=self.high + other.high)


_BOOT = _Spread(low=25, middle=BOOT_SECONDS, high=150)
_APPLICATION = _Spread(low=0, middle=15, high=90)  # from the start of the instance until the application listens
_COMMAND = _Spread(low=3, middle=COMMAND_SECONDS, high=120)


def estimate(rollout: Rollout, groups: tuple[TargetGroup, ...], work: Work, history: History = NO_HISTORY) -> Estimate:
    """Return how long a rollout will take.

    Args:
        rollout: the rollout.
        groups: the target groups of its fleet.
        work: what it has to do.
        history: what is known of the times of its fleet.
    """
    drain = seconds_to_drain(rollout, groups)
    if history.arrivals:
        middle, low, high = _drawn(work, drain, history.arrivals)
    else:
        spread = _arrival(rollout, groups, history)
        middle = simulate(work, drain=drain, arrival=lambda: spread.middle)
        low = simulate(work, drain=drain, arrival=lambda: spread.low).seconds
        high = simulate(work, drain=drain, arrival=lambda: spread.high * (1 + _LOOK_SHARE)).seconds
    late = _seconds_late(rollout, drain) if work.outdated else 0.0
    before = _seconds_to_rehearse(rollout, groups, history) if work.outdated else 0.0
    return Estimate(
        seconds=round(before + middle.seconds, 1),
        low=round(before * _FEW_LESS + min(low, middle.seconds), 1),
        high=round(before * _FEW_MORE + max(high, middle.seconds) + late, 1),
        basis=_basis(rollout, history),
        course=middle,
    )


def _seconds_to_rehearse(rollout: Rollout, groups: tuple[TargetGroup, ...], history: History) -> float:
    """Return how long the rehearsal takes: a new server, an old one again, and the delay of the gates after each."""
    if not rollout.gates.rehearses:
        return 0.0
    known = sorted(history.arrivals)
    arrival = known[len(known) // 2] if known else _arrival(rollout, groups, history).middle
    drain = seconds_to_drain(rollout, groups) if rollout.reloads else 0.0
    return 2 * (arrival + drain + rollout.gates.delay_seconds)


def longest_arrival(rollout: Rollout, groups: tuple[TargetGroup, ...], history: History) -> float:
    """Return how long a server takes at most until it serves, as far as is known."""
    if history.arrivals:
        return max(history.arrivals) * (_MORE if len(history.arrivals) >= _ENOUGH else _FEW_MORE)
    return _arrival(rollout, groups, history).high


def work_of(rollout: Rollout, limits: Bounds, *, outdated: int, current: int) -> Work:
    """Return what a rollout has to do, for the simulation."""
    gates = rollout.gates
    counts = (max(1, amount.rounded_down(limits.desired)) for amount in gates.checkpoints)
    turns = (outdated * number // len(gates.zones) for number in range(1, len(gates.zones) + 1))
    return Work(
        outdated=outdated,
        current=current,
        floor=limits.floor,
        ceiling=limits.ceiling,
        window=max(1, limits.window),
        max_running=limits.max_running,
        reloads=rollout.reloads,
        all_new_first=rollout.strategy is Strategy.DOUBLE_HALF,
        keeps_old=rollout.keep_old,
        checkpoints=tuple(turns if gates.by_zone else counts),
        checkpoint_seconds=gates.delay_seconds,
        bake_seconds=gates.bake_seconds,
    )


def _seconds_late(rollout: Rollout, drain: float) -> float:
    """Return how much later than the last drain a rollout may end: a group ends its members by itself."""
    share = _LATE_SHARE * drain if rollout.kind is FleetKind.AUTO_SCALING or rollout.keep_old else 0.0
    return _LATE_SECONDS + min(LONGEST_SECONDS, share)


def _drawn(work: Work, drain: float, arrivals: Sequence[float]) -> tuple[Simulated, float, float]:
    """Return the middle one of several simulations, and the range of their durations."""
    source = random.Random(0)  # noqa: S311 - no secret: the same plan for the same fleet
    runs = max(_FEWEST_RUNS, min(_RUNS, _SERVERS_SIMULATED // max(1, work.outdated)))
    draw: Callable[[], float] = lambda: source.choice(arrivals)  # noqa: E731 - shorter than a function
    found = sorted((simulate(work, drain=drain, arrival=draw) for _ in range(runs)), key=lambda each: each.seconds)
    less, more = (_LESS, _MORE) if len(arrivals) >= _ENOUGH else (_FEW_LESS, _FEW_MORE)
    return found[runs // 2], found[runs // 10].seconds * less, found[-1 - runs // 10].seconds * more


def _arrival(rollout: Rollout, groups: Iterable[TargetGroup], history: History) -> _Spread:
    """Return how long a server takes until it serves, from timers and the launches of the group."""
    checks = _at_most(_checks(group) for group in groups) + _always(rollout.limits.min_healthy_seconds)
    if rollout.reloads:
        return _COMMAND + checks
    if history.boots:
        boots = sorted(history.boots)
        middle, last = len(boots) // 2, len(boots) - 1
        return (
            _Spread(low=boots[last // 10], middle=boots[middle], high=boots[last - last // 10]) + _APPLICATION + checks
        )
    return _BOOT + checks


def _checks(group: TargetGroup) -> _Spread:
    """Return how long a target takes until it is healthy. One passed check may be enough for a new target."""
    interval, needed = group.health_interval_seconds, group.healthy_threshold
    registration = _Spread(low=60, middle=180, high=300) if group.is_network else _Spread(low=0, middle=0, high=10)
    checks = _Spread(low=0.5 * interval, middle=interval * needed, high=interval * (needed + 1))
    return registration + checks + _always(group.slow_start_seconds)


def _always(seconds: float) -> _Spread:
    return _Spread(low=seconds, middle=seconds, high=seconds)


def _at_most(spreads: Iterable[_Spread]) -> _Spread:
    """Return the longest times: a server serves once it is healthy in every target group."""
    found = tuple(spreads)
    return _Spread(
        low=max((each.low for each in found), default=0),
        middle=max((each.middle for each in found), default=0),
        high=max((each.high for each in found), default=0),
    )


def _basis(rollout: Rollout, history: History) -> str:
    if history.arrivals:
        rollouts = f"{history.rollouts} past rollout{'' if history.rollouts == 1 else 's'}"
        return f"{len(history.arrivals)} servers of {rollouts} of {rollout.fleet}"
    if history.boots and not rollout.reloads:
        return f"{len(history.boots)} launches of {rollout.fleet} and the timers of its target groups"
    return "the timers of the target groups; nothing is known of the application"
