"""What the tests use that `awsroll replay --pytest` writes."""

from awsroll.core.planner import plan
from awsroll.recording.documents import Document
from awsroll.recording.recorded_step import RecordedStep, decision_of
from awsroll.recording.recording_bytes import unpacked
from awsroll.recording.replaying import Rerun, rerun
from awsroll.recording.step_lines import read_steps

__all__ = ["RecordedStep", "Rerun", "decisions_of", "recorded_steps", "replayed"]


def recorded_steps(data: bytes) -> tuple[RecordedStep, ...]:
    """Return the steps of a compressed recording.

    Raises:
        ValueError: if it is not a recording.
    """
    return tuple(read_steps(unpacked(data)))


def replayed(steps: tuple[RecordedStep, ...]) -> tuple[Rerun, ...]:
    """Return each step with what the planner of this version decides for it."""
    return tuple(rerun(steps))


def decisions_of(step: RecordedStep) -> Document:
    """Return what the planner of this version decides for a step, as lines."""
    return decision_of(plan(step.rollout, step.observation, step.before))
