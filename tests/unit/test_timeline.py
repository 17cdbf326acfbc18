"""The course of a rollout: what observations and events add to its file, and what a reader makes of the lines."""

from dataclasses import replace

from hypothesis import given, strategies as st

from awsroll.core.model.amount import Amount
from awsroll.core.timeline.course import without_reasons
from awsroll.core.timeline.lines import Frame, call_lines, continued, event_line, full_line, read_course, sample_of
from awsroll.core.timeline.picture import Picture, picture
from awsroll.testing.clock import T0
from tests.support.builders import rollout, standalone
from tests.support.drive import Driver


def _rolled(servers: int = 3, *, break_every: int = 10_000) -> tuple[list[str], list[Picture]]:
    """Return the lines and the pictures of a whole rollout; a new segment begins after every few observations."""
    fleet = standalone(outdated=servers)
    driver = Driver(fleet, replace(rollout(fleet), max_unavailable=Amount(value=2)))
    frame, lines, pictures = Frame(started_at=T0), list[str](), list[Picture]()
    while not driver.ended:
        observation = fleet.observe(driver.target, driver.status)
        decided = driver.step()
        pictures.append(picture(driver.rollout, observation, decided.status))
        lines += frame.add(pictures[-1], observation.at)
        if len(pictures) % break_every == 0:
            opening = list(frame.opening(observation.at))
            frame = continued(T0, opening)
            lines += opening
        fleet.clock.sleep(driver.unhurried(decided))
    return lines, pictures


def test_a_reader_sees_the_last_picture_and_every_change_of_capacity() -> None:
    lines, pictures = _rolled()

    course = read_course(T0, lines)

    assert course.cells() == pictures[-1].cells
    assert course.last_sample == sample_of(pictures[-1])
    changes = [sample_of(each) for each in pictures]
    assert [each for _, each in course.samples] == [
        each for number, each in enumerate(changes) if number == 0 or each != changes[number - 1]
    ]


def test_each_lane_shows_the_phases_of_its_server() -> None:
    lines, _ = _rolled(servers=1)

    old, new = read_course(T0, lines).lanes

    assert [stay.state for stay in without_reasons(old.stays)] == ["draining", None]
    assert [stay.state for stay in without_reasons(new.stays)] == ["launching", "verifying", "new, serving"]
    drain = next(stay for stay in old.stays if stay.until is not None and stay.ends_well)
    assert drain.until == drain.at + 30


def test_segments_that_are_continued_by_other_processes_tell_the_same() -> None:
    whole, _ = _rolled()
    broken, _ = _rolled(break_every=3)

    assert len(broken) > len(whole)
    assert read_course(T0, broken) == read_course(T0, whole)


def test_events_calls_and_the_end_of_a_full_timeline_are_read_again() -> None:
    lines = [
        event_line(1.5, "rollout.warning", {"message": "a\nb", "empty": "", "ids": ("i-1", "i-2")}),
        *call_lines({"ec2:RunInstances": 2}),
        *call_lines({"ec2:RunInstances": 1, "elasticloadbalancing:DescribeTargetHealth": 4}),
        full_line(9),
    ]

    course = read_course(T0, lines)

    assert [(fact.at, fact.name, fact.fields) for fact in course.facts] == [
        (1.5, "rollout.warning", {"message": "a\nb", "ids": "i-1 i-2"})
    ]
    assert course.calls == {"ec2:RunInstances": 3, "elasticloadbalancing:DescribeTargetHealth": 4}
    assert not course.is_complete


_ANY_LINE = st.text(max_size=40) | st.builds(
    lambda kind, rest: f"{kind} {rest}", st.sampled_from("nsmceax"), st.text('0123456789 -.infaeVLO{}[]"', max_size=30)
)


@given(st.lists(_ANY_LINE, max_size=8))
def test_lines_that_make_no_sense_are_skipped(lines: list[str]) -> None:
    sound, _ = ['n 0 "a"', 'n 1 "v1"', "s 0 i-1 0 1", "m 0 0 O - f"], lines

    course = read_course(T0, [*sound, *lines])

    assert course.lanes[0].instance_id == "i-1"
    assert continued(T0, [*sound, *lines]).count >= 1
