"""The function that a schedule calls: a pass starts one execution, and later passes know what it has begun."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import keep
import named
import plan_waves
from awsroll.core.request.waves import FleetsSpec
from awsroll.stores import RecordStore
from tests.lambdas.driven import Machine, machine
from tests.lambdas.driven_waves import Cut, WavesMachine
from tests.lambdas.started import Started

UNHEALTHY = {"sandbox:health": "unhealthy"}
ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:fleets:live"


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path, grouped=True, servers=1, further_versions=(UNHEALTHY,)) as made:
        yield made


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    made = Started()
    monkeypatch.setenv(keep.MACHINE, ARN)
    monkeypatch.setattr(keep, "MachineExecutions", lambda *_: made)
    return made


def file(version: int = 2) -> dict[str, Any]:
    fleet = {"asg": "web", "launch-template": f"web:{version}", "launch-first": True, "healthy-timeout": 120}
    return {"fleets": {"waves": [{"fleets": [fleet]}]}}


def drive(driven: Machine, started: Started) -> dict[str, Any]:
    """Roll what was started last, as the machine of many fleets does."""
    name, content = list(started.runs.items())[-1]
    answer = plan_waves.handler({"name": name, "fleets": content}, None)
    done = WavesMachine(driven, answer["waves"]).run()
    started.running.remove(name)
    return done


def test_a_pass_starts_one_execution_and_then_the_fleet_rests(driven: Machine, started: Started) -> None:
    first = keep.handler(file(), None)
    pending = keep.handler(file(), None)
    done = drive(driven, started)
    after = keep.handler(file(), None)

    assert first["fleets"]["web"]["action"] == "roll"
    assert list(started.runs) == [first["execution"]]
    assert pending["fleets"]["web"]["action"] == "wait"
    assert "has not ended" in pending["fleets"]["web"]["why"]
    assert done["verdict"] == "go-on"
    assert after["fleets"]["web"]["action"] == "rest"
    assert after["execution"] == ""


def test_an_execution_that_ended_without_a_rollout_is_started_again(driven: Machine, started: Started) -> None:
    keep.handler(file(), None)
    started.running.clear()
    driven.rolling.clock.sleep(3600)

    assert keep.handler(file(), None)["fleets"]["web"]["action"] == "roll"
    assert len(started.runs) == 2


def test_a_version_whose_rollout_has_failed_is_not_tried_again(driven: Machine, started: Started) -> None:
    keep.handler(file(3), None)
    drive(driven, started)
    driven.rolling.clock.sleep(60)

    refused = keep.handler(file(3), None)["fleets"]["web"]

    assert refused["action"] == "wait"
    assert "is not tried again until it changes" in refused["why"]
    assert keep.handler({**file(3), "again": True}, None)["fleets"]["web"]["action"] == "roll"


def test_without_a_machine_nothing_is_read(driven: Machine) -> None:
    with pytest.raises(named.HandlerError, match="names no state machine"):
        keep.handler(file(), None)


INSTANTS = ("before the note", "after the note", "before the start", "after the start")


def at(monkeypatch: pytest.MonkeyPatch, started: Started, instant: str, happens: Callable[[], None]) -> None:
    """Have something happen once at an instant of a pass that starts an execution."""
    pending = [instant]

    def reach(what: str) -> None:
        if [what] == pending:
            pending.clear()
            happens()

    def around(what: str, really: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            reach(f"before the {what}")
            answer = really(*values)
            reach(f"after the {what}")
            return answer

        return call

    monkeypatch.setattr(RecordStore, "replace_note", around("note", RecordStore.replace_note))
    monkeypatch.setattr(started, "start", around("start", started.start))


@pytest.mark.parametrize("instant", INSTANTS)
def test_of_two_passes_at_once_one_starts_an_execution(
    driven: Machine, started: Started, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    other: list[dict[str, Any]] = []
    at(monkeypatch, started, instant, lambda: other.append(keep.handler(file(), None)))

    if instant == "before the note":
        with pytest.raises(named.HandlerError, match="another pass has changed what is known of fleet web"):
            keep.handler(file(), None)
    else:
        keep.handler(file(), None)

    assert len(other) == 1
    assert len(started.runs) == 1
    assert other[0]["fleets"]["web"]["action"] == ("roll" if instant == "before the note" else "wait")
    assert drive(driven, started)["verdict"] == "go-on"
    assert keep.handler(file(), None)["fleets"]["web"]["action"] == "rest"


@pytest.mark.parametrize("instant", INSTANTS)
def test_a_pass_that_is_killed_loses_no_rollout_and_doubles_none(
    driven: Machine, started: Started, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    at(monkeypatch, started, instant, kill)
    with pytest.raises(Cut):
        keep.handler(file(), None)

    soon = keep.handler(file(), None)["fleets"]["web"]["action"]
    driven.rolling.clock.sleep(3600)
    later = keep.handler(file(), None)["fleets"]["web"]["action"]

    assert (soon, later) == {
        "before the note": ("roll", "wait"),
        "after the note": ("wait", "roll"),
        "before the start": ("wait", "roll"),
        "after the start": ("wait", "wait"),
    }[instant]
    assert len(started.runs) == 1
    assert drive(driven, started)["verdict"] == "go-on"
    assert keep.handler(file(), None)["fleets"]["web"]["action"] == "rest"


def kill() -> None:
    raise Cut


def test_a_start_without_an_answer_is_not_repeated_while_the_execution_runs(
    driven: Machine, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = started.start

    def start(name: str, spec: FleetsSpec) -> None:
        really(name, spec)
        raise TimeoutError

    monkeypatch.setattr(started, "start", start)
    with pytest.raises(TimeoutError):
        keep.handler(file(), None)
    driven.rolling.clock.sleep(3600)

    assert keep.handler(file(), None)["fleets"]["web"]["action"] == "wait"
    assert len(started.runs) == 1


def test_a_fleet_waits_until_its_execution_has_ended_because_a_later_wave_can_roll_it_back(
    driven: Machine, started: Started
) -> None:
    name = keep.handler(file(), None)["execution"]
    drive(driven, started)
    started.running.add(name)
    running = keep.handler(file(), None)
    started.running.clear()

    assert running["fleets"]["web"]["action"] == "wait"
    assert keep.handler(file(), None)["fleets"]["web"]["action"] == "rest"


def test_the_name_of_an_execution_is_one_that_step_functions_accepts_and_logs(
    driven: Machine, started: Started
) -> None:
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", keep.handler(file(), None)["execution"])
