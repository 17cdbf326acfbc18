"""The judge of waves: fleets that run the new version against fleets that have not begun. Numbers alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from awsroll.core.judge.fleets import JudgedFleets, JudgedWave, add_counts, worse_waves
from awsroll.core.model.evidence import FleetsEvidence, Tally

T0 = datetime(2026, 1, 1, tzinfo=UTC)
OLD = ("c", "d", "e", "f")
BEFORE = JudgedFleets(
    waves=(JudgedWave(name="first", alpha=0.01, finished=()),),
    waiting=("a", "b", *OLD),
    effects=dict.fromkeys(("a", "b", *OLD), 0.05),
)


def after(*finished: str, waiting: tuple[str, ...] = OLD) -> JudgedFleets:
    wave = JudgedWave(name="first", alpha=0.01, finished=finished)
    return JudgedFleets(waves=(wave,), waiting=waiting, effects=BEFORE.effects)


def seen(now: JudgedFleets, bad: Callable[[str, int], float], *, minutes: int = 60, usual: float = 0.0) -> str:
    """Return why the wave fails; empty if it does not. `bad` is the share of a fleet at each second."""
    counts = {"errors": {name: Tally(bad=3000 * usual, total=3000) for name in BEFORE.waiting}}
    known = add_counts(FleetsEvidence(), counts, BEFORE, T0)
    for second in range(30, minutes * 60, 30):
        shares = {name: usual + bad(name, second) for name in (*now.finished, *now.waiting)}
        tallies = {name: Tally(bad=3000 * share, total=3000) for name, share in shares.items()}
        known = add_counts(known, {"errors": tallies}, now, T0 + timedelta(seconds=second))
        if worse := worse_waves(known, now, ["errors"]):
            return worse["first"]
    return ""


def test_a_finished_fleet_that_turns_bad_fails_its_wave():
    why = seen(after("a"), lambda name, second: 0.06 * (name == "a" and second > 600))

    assert why.startswith("the judge finds its fleets worse than those that have not begun: errors was above the usual")
    assert why.endswith("equally good versions look like this in at most 1 % of runs")


def test_two_bad_fleets_are_found_sooner_than_one():
    one = seen(after("a"), lambda name, _: 0.06 * (name == "a"), minutes=10)
    two = seen(after("a", "b"), lambda name, _: 0.06 * (name in {"a", "b"}), minutes=10)

    assert not one
    assert two


def test_an_outage_of_all_fleets_is_no_evidence():
    assert not seen(after("a"), lambda *_: 0.5)


def test_incidents_of_single_fleets_are_no_evidence():
    assert not seen(after("a"), lambda name, second: 0.5 * (name == "a" and second % 1800 < 180))
    assert not seen(after("a"), lambda name, second: 0.5 * (name == "c" and second > 60))


def test_a_fleet_is_compared_with_its_own_usual_share():
    assert not seen(after("a"), lambda name, _: 0.01 * (name == "a"), usual=0.2)
    assert seen(after("a"), lambda name, _: 0.06 * (name == "a"), usual=0.2)


def test_without_a_waiting_fleet_nothing_is_compared():
    assert not seen(after("a", waiting=()), lambda *_: 0.5)


def test_a_fleet_whose_usual_share_is_not_known_is_not_compared():
    known = FleetsEvidence()
    now = after("a")
    for second in range(30, 3600, 30):
        tallies = {"a": Tally(bad=900, total=3000)} | {name: Tally(total=3000) for name in OLD}
        known = add_counts(known, {"errors": tallies}, now, T0 + timedelta(seconds=second))

    assert not worse_waves(known, now, ["errors"])
    assert len(known.usual) == len(OLD)


def test_the_usual_share_is_that_of_the_time_before_the_first_fleet():
    counts = {"errors": {name: Tally(bad=30, total=3000) for name in BEFORE.waiting}}
    known = add_counts(FleetsEvidence(), counts, BEFORE, T0)
    later = add_counts(known, {"errors": {"c": Tally(bad=3000, total=3000)}}, after("a"), T0 + timedelta(seconds=30))

    assert later.usual == known.usual


def test_metrics_share_the_alpha_of_the_wave():
    now = after("a", "b")
    known = FleetsEvidence()
    usual = {name: Tally(total=3000) for name in BEFORE.waiting}
    known = add_counts(known, {"errors": usual, "slow": usual}, BEFORE, T0)
    found: dict[int, int] = {}
    for second in range(30, 3600, 30):
        tallies = {name: Tally(bad=900 * (name in {"a", "b"}), total=3000) for name in ("a", "b", *OLD)}
        good = {name: Tally(total=3000) for name in tallies}
        known = add_counts(known, {"errors": tallies, "slow": good}, now, T0 + timedelta(seconds=second))
        for metrics in (["errors"], ["errors", "slow"]):
            if worse_waves(known, now, metrics):
                found.setdefault(len(metrics), second)

    assert found[1] <= found[2]
