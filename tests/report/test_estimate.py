"""The expected course of a rollout: its sums by hand, what past rollouts say, and the chart."""

from dataclasses import replace

import pytest

from awsroll.cli.capacity_chart import capacity_chart
from awsroll.core.classify.capacity import Bounds
from awsroll.core.model.amount import Amount
from awsroll.core.model.duration_text import rough_duration
from awsroll.core.model.observation import FleetKind, TargetGroup, TemplateVersion
from awsroll.core.model.phases import ServerPhase, UntouchedServer
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Gates
from awsroll.core.timeline.arrivals import arrivals, reloads
from awsroll.core.timeline.course import Course, Fact, Lane, Sample, Stay
from awsroll.report.estimate import NO_HISTORY, History, estimate, work_of
from awsroll.report.expected_calls import expected_calls
from awsroll.report.simulate import Work, simulate
from tests.stores.records import T0

OLD, NEW, DRAINS = UntouchedServer.OUTDATED, UntouchedServer.CURRENT, ServerPhase.DRAINING
GROUP = TargetGroup(
    arn="web", name="web", port=80, deregistration_delay_seconds=300, health_interval_seconds=30, healthy_threshold=5
)
ROLLOUT = Rollout(
    rollout_id="web-1",
    kind=FleetKind.STANDALONE,
    fleet="web",
    target_groups=("web",),
    template=TemplateVersion(template_id="lt-1", number=2),
    max_unavailable=Amount(value=1),
)
LIMITS = Bounds(desired=4, max_unavailable=1, max_surge=0)


@pytest.mark.parametrize(
    ("work", "seconds", "serving", "running"),
    [
        (Work(outdated=9, current=0, floor=7, ceiling=9, window=2), 4 * 210 + 300, 7, 13),
        (Work(outdated=9, current=0, floor=7, ceiling=9, window=2, max_running=9), 5 * 510, 7, 9),
        (Work(outdated=4, current=0, floor=4, ceiling=8, window=4, all_new_first=True), 510, 4, 8),
        (Work(outdated=4, current=0, floor=4, ceiling=5, window=1), 4 * 210 + 300, 4, 7),
        (Work(outdated=4, current=0, floor=3, ceiling=4, window=1, reloads=True), 4 * 510, 3, 4),
        (Work(outdated=2, current=2, floor=3, ceiling=4, window=1, bake_seconds=60), 210 + 300 + 60, 3, 6),
        (Work(outdated=0, current=4, floor=3, ceiling=4, window=1, bake_seconds=60), 0, 4, 4),
    ],
    ids=["two-at-a-time", "capped", "double-half", "launch-first", "reload", "bake", "nothing"],
)
def test_the_course_follows_the_limits(work: Work, seconds: float, serving: int, running: int) -> None:
    course = simulate(work, drain=300, arrival=lambda: 210)

    assert course.seconds == seconds
    assert min(point.serving for point in course.points) == serving
    assert max(point.running for point in course.points) == running
    assert all(point.live <= work.ceiling for point in course.points)


def test_a_checkpoint_waits_for_the_drain_and_its_delay() -> None:
    work = Work(outdated=3, current=0, floor=2, ceiling=3, window=1, checkpoints=(1,), checkpoint_seconds=60)

    assert simulate(work, drain=300, arrival=lambda: 210).seconds == 300 + 60 + 210 + 300


def test_past_rollouts_make_the_range_narrow() -> None:
    work = work_of(ROLLOUT, LIMITS, outdated=4, current=0)
    unknown = estimate(ROLLOUT, (GROUP,), work, NO_HISTORY)
    known = estimate(ROLLOUT, (GROUP,), work, History(arrivals=(90, 100, 110, 100), rollouts=1))

    assert known.low < known.seconds < known.high
    assert known.high - known.low < (unknown.high - unknown.low) / 4
    assert known.basis == "4 servers of 1 past rollout of web"
    assert unknown.low < 4 * 60 + 300 < unknown.high


def test_launches_of_the_group_replace_the_guess_of_a_boot() -> None:
    work = work_of(ROLLOUT, LIMITS, outdated=4, current=0)
    slow = estimate(ROLLOUT, (GROUP,), work, History(boots=(200.0, 210.0, 220.0)))

    assert slow.seconds > estimate(ROLLOUT, (GROUP,), work, NO_HISTORY).seconds + 3 * 100
    assert slow.basis.startswith("3 launches of web")


def test_more_turns_and_waits_make_more_calls() -> None:
    few = work_of(ROLLOUT, LIMITS, outdated=2, current=2)
    many = work_of(ROLLOUT, LIMITS, outdated=4, current=0)
    courses = [simulate(work, drain=300, arrival=lambda: 210) for work in (few, many)]

    first, second = (expected_calls(ROLLOUT, work, course) for work, course in zip((few, many), courses, strict=True))

    assert 0 < first.mutating < second.mutating < second.total
    assert first.total < second.total
    baking = replace(few, bake_seconds=600)
    assert expected_calls(ROLLOUT, baking, courses[0]).total > first.total
    rehearsing = expected_calls(replace(ROLLOUT, gates=Gates(rehearses=True)), few, courses[0])
    assert rehearsing.total > first.total
    assert rehearsing.mutating > first.mutating


def _lane(name: str, *stays: tuple[float, UntouchedServer | ServerPhase | None]) -> Lane:
    return Lane(instance_id=name, zone="a", version="v", stays=tuple(Stay(at=at, state=state) for at, state in stays))


def _course(ceiling: int, *lanes: Lane, facts: tuple[Fact, ...] = ()) -> Course:
    sample = Sample(serving_old=2, serving_new=0, live=2, with_draining=2, floor=1, ceiling=ceiling, desired=2)
    return Course(started_at=T0, samples=((0, sample),), lanes=lanes, facts=facts, seconds=200)


def test_the_times_of_past_servers_count_from_what_made_room_for_them() -> None:
    course = _course(
        2,
        _lane("i-1", (0, DRAINS), (30, None)),
        _lane("i-2", (0, OLD), (55, DRAINS)),
        _lane("i-3", (20, ServerPhase.LAUNCHING), (55, NEW)),
        _lane("i-4", (85, ServerPhase.LAUNCHING), (110, NEW)),
    )

    assert arrivals(course) == (55, 55)


@pytest.mark.parametrize("late", [-0.1, 1.3], ids=["before-the-start", "after-it"])
def test_the_first_observation_need_not_be_at_the_start(late: float) -> None:
    course = _course(
        3,
        _lane("i-1", (late, OLD), (51, DRAINS)),
        _lane("i-2", (late, OLD), (100, DRAINS)),
        _lane("i-3", (20, ServerPhase.LAUNCHING), (50, NEW)),
        _lane("i-4", (70, ServerPhase.LAUNCHING), (99, NEW)),
    )

    assert arrivals(course) == (round(50 - late, 1), 48)


def test_with_a_surge_the_first_servers_are_launched_at_the_start_and_others_after_their_checkpoint() -> None:
    course = _course(
        3,
        _lane("i-1", (0, OLD), (50, DRAINS)),
        _lane("i-2", (0, OLD), (200, DRAINS)),
        _lane("i-3", (20, ServerPhase.LAUNCHING), (50, NEW)),
        _lane("i-4", (150, ServerPhase.LAUNCHING), (190, NEW)),
        facts=(Fact(at=140, name="checkpoint.passed"),),
    )

    assert arrivals(course) == (50, 50)


def test_reloaded_servers_count_from_the_end_of_their_drain() -> None:
    course = _course(2, _lane("i-1", (0, OLD), (10, DRAINS), (45, ServerPhase.RELOADING), (70, NEW)))

    assert reloads(course, 30) == (30,)


def test_the_chart_shows_the_floor_the_ceiling_and_what_serves() -> None:
    course = simulate(Work(outdated=4, current=0, floor=3, ceiling=4, window=1), drain=300, arrival=lambda: 210)

    top, bottom, axis, ends = capacity_chart(course.points, course.seconds, floor=3, ceiling=4)

    assert top.startswith("ceiling 4 ┤░")
    assert top.rstrip().endswith("█")
    assert bottom == "  floor 3 ┤" + 56 * "█"
    assert axis.strip().startswith("└")
    assert ends.split() == ["start", "16", "min"]


@pytest.mark.parametrize("servers", [1, 60, 1000])
def test_the_chart_of_each_fleet_fits_a_small_terminal(servers: int) -> None:
    work = Work(outdated=servers, current=0, floor=servers, ceiling=2 * servers, window=servers)
    course = simulate(work, drain=300, arrival=lambda: 210)

    lines = capacity_chart(course.points, course.seconds, floor=servers, ceiling=2 * servers)

    assert len(lines) <= 8
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "10 s"), (64, "1 min"), (95, "1 min 40 s"), (815, "14 min"), (7800, "2 h 10 min")]
)
def test_an_estimate_promises_no_seconds(seconds: float, words: str) -> None:
    assert rough_duration(seconds) == words
