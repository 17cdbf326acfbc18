"""How many calls, observations and writes of the record a whole rollout takes: the small form of `benchmarks.calls`.

The counts come from virtual time, so they are the same on each machine. A change that raises one must say why.
"""

import pytest

from benchmarks import waves
from benchmarks.calls import Case, measure

SERVERS = 24
MOST = {
    "ec2:RunInstances": 3,  # one for each subnet
    "elbv2:RegisterTargets": 3,
    "elbv2:DeregisterTargets": 1,
    "ec2:TerminateInstances": 2,
    "ec2:CreateTags": 1,  # for all that leave
}


def test_a_standalone_double_half_makes_few_calls_and_writes() -> None:
    measured = measure(Case(kind="standalone", strategy="double-half", servers=SERVERS))

    assert measured.status == "succeeded"
    assert {name: measured.calls[name] for name in MOST if measured.calls[name] > MOST[name]} == {}
    assert measured.mutating <= SERVERS
    assert measured.total <= 5 * SERVERS
    assert measured.writes <= 18


@pytest.mark.parametrize(
    ("kind", "strategy", "calls", "observations", "writes"),
    [
        ("standalone", "replace", 115, 33, 38),
        ("group", "replace", 135, 24, 27),
        ("group", "launch-first", 153, 26, 37),
        ("standalone", "reload", 130, 40, 43),
    ],
)
def test_a_small_rollout_takes_few_calls_observations_and_writes(
    kind: str, strategy: str, calls: int, observations: int, writes: int
) -> None:
    measured = measure(Case(kind=kind, strategy=strategy, servers=6, concurrent="2"))

    assert measured.status == "succeeded"
    assert (measured.total <= calls, measured.observations <= observations, measured.writes <= writes) == (
        True,
        True,
        True,
    ), measured
    assert measured.reported == measured.total, "the report counts what is on the wire"


@pytest.mark.parametrize(("kind", "servers", "most"), [("standalone", 2, 11), ("group", 2, 15), ("group", 101, 15)])
def test_a_rollout_with_nothing_to_do_changes_nothing_and_asks_little(kind: str, servers: int, most: int) -> None:
    measured = measure(Case(kind=kind, servers=servers, concurrent="1", version=1))

    assert (measured.status, measured.mutating) == ("succeeded", 0)
    assert measured.total <= most


def test_the_fleets_of_a_wave_take_one_thread_each_and_end_together() -> None:
    measured = waves.measure(4, servers=2)

    assert measured.is_bounded, measured
