"""Every state that a small fleet can reach: no invariant is broken in it, and from it the rollout can still end."""

import pytest

from tests.model.runs import IN_CI, Wish, explore, told


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("wish", IN_CI, ids=lambda one: "-".join(map(str, one)))
def test_each_state_is_safe_and_can_end(wish: Wish) -> None:
    explored = explore(wish)
    assert not explored.problem, told(explored)
    assert explored.ends
    print(told(explored))  # noqa: T201 -- shown by `pytest -rP`
