"""The recorder of a timeline: what it writes beside the record, continued by other processes, and never in the way."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from awsroll.core.model.action_words import change_of
from awsroll.core.model.actions import (
    ResumeProcesses,
    SetDeregistrationDelay,
    SetDesiredCapacity,
    SuspendProcesses,
    TerminateInGroup,
    UpdateGroup,
)
from awsroll.core.model.observation import TemplateVersion
from awsroll.core.model.reasons import Reason
from awsroll.driver import timeline_recorder
from awsroll.driver.read_story import stored_course
from awsroll.driver.timeline_recorder import TimelineRecorder
from awsroll.ports import Record
from awsroll.stores import LocalStore
from awsroll.testing.clock import T0, VirtualClock
from tests.support.builders import rollout, standalone
from tests.support.drive import Driver


class Calls:
    def __init__(self) -> None:
        self.by_operation = Counter[str]()


def _drive(store: LocalStore, *, processes: int) -> Record:
    """Roll a small fleet; each process drives some passes, and records them."""
    fleet = standalone()
    driver = Driver(fleet, rollout(fleet))
    recorder, calls = TimelineRecorder(fleet.clock), Calls()
    passes = 0
    while not driver.ended:
        if passes % (1000 // processes) == 0:
            recorder.finish()
            recorder, calls = TimelineRecorder(fleet.clock), Calls()
            recorder.event("preflight.warning", fleet.clock.now(), message=f"process of pass {passes}")
            recorder.keep_in(store.timeline(driver.rollout.rollout_id))
            recorder.begin(T0, calls)
        observation = fleet.observe(driver.target, driver.status)
        calls.by_operation["ec2:DescribeInstances"] += 1
        decided = driver.step()
        recorder.observed(driver.rollout, observation, decided.status)
        fleet.clock.sleep(driver.unhurried(decided))
        passes += 1
    recorder.finish()
    assert passes > 20
    return Record(rollout=driver.rollout, status=driver.status)


def test_a_rollout_in_one_process_is_in_the_store_as_it_happened(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    course = stored_course(_drive(store, processes=1), store)

    assert [lane.version for lane in course.lanes] == ["lt-web:2"] * 3 + ["lt-web:3"] * 3
    assert min(sample.serving for _, sample in course.samples) == 2
    assert [fact.fields["message"] for fact in course.facts] == ["process of pass 0"]
    assert course.calls["ec2:DescribeInstances"] > 20


def test_the_first_observation_is_written_at_once_so_that_a_watcher_sees_capacity(tmp_path: Path) -> None:
    fleet, store = standalone(), LocalStore(tmp_path)
    driver = Driver(fleet, rollout(fleet))
    recorder = TimelineRecorder(fleet.clock)
    recorder.keep_in(store.timeline(driver.rollout.rollout_id))
    recorder.begin(T0, Calls())
    recorder.observed(driver.rollout, fleet.observe(driver.target, driver.status), driver.step().status)

    sample = stored_course(Record(rollout=driver.rollout, status=driver.status), store).last_sample
    assert sample is not None
    assert (sample.serving, sample.live) == (2, 3)


def test_many_processes_continue_one_timeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_recorder, "_SEGMENT_CHARACTERS", 300)
    whole, steps = LocalStore(tmp_path / "whole"), LocalStore(tmp_path / "steps")

    one = stored_course(_drive(whole, processes=1), whole)
    many = stored_course(_drive(steps, processes=200), steps)

    assert len(steps.timeline("web-20260101-000000-4f2a").segments()) > 2
    assert (many.cells(), many.last_sample, many.calls) == (one.cells(), one.last_sample, one.calls)
    assert [lane.instance_id for lane in many.lanes] == [lane.instance_id for lane in one.lanes]
    assert len(many.facts) > 4


def test_a_full_timeline_ends_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_recorder, "_SEGMENT_CHARACTERS", 1)
    monkeypatch.setattr(timeline_recorder, "_MOST_SEGMENTS", 3)
    store = LocalStore(tmp_path)

    course = stored_course(_drive(store, processes=1), store)

    assert not course.is_complete
    assert len(store.timeline("web-20260101-000000-4f2a").segments()) == 4


def test_a_store_that_fails_ends_the_recording_alone(tmp_path: Path) -> None:
    (tmp_path / "timelines").write_text("in the way")
    store = LocalStore(tmp_path)

    _drive(store, processes=1)

    assert (tmp_path / "timelines").read_text() == "in the way"


def test_another_writer_ends_the_recording(tmp_path: Path) -> None:
    store, other = LocalStore(tmp_path), LocalStore(tmp_path)
    recorders = [TimelineRecorder(VirtualClock()), TimelineRecorder(VirtualClock())]
    for recorder, each in zip(recorders, (store, other), strict=True):
        recorder.keep_in(each.timeline("web-1"))
        recorder.begin(T0, Calls())
        recorder.event("rollout.baking", T0 + timedelta(seconds=1))

    recorders[0].finish()
    recorders[1].finish()

    (segment,) = store.timeline("web-1").segments()
    assert segment.lines == ("e 1 rollout.baking {}",)


def test_usual_events_of_servers_are_in_their_lanes_and_others_are_bounded(tmp_path: Path) -> None:
    store, recorder = LocalStore(tmp_path), TimelineRecorder(VirtualClock())
    recorder.keep_in(store.timeline("web-1"))
    recorder.begin(T0, Calls())
    recorder.event("instance.launched", T0, answer="done", instance_ids=("i-1",))
    recorder.event("instance.launched", T0, answer="refused", message="no capacity")
    for _ in range(500):
        recorder.event("aws.unanswered", T0, operation="ec2:DescribeInstances")
    recorder.finish()

    (segment,) = store.timeline("web-1").segments()
    assert segment.lines[0] == 'e 0 instance.launched {"answer": "refused", "message": "no capacity"}'
    assert len(segment.lines) == 101


def test_changes_of_settings_are_in_the_words_of_aws() -> None:
    reason = Reason.PREPARING
    update = UpdateGroup(group="web", reason=reason, maximum=11, template=TemplateVersion(template_id="lt-1", number=2))
    assert [
        change_of(action)
        for action in (
            SuspendProcesses(group="web", processes=("AZRebalance", "ReplaceUnhealthy"), reason=reason),
            ResumeProcesses(group="web", processes=("AZRebalance",), reason=reason),
            SetDesiredCapacity(group="web", value=11, expected=9, reason=reason),
            update,
            replace(update, template=None, minimum=3),
            SetDeregistrationDelay(target_group="arn:aws:x:targetgroup/api/0123", seconds=30, reason=reason),
            TerminateInGroup(group="web", instance_ids=("i-1",), decrement=True, not_registered=(), reason=reason),
        )
    ] == [
        "web: suspended AZRebalance, ReplaceUnhealthy",
        "web: resumed AZRebalance",
        "web: desired capacity 9 -> 11",
        "web: maximum 11, launch template version lt-1:2",
        "web: minimum 3, maximum 11",
        "api: deregistration delay 30 s",
        "",
    ]
