"""The summary of a rollout in one line, for `awsroll list` and `awsroll status`."""

from dataclasses import dataclass, replace
from datetime import datetime

from awsroll.core.decide.approvals import AwaitedApproval, awaited_approval
from awsroll.core.lifecycle import rollout_phase
from awsroll.core.model.phases import RolloutPhase
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.ports import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSummary:
    """A rollout as `awsroll list` shows it.

    Attributes:
        status: `running`, `interrupted` (it has not ended, but no process drives it), or the report's `status`.
        reason: why it stopped or waits; else empty.
        approval: the checkpoint that waits for a person; None if none does.
        from_name: the old version with the name of its launch template.
        to_name: the new version with the name of its launch template.
        ended_at: when the rollout ended; None if it has not.
        started_by: the ARN of the caller that started it.
        approved_by: who has approved its checkpoints, each once.
        message: why it was made.
        ref: what it was made from.
    """

    rollout_id: str
    fleet: str
    status: Outcome
    phase: RolloutPhase
    started_at: datetime
    strategy: str
    from_version: str
    to_version: str
    reason: str = ""
    approval: AwaitedApproval | None = None
    from_name: str = ""
    to_name: str = ""
    ended_at: datetime | None = None
    started_by: str = ""
    message: str = ""
    ref: str = ""
    approved_by: tuple[str, ...] = ()


def summarize(record: Record, *, is_driven: bool, requests: UserRequests | None = None) -> RolloutSummary:
    """Return the summary of a record.

    Args:
        record: the record.
        is_driven: whether a process drives the rollout now.
        requests: the user requests, if they are newer than those in the record.
    """
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
        phase=rollout_phase(replace(status, outcome=outcome)),
        started_at=status.started_at,
        strategy=rollout.strategy.value,
        from_version=rollout.from_version,
        to_version=rollout.to_version,
        reason=status.reason,
        approval=awaited_approval(rollout, status, requests or status.user_requests),
        from_name=rollout.from_name,
        to_name=rollout.to_name,
        ended_at=status.ended_at,
        started_by=rollout.started_by,
        message=rollout.message,
        ref=rollout.ref,
        approved_by=status.user_requests.approvers,
    )
