"""Rollouts of a fake fleet that are recorded as the driver of a process records them."""

from dataclasses import dataclass, field
from pathlib import Path

from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import Rollout
from awsroll.driver.decision_recorder import DecisionRecorder
from awsroll.driver.read_decisions import stored_lines
from awsroll.ports import Record
from awsroll.recording.recorded_step import RecordedStep
from awsroll.recording.step_lines import read_steps
from awsroll.stores import LocalStore
from awsroll.testing.fleet import FakeFleet
from tests.support.drive import Driver


@dataclass
class RecordedDriver(Driver):
    recorder: DecisionRecorder = field(kw_only=True)

    def planned(self, observation: Observation) -> Plan:
        return self.recorder.plan(self.rollout, observation, self.status)

    def execute(self, decided: Plan) -> None:
        before = len(self.results)
        super().execute(decided)
        self.recorder.answered(self.results[before:])


def record(
    fleet: FakeFleet,
    rollout: Rollout,
    store: LocalStore,
    *,
    file: Path | None = None,
    passes: int = 10_000,
    takes_steps: bool = False,
) -> RecordedDriver:
    """Roll a fleet to its end; each process makes this number of passes."""

    def process() -> DecisionRecorder:
        recorder = DecisionRecorder(fleet.clock, file)
        recorder.keep_in(store.decisions(rollout.rollout_id), takes_steps=takes_steps)
        return recorder

    driver = RecordedDriver(fleet, rollout, recorder=process())
    store.save(Record(rollout=rollout, status=driver.status))
    made = 0
    while not driver.ended:
        if made == passes:
            driver.recorder.finish()
            driver.recorder, made = process(), 0
        fleet.clock.sleep(driver.unhurried(driver.step()))
        made += 1
    driver.recorder.finish()
    return driver


def steps_in(store: LocalStore, rollout: Rollout) -> tuple[RecordedStep, ...]:
    return tuple(read_steps(stored_lines(rollout.rollout_id, store)))


def bytes_in(store: LocalStore, rollout: Rollout, folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "decisions" / rollout.rollout_id).iterdir())
