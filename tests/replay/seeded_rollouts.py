"""Rollouts to many different bad versions, to be recorded by `everything`: each seed has another course."""

from itertools import cycle, islice, product

import pytest

from tests.judge.bad_versions import KINDS, PLANS, run

ROLLOUTS = 560


@pytest.mark.parametrize(
    ("plan", "kind", "seed"),
    [(plan, kind, seed) for seed, (kind, plan) in enumerate(islice(cycle(product(KINDS, PLANS)), ROLLOUTS))],
)
def test_a_rollout_to_a_bad_version_ends(plan: str, kind: str, seed: int) -> None:
    assert run(PLANS[plan], KINDS[kind], 10_000 + seed).servers <= 10
