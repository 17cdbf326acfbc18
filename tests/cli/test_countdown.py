"""The time left: the model of the plan at the pace of the rollout, without the time that people take."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from awsroll.cli.countdown import Countdown, Timers
from awsroll.core.classify.capacity import Bounds
from awsroll.core.classify.counts import ServerCounts
from awsroll.core.decide.approvals import AwaitedApproval
from awsroll.core.model.amount import NONE, Amount
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Gates
from awsroll.core.timeline.course import Course
from awsroll.core.timeline.lines import read_course
from awsroll.core.timeline.picture import Picture
from tests.stores.records import record

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ROLLOUT: Rollout = replace(
    record().rollout, max_unavailable=Amount(value=1), max_surge=NONE, gates=Gates(bake_seconds=60)
)
TIMERS = Timers(drain=30, arrival=100)
APPROVAL = AwaitedApproval(
    checkpoint=1, checkpoints=1, updated=1, servers=4, version="v2", since=BEGIN, command="awsroll approve web-1"
)


def _shown(done: int, *, in_flight: int = 1, stage: str = "", approval: AwaitedApproval | None = None) -> Picture:
    counts = ServerCounts(
        total=4, replaced=done, reloaded=0, failed=0, skipped=0, in_flight=in_flight, updated=done, wanted=4
    )
    return Picture(
        cells=(), stage=stage, goal=4, counts=counts, serving=3, serving_new=done, live=4, running=4,
        in_flight=in_flight, limits=Bounds(desired=4, max_unavailable=1, max_surge=0), approval=approval,
    )  # fmt: skip


def _at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def test_it_begins_with_the_time_of_the_plan_and_counts_down() -> None:
    countdown = Countdown()
    countdown.see(ROLLOUT, _shown(0), TIMERS, _at(0))

    assert countdown.seconds(_at(5)) is None, "the start says nothing of the pace"
    assert countdown.seconds(_at(20)) == pytest.approx(4 * 100 - 20 + 60)
    assert countdown.seconds(_at(300)) == pytest.approx(3 * 100 + 60), "the servers that are not touched still wait"


def test_it_follows_the_pace_of_the_rollout() -> None:
    countdown = Countdown()
    countdown.see(ROLLOUT, _shown(0), TIMERS, _at(0))
    countdown.see(ROLLOUT, _shown(1), TIMERS, _at(4))

    assert countdown.seconds(_at(5)) == pytest.approx(3 * 4 - 1 + 60)


def test_the_time_of_a_person_is_not_in_the_pace() -> None:
    countdown = Countdown()
    countdown.see(ROLLOUT, _shown(0), TIMERS, _at(0))
    countdown.see(ROLLOUT, _shown(1), TIMERS, _at(100))
    countdown.see(ROLLOUT, _shown(1, in_flight=0, approval=APPROVAL), TIMERS, _at(100))
    countdown.see(ROLLOUT, _shown(1), TIMERS, _at(5000))
    countdown.see(ROLLOUT, _shown(2), TIMERS, _at(5100))

    assert countdown.seconds(_at(5100)) == pytest.approx(2 * 100 + 60)


def test_a_rollback_has_no_bake_time_and_a_checkpoint_its_delay() -> None:
    back, gated = Countdown(), Countdown()
    back.see(ROLLOUT, _shown(2, stage="rolling back"), TIMERS, _at(0))
    gates = Gates(checkpoints=(Amount(value=1), Amount(value=3)), delay_seconds=500)
    gated.see(replace(ROLLOUT, gates=gates), _shown(2), TIMERS, _at(0))

    assert back.seconds(_at(10)) == pytest.approx(2 * 100 - 10)
    assert gated.seconds(_at(10)) == pytest.approx(2 * 100 - 10 + 500)


def test_a_watcher_measures_what_the_timeline_shows() -> None:
    lines = (
        'n 0 "a"', 'n 1 "lt-1:1"', 'n 2 "lt-1:2"', "s 0 i-1 0 1", "m 0 0 O - f", "m 10 0 D 40 w", "m 35 0 - - f",
        "s 1 i-2 0 2", "m 12 1 L 600 f", "m 70 1 N - f", "c 0 1 0 1 1 0 1 1",
    )  # fmt: skip
    measured = Timers.measured(read_course(BEGIN, lines))

    assert measured == Timers(drain=25, arrival=60)
    assert Timers.measured(Course(started_at=BEGIN)) is None


def test_nothing_is_known_before_the_first_picture_and_at_the_end() -> None:
    countdown = Countdown()
    countdown.see(ROLLOUT, _shown(0), None, _at(0))
    assert countdown.seconds(_at(50)) is None
    countdown.see(ROLLOUT, _shown(4, in_flight=0), TIMERS, _at(60))
    assert countdown.seconds(_at(90)) is None
