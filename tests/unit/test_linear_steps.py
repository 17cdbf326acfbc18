"""A step of the planner costs as much as the fleet is large: four times the servers, four times the calls.

The rollouts take all servers at once, so that everything is in flight. Calls are counted, never seconds.
"""

import pytest

from awsroll.core.model.status import Outcome
from benchmarks.planner import KINDS, STRATEGIES, measure

SMALL, LARGE = 10, 40
MOST = 1.1  # the balanced order of zones, and sorting, grow a little faster


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_calls_of_a_step_grow_like_the_fleet(kind: str, strategy: str) -> None:
    small = measure(kind, strategy, SMALL, at_once=True, counts=True)
    large = measure(kind, strategy, LARGE, at_once=True, counts=True)

    assert (small.outcome, large.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
    calls_of_small, calls_of_large = small.calls / len(small.steps), large.calls / len(large.steps)
    assert calls_of_large / calls_of_small < LARGE / SMALL * MOST
