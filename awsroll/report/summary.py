"""One rollout in one line: for `awsroll list` and `awsroll status`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.status import Mode, Outcome
from awsroll.ports import Record


class Phase(StrEnum):
    """Where a rollout stands, in one word for people; derived, never stored."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    WAITING = "WaitingAtCheckpoint"
    BAKING = "Baking"
    ROLLING_BACK = "RollingBack"
    STOPPING = "Stopping"
    PAUSED = "Paused"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSummary:
    """A rollout as `awsroll list` shows it.

    Attributes:
        status: `running`, `interrupted` (it has not ended and no process drives it), or the report's.
        reason: why it stopped or waits; else empty.
    """

    rollout_id: str
    fleet: str
    status: Outcome
    phase: Phase
    started_at: datetime
    strategy: str
    from_version: str
    to_version: str
    reason: str = ""


def summarize(record: Record, *, is_driven: bool) -> RolloutSummary:
    """Return the summary of a record; `is_driven`: a process is at work on it now."""
    rollout, status = record.rollout, record.status
    outcome = status.outcome
    if is_driven and status.mode is not Mode.ENDED:
        outcome = Outcome.RUNNING
    elif outcome is Outcome.RUNNING:
        outcome = Outcome.INTERRUPTED
    return RolloutSummary(
        rollout_id=rollout.rollout_id,
        fleet=rollout.fleet,
        status=outcome,
        phase=_phase(record, outcome),
        started_at=status.started_at,
        strategy=rollout.strategy.value,
        from_version=rollout.from_version,
        to_version=rollout.to_version,
        reason=status.reason,
    )


_ENDINGS = {
    Outcome.SUCCEEDED: Phase.SUCCEEDED,
    Outcome.ROLLED_BACK: Phase.ROLLED_BACK,
    Outcome.STOPPED: Phase.FAILED,
    Outcome.PAUSED: Phase.PAUSED,
}


def _phase(record: Record, outcome: Outcome) -> Phase:
    if outcome in _ENDINGS:
        return _ENDINGS[outcome]
    status = record.status
    if status.mode is Mode.STOPPING:
        return Phase.STOPPING
    if status.backwards:
        return Phase.ROLLING_BACK
    if status.gate_since is not None:
        return Phase.WAITING
    if status.baking_since is not None:
        return Phase.BAKING
    return Phase.PENDING if record.status.observed_at is None else Phase.PROGRESSING
