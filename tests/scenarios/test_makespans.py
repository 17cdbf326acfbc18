"""How long rollouts take in virtual time, and what they observe and store: the small form of `python -m benchmarks`.

All figures are counts or virtual seconds, the same on each machine. A change that raises one must say why.
"""

from functools import cache

import pytest

from benchmarks.__main__ import PAGE
from benchmarks.makespans import VARIANTS, Makespan, measure, peers, table

MOST = {  # the most observations, and bytes of the status
    "without overlap": (260, 10_800),
    "nothing tuned": (235, 13_800),
    "health checks": (217, 18_500),
    "drain probe": (265, 11_400),
    "surge": (196, 19_000),
    "all together": (204, 13_800),
}


@cache
def made(name: str) -> Makespan:
    return measure(VARIANTS[name])


def test_nothing_tuned_takes_as_long_as_the_ideal_instance_refresh() -> None:
    assert made("nothing tuned").seconds <= 1.01 * peers()["instance refresh"]


def test_all_together_takes_at_most_a_fifth_of_instance_refresh() -> None:
    assert made("all together").seconds <= peers()["instance refresh"] / 5


def test_each_option_makes_a_rollout_faster_than_nothing_tuned() -> None:
    plain = made("nothing tuned").seconds
    assert all(made(name).seconds < plain for name in ("health checks", "drain probe", "surge", "all together"))
    assert made("without overlap").seconds > 2 * plain


@pytest.mark.parametrize("name", VARIANTS)
def test_a_rollout_observes_and_stores_little(name: str) -> None:
    observations, size = MOST[name]
    assert (made(name).observations <= observations, made(name).largest_record <= size) == (True, True), made(name)


def test_the_page_has_the_makespans_of_today() -> None:
    text = PAGE.read_text()
    assert [line for line in table() if line not in text] == [], "run python -m benchmarks"
