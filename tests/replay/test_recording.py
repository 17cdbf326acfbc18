"""Recordings: what is recorded, by which process, within which bound, and that the planner decides it again."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from awsroll.core import planner
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import VersionCount
from awsroll.core.model.rollout_choices import ReloadCommand, Strategy
from awsroll.driver import decision_recorder, stored_recording
from awsroll.driver.decision_recorder import DecisionRecorder
from awsroll.recording.delta import delta, patched
from awsroll.recording.documents import document_of, value_of
from awsroll.recording.recording_file import load_lines, load_steps
from awsroll.recording.replaying import rerun
from awsroll.stores import DecisionSegment, LocalStore
from awsroll.testing.clock import T0
from tests.replay.recorded import RecordedDriver, bytes_in, record, steps_in
from tests.support.builders import LIMITS, OLD, auto_scaling, rollout, standalone


def test_a_document_holds_a_value_with_its_mappings_in_order() -> None:
    fleet = auto_scaling(outdated=2)
    driver = RecordedDriver(fleet, rollout(fleet), recorder=DecisionRecorder(fleet.clock))
    driver.step()
    for value in (fleet.observe(driver.target, driver.status), driver.status, driver.rollout):
        assert value_of(document_of(value), type(value)) == value
    empty = Observation(at=T0, instances=(), target_groups=())
    assert value_of(document_of(empty), Observation) == empty
    turned = replace(driver.status, settings=replace(driver.status.settings, found={"b": "1", "a": "2"}))
    again = value_of(document_of(turned), type(turned))
    assert list(again.settings.found) == ["b", "a"]


def test_a_delta_makes_each_document_from_each_other() -> None:
    choices = random.Random(7)  # noqa: S311 - no secret
    for _ in range(500):
        before, after = (tuple(choices.choices("abcdefgh", k=choices.randrange(8))) for _ in range(2))
        assert patched(before, delta(before, after)) == after
    assert delta(("a", "b", "c", "d"), ("a", "b", "x", "d")) == ((0, 2), "x", (3, 1))


@pytest.mark.parametrize("processes", ["one", "one for each ten passes", "one for each step"])
def test_every_decision_is_made_again_in_any_number_of_processes(tmp_path: Path, processes: str) -> None:
    fleet, store = auto_scaling(), LocalStore(tmp_path)
    passes = {"one": 10_000, "one for each ten passes": 10, "one for each step": 1}[processes]

    whole = replace(LIMITS, poll_seconds=7)  # a whole number, as a request has it before it is stored
    driver = record(fleet, rollout(fleet, limits=whole), store, passes=passes, takes_steps=passes == 1)

    reruns = tuple(rerun(steps_in(store, driver.rollout)))
    assert [each.number for each in reruns if not each.is_same] == []
    assert passes == 1 or "observe-again-after 7.0" in {line for each in reruns for line in each.step.decision}
    decided = [each for each in driver.plans if each.actions]
    assert [plan.status for plan in decided] == [
        replace(each.step.after, events=plan.status.events)
        for plan, each in zip(
            decided, (one for one in reruns if one.step.decision[0].startswith("action")), strict=True
        )
        if each.step.after is not None
    ]
    answers = [answer.answer for each in reruns for answer in each.step.answers]
    assert answers == [result.answer.value for result in driver.results]
    assert len(reruns) == len(driver.plans) or passes == 1


def test_a_driver_of_steps_writes_only_after_a_decision(tmp_path: Path) -> None:
    fleet, store = auto_scaling(), LocalStore(tmp_path)

    driver = record(fleet, rollout(fleet), store, passes=1, takes_steps=True)

    deciding = sum(bool(plan.actions or plan.hooks or plan.status.events) for plan in driver.plans)
    item = store.decisions(driver.rollout.rollout_id).newest()
    assert item is not None
    assert item.revision == deciding < len(driver.plans)


def test_a_process_writes_once_a_minute(tmp_path: Path) -> None:
    fleet, store = standalone(), LocalStore(tmp_path)

    driver = record(fleet, rollout(fleet), store)

    item = store.decisions(driver.rollout.rollout_id).newest()
    seconds = (fleet.clock.now() - driver.status.started_at).total_seconds()
    assert item is not None
    assert 1 < item.revision <= seconds / 60 + 1


def test_the_newest_segment_is_found_wherever_the_ring_has_got_to(tmp_path: Path) -> None:
    files, slots = LocalStore(tmp_path).decisions("web-1"), 3
    for sequence in range(8):
        before = files.read(sequence % slots) if sequence >= slots else None
        files.write(sequence % slots, DecisionSegment(sequence=sequence, data=b"x"), before=before)
        found = files.newest()
        assert found is not None
        assert found.value.sequence == sequence


def test_a_recording_is_bounded_and_keeps_the_last_decisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_recording, "SEGMENT_BYTES", 4_500)
    monkeypatch.setattr(stored_recording, "MOST_BYTES", 24_000)
    monkeypatch.setattr(decision_recorder, "_WRITE_SECONDS", 5)
    fleet, store = standalone(outdated=14), LocalStore(tmp_path)

    driver = record(fleet, rollout(fleet), store, passes=20)

    reruns = tuple(rerun(steps_in(store, driver.rollout)))
    assert bytes_in(store, driver.rollout, tmp_path) <= 1.2 * 24_000
    assert 20 < len(reruns) < len(driver.plans)
    assert reruns[-1].step.after is not None
    assert reruns[-1].step.after.ended_at is not None
    assert all(each.is_same for each in reruns)
    times = [each.seconds for each in reruns]
    assert times == sorted(times)


def test_a_hundred_servers_need_less_than_a_megabyte(tmp_path: Path) -> None:
    fleet, store = standalone(outdated=100), LocalStore(tmp_path)
    plan = rollout(fleet, strategy=Strategy.DOUBLE_HALF, baseline=(VersionCount(version="2", count=100, template=OLD),))

    driver = record(fleet, plan, store)

    assert len(steps_in(store, driver.rollout)) == len(driver.plans)
    assert bytes_in(store, driver.rollout, tmp_path) < 1_000_000


def test_no_text_of_a_command_is_recorded(tmp_path: Path) -> None:
    fleet, store = standalone(), LocalStore(tmp_path)
    secret = "pass word 1"
    hooks = (Hook(point=HookPoint.AFTER_LAUNCH, name="check", command=("run", secret)),)
    command = ReloadCommand(app_version="app-3", commands=(secret,), parameters={"key": [secret]})
    plan = rollout(fleet, strategy=Strategy.RELOAD, reload=command, hooks=hooks, message=secret, started_by=secret)

    driver = record(fleet, plan, store)

    for step in steps_in(store, driver.rollout):
        assert secret not in "\n".join((*document_of(step.rollout), *step.decision, *document_of(step.before)))
    assert all(each.is_same for each in rerun(steps_in(store, driver.rollout)))


def test_a_store_that_fails_ends_the_recording_alone(tmp_path: Path) -> None:
    (tmp_path / "decisions").write_text("in the way")
    fleet, file = standalone(), tmp_path / "file.gz"

    driver = record(fleet, rollout(fleet), LocalStore(tmp_path), file=file)

    assert driver.ended
    assert file.stat().st_size > 1000, "the file does not need the store"


def test_an_error_of_the_planner_is_recorded_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = standalone()
    driver = RecordedDriver(fleet, rollout(fleet), recorder=DecisionRecorder(fleet.clock, tmp_path / "file.gz"))

    def fails(*_: object) -> Plan:
        message = "defect"
        raise RuntimeError(message)

    monkeypatch.setattr(planner, "plan", fails)
    with pytest.raises(RuntimeError):
        driver.step()
    driver.recorder.finish()

    steps = load_steps(load_lines(tmp_path / "file.gz"), of="file")
    assert steps[-1].decision == ('failed RuntimeError "defect"',)
    assert steps[-1].after is None
    assert [each.is_same for each in rerun(steps)] == [False], "the planner of today does not fail"
    assert [each.is_same for each in rerun(steps, fails)] == [True]
