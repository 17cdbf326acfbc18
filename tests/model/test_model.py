"""Every state that a small fleet can reach: no invariant is broken in it, and from it the rollout can still end."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.model.runs import IN_CI, Running, Wish, explore_all, told


@pytest.fixture(scope="module", name="running")
def _running() -> Iterator[Running]:
    with ProcessPoolExecutor(max_workers=2) as pool:
        yield explore_all(IN_CI, pool)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("wish", IN_CI, ids=lambda one: "-".join(map(str, one)))
def test_each_state_is_safe_and_can_end(wish: Wish, running: Running) -> None:
    explored = running[wish].result()
    assert not explored.problem, told(explored)
    assert explored.ends
    print(told(explored))  # noqa: T201 -- shown by `pytest -rP`
