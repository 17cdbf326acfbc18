"""The judge: evidence is valid at any time, needs both versions at the same time, and says what it lacks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from awsroll.core.judge.e_process import (
    ODDS,
    Sensitivity,
    add_samples,
    chance_of_bad,
    least_bad,
    total_of,
    usual_rate,
)
from awsroll.core.judge.odds import Split, likelihood_ratios
from awsroll.core.judge.power import Servers, seconds_to_find
from awsroll.core.judge.verdicts import Verdict, judge
from awsroll.core.model.evidence import Evidence, Sample
from benchmarks.judge import BAD, QUIET, at_share, false_rollbacks, seconds_to_find as simulated
from benchmarks.judge_rollouts import run

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SENSITIVITY = Sensitivity(alpha=0.01, effect=0.05)


def samples(*bad: int, new: int = 1, total: int = 25, stratum: str = "") -> list[Sample]:
    """Return one sample a server; the first servers are new."""
    return [
        Sample(instance_id=f"{stratum}i-{place}", is_new=place < new, bad=each, total=total, stratum=stratum)
        for place, each in enumerate(bad)
    ]


def after(*intervals: list[Sample], seconds: float = 10) -> Evidence:
    evidence = Evidence()
    for number, interval in enumerate(intervals, start=1):
        at = T0 + timedelta(seconds=number * seconds)
        evidence = add_samples(evidence, interval, at, SENSITIVITY, quiet_seconds=10)
    return evidence


ALONE = samples(1, *[0] * 9)
ALL = samples(*[9] * 10)
NO_ERRORS = samples(*[0] * 10)


@pytest.mark.parametrize(("new", "old", "bad"), [(1, 9, 1), (3, 7, 4), (5, 5, 5), (2, 2, 1)])
def test_the_mean_of_each_likelihood_ratio_is_one_for_equally_good_versions(new, old, bad):
    from math import comb

    counts = range(max(0, bad - old), min(new, bad) + 1)
    chances = [comb(new, count) * comb(old, bad - count) / comb(new + old, bad) for count in counts]
    splits = [Split(new=new, old=old, new_bad=count, old_bad=bad - count) for count in counts]
    ratios = [likelihood_ratios(split, ODDS) for split in splits]

    for place in range(len(ODDS)):
        mean = sum(chance * ratio[place] for chance, ratio in zip(chances, ratios, strict=True))
        assert mean == pytest.approx(1)


def test_evidence_begins_at_one_and_stays_there_without_errors():
    assert total_of(Evidence()) == 1
    assert total_of(after(NO_ERRORS, NO_ERRORS)) == 1


def test_an_outage_of_all_servers_is_no_evidence():
    assert total_of(after(*[ALL] * 50)) == 1


def test_three_bad_samples_of_the_only_new_server_are_enough_without_errors_of_old_servers():
    assert total_of(after(*[ALONE, NO_ERRORS] * 2)) < 100 <= total_of(after(*[ALONE, NO_ERRORS] * 3))


def test_errors_of_old_servers_are_evidence_for_the_version():
    assert total_of(after(ALONE, samples(0, 1, *[0] * 8))) < total_of(after(ALONE))


def test_a_burst_on_one_server_counts_once_in_ten_seconds():
    burst = after(ALONE, ALONE, seconds=5)

    assert total_of(burst) == total_of(after(ALONE))
    assert total_of(after(ALONE, ALONE, ALONE, seconds=5)) > total_of(burst)


def test_an_outage_of_one_zone_is_no_evidence_against_its_new_server():
    down = samples(5, 5, 5, stratum="a") + samples(0, 0, 0, new=0, stratum="b")

    assert total_of(after(*[down] * 20)) == 1


def test_a_stratum_without_old_servers_is_not_compared():
    lonely = after(samples(5, new=1, stratum="a") + samples(0, 0, new=0, stratum="b"))

    assert total_of(lonely) == 1
    assert lonely.new.total == 0


def test_servers_without_requests_do_not_count():
    idle = [replace(sample, total=0) for sample in NO_ERRORS[5:]]

    assert after(NO_ERRORS[:5] + idle).old.total == 4 * 25


def test_a_version_that_becomes_bad_late_is_found_as_well():
    good = [samples(*(int(server == turn % 10) for server in range(10))) for turn in range(60)]

    assert judge(after(*good, *[ALONE, NO_ERRORS] * 8), SENSITIVITY).verdict is Verdict.ROLL_BACK


def test_more_traffic_of_a_new_server_explains_more_bad_samples():
    busy = [replace(sample, total=75) if sample.is_new else sample for sample in ALONE]

    assert 1 < total_of(after(busy)) < total_of(after(ALONE))


def test_usual_errors_of_old_servers_need_more_bad_requests_in_a_sample():
    usual = after(*[samples(*[2] * 10)] * 3)

    assert usual_rate(usual) == pytest.approx(2 / 25)
    assert usual_rate(after(*[samples(*[2] * 10)] * 3, *[NO_ERRORS] * 20)) < 0.001


def test_waits_without_requests_and_says_how_many_are_missing_with_few():
    assert judge(Evidence(), SENSITIVITY).missing is None

    few = judge(after(samples(0, 0, 0, 0, total=3)), SENSITIVITY)
    assert few.verdict is Verdict.WAIT
    assert few.missing is not None
    assert few.missing > 50


def test_continues_when_a_bad_version_would_have_been_found():
    verdict = judge(after(*[NO_ERRORS] * 13), SENSITIVITY)

    assert verdict.verdict is Verdict.CONTINUE
    assert verdict.evidence == ("bad requests: 0 of 325 (0 %) of the new servers, 0 of 2,925 (0 %) of the old servers")


def test_rolls_back_with_its_evidence():
    verdict = judge(after(*[ALONE, NO_ERRORS] * 3), SENSITIVITY)

    assert verdict.verdict is Verdict.ROLL_BACK
    assert verdict.evidence == (
        "bad requests: 3 of 150 (2 %) of the new servers, 0 of 1,350 (0 %) of the old servers; a version as good as "
        "the old one looks like this in at most 1 % of rollouts"
    )


def test_few_healthy_rollouts_are_rolled_back():
    assert false_rollbacks(36) <= 2


def test_a_bad_version_is_found_within_a_minute():
    assert at_share(simulated(BAD, 30), 0.95) <= 60


def test_two_requests_a_second_are_too_few_for_a_verdict():
    last = run(QUIET, 0, SENSITIVITY).last

    assert last.verdict is Verdict.WAIT
    assert last.missing is not None


@pytest.mark.parametrize("rate", [2, 50])
def test_the_power_is_that_of_simulated_rollouts(rate):
    said = seconds_to_find(Servers(new=1, old=9), rate=rate, sensitivity=SENSITIVITY, interval=5)
    found = simulated(replace(BAD, rate=rate, seconds=1200), 20)

    assert said is not None
    assert at_share(found, 0.5) < said < 3 * at_share(found, 0.5)


def test_there_is_no_power_without_old_servers():
    assert seconds_to_find(Servers(new=3, old=0), rate=50, sensitivity=SENSITIVITY, interval=5) is None


@pytest.mark.parametrize("new", [1, 3, 5])
@pytest.mark.parametrize("seconds", [5, 15, 25])
def test_one_burst_of_errors_on_a_new_server_is_never_enough(new, seconds):
    burst = samples(1, *[0] * 9, new=new)

    assert total_of(after(*[burst] * (seconds // 5), seconds=5)) < 100


@pytest.mark.parametrize("mean", [499, 501, 750, 1e6])
def test_a_sample_of_many_usual_errors_is_bad_as_rarely_as_one_of_few(mean):
    from scipy.stats import poisson

    least = least_bad(mean * 10, 0.1)

    assert poisson.sf(least - 1, mean) == pytest.approx(0.29, abs=0.02)
    assert chance_of_bad(mean * 10, 0.1, usual=0.1) == pytest.approx(poisson.sf(least - 1, mean), abs=0.002)
    assert chance_of_bad(mean * 10, 0.15, usual=0.1) > 0.99
