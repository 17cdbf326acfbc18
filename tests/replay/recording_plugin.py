"""Records every rollout that tests drive, on the fake fleet and in the sandbox, as a plugin of pytest.

The recordings go to the folder in `$RECORDINGS`. `tests.replay.everything` runs the planner again over each of them.
"""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest

from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.driver.decision_recorder import DecisionRecorder
from awsroll.recording.recording_file import append_lines
from awsroll.recording.step_lines import StepWriter
from tests.support.drive import Driver

FOLDER = "RECORDINGS"
_MOST_WAITING = 400

_numbers = count()
_waiting = list["_Recording"]()


class _Recording:
    """The recording of one driver, written to a file from time to time."""

    def __init__(self, rollout: Rollout) -> None:
        self._path = Path(os.environ[FOLDER]) / f"{os.getpid()}-{next(_numbers)}.gz"
        self._writer = StepWriter(rollout.rollout_id)
        self._lines = [self._writer.heading()]

    def take(self, rollout: Rollout, observation: Observation, status: Status, decided: Plan) -> None:
        if not self._lines or len(self._lines) == 1:
            _waiting.append(self)
        self._lines.append(str(self._writer.step(rollout, observation, status, decided)))

    def write(self) -> None:
        append_lines(self._path, self._lines)
        self._lines = []


def _recording_of(driver: object, rollout: Rollout) -> _Recording:
    found = driver.__dict__.get("_recording")
    if found is None:
        if len(_waiting) >= _MOST_WAITING:
            _write_all()
        found = driver.__dict__["_recording"] = _Recording(rollout)
    assert isinstance(found, _Recording)
    return found


def _write_all() -> None:
    for recording in _waiting:
        recording.write()
    _waiting.clear()


@pytest.fixture(autouse=True, scope="session")
def _recorded() -> Iterator[None]:
    planned, given = DecisionRecorder.plan, Driver.planned

    def plan(recorder: DecisionRecorder, rollout: Rollout, observation: Observation, status: Status) -> Plan:
        decided = planned(recorder, rollout, observation, status)
        _recording_of(recorder, rollout).take(rollout, observation, status, decided)
        return decided

    def look(driver: Driver, observation: Observation) -> Plan:
        decided = given(driver, observation)
        _recording_of(driver, driver.rollout).take(driver.rollout, observation, driver.status, decided)
        return decided

    with patch.object(DecisionRecorder, "plan", plan), patch.object(Driver, "planned", look):
        yield
        _write_all()
