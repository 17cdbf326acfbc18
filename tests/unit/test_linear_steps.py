"""A step of the planner costs as much as the fleet is large: four times the servers, four times the function calls.

The rollouts take all servers at once, so that everything is in flight. Calls are counted, never seconds.
"""

from collections.abc import Callable

import pytest

from awsroll.core.model.status import Outcome, Status
from benchmarks.planner import KINDS, STRATEGIES, measure

SMALL, LARGE = 10, 40
WALKS = ("failed", "kept", "reloading", "retiring", "returning", "serving", "servers_in_flight")
MOST = 1.1  # the balanced order of zones, and sorting, grow a little faster
MOST_CALLS = 290
"""The most function calls of a step for each server, if all servers are in flight: 1,000 servers in some 50 ms."""


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_calls_of_a_step_grow_like_the_fleet(kind: str, strategy: str) -> None:
    small = measure(kind, strategy, SMALL, at_once=True, counts=True)
    large = measure(kind, strategy, LARGE, at_once=True, counts=True)

    assert (small.outcome, large.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
    calls_of_small, calls_of_large = small.calls / len(small.steps), large.calls / len(large.steps)
    assert calls_of_large / calls_of_small < LARGE / SMALL * MOST
    assert calls_of_large / LARGE < MOST_CALLS


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_walks_over_all_servers_equally_often_in_a_large_fleet(
    kind: str, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = list[None]()

    def counted(walk: Callable[[Status], tuple[str, ...]]) -> property:
        def walked(status: Status) -> tuple[str, ...]:
            walks.append(None)
            return walk(status)

        return property(walked)

    for name in WALKS:
        monkeypatch.setattr(Status, name, counted(getattr(Status, name).fget))
    small = measure(kind, strategy, SMALL, at_once=True)
    walks_of_small = len(walks) / len(small.steps)
    walks.clear()
    large = measure(kind, strategy, LARGE, at_once=True)

    assert len(walks) / len(large.steps) < walks_of_small * 1.5
