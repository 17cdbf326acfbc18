"""The status that a step returns, in a few plain values, to a process that drives a rollout in steps.

It has the next wait, but no decisions, because the record is in the store. So an old status does no harm.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from awsroll.core.classify.counts import count_servers
from awsroll.core.decide.approvals import AwaitedApproval, awaited_approval
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Rehearsal
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.observe.judged_record import awaited_verdict
from awsroll.ports import Record

LOCKED_SECONDS = 60
"""The fleet stays locked for this long after the next step is due."""
_LONGEST_REASON = 500


class WaitingFor(StrEnum):
    """What a rollout waits for now, in one word."""

    DRAIN = "drain"
    LAUNCH = "launch"
    RELOAD = "reload"
    HEALTH = "health"
    HOOK = "hook"
    CHECKPOINT = "checkpoint"
    BAKE = "bake"
    WINDOW = "window"  # a window to open, or a freeze to end
    APPROVAL = "approval"  # a person, at a gate
    PAUSED = "paused"  # a person, to resume it
    ELSEWHERE = "elsewhere"  # another process that drives it
    SETTLE = "settle"  # AWS, to show the effect of a call
    FINISHED = "finished"  # nothing


class StepOutcome(StrEnum):
    """The outcome of a rollout that is driven in steps: between two steps it is `running`, never `interrupted`."""

    RUNNING = Outcome.RUNNING.value
    PAUSED = Outcome.PAUSED.value
    SUCCEEDED = Outcome.SUCCEEDED.value
    ROLLED_BACK = Outcome.ROLLED_BACK.value
    STOPPED = Outcome.STOPPED.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a rollout, in counts of servers.

    Attributes:
        total: servers at the start.
        replaced: servers whose replacement serves.
        reloaded: servers that got the new code in place and serve.
        failed: servers, or launches, that failed.
        skipped: servers that are not touched: already on the new version, or skipped by the request.
        in_flight: servers that are leaving, arriving or being reloaded.
        passed: checkpoints passed.
    """

    total: int = 0
    replaced: int = 0
    reloaded: int = 0
    failed: int = 0
    skipped: int = 0
    in_flight: int = 0
    passed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatus:
    """The status of a rollout after a step.

    Attributes:
        phase: what it waits for.
        done: whether it has ended; further steps do nothing.
        outcome: `running`, `paused`, or its end: `succeeded`, `rolled_back`, `stopped`.
        wait_seconds: the time until the next step; 1 or more, whole seconds.
        reason: why it stopped, was rolled back or waits; else empty.
        approval: the checkpoint that waits for a person; null if none does.
        revision: the number of writes of the record. A caller that passes it on accepts no older record.
    """

    rollout_id: str
    phase: WaitingFor
    done: bool
    outcome: StepOutcome
    wait_seconds: int
    progress: Progress
    reason: str = ""
    approval: AwaitedApproval | None = None
    revision: int = 0


def step_status_of(
    record: Record, *, wait_seconds: int, phase: WaitingFor | None = None, requests: UserRequests | None = None
) -> StepStatus:
    """Return the status of a rollout from its record.

    Args:
        record: the record.
        wait_seconds: the time until the next step.
        phase: what it waits for, if the record does not show it.
        requests: the user requests, if they are newer than those in the record.
    """
    status = record.status
    is_under_way = status.outcome is Outcome.INTERRUPTED or status.must_rest
    counts = count_servers(record.rollout, status)
    return StepStatus(
        rollout_id=record.rollout.rollout_id,
        phase=phase or _waiting_for(record),
        done=status.mode is Mode.ENDED,
        outcome=StepOutcome(Outcome.RUNNING if is_under_way else status.outcome),
        wait_seconds=wait_seconds,
        progress=Progress(
            total=counts.total,
            replaced=counts.replaced,
            reloaded=counts.reloaded,
            failed=counts.failed,
            skipped=counts.skipped,
            in_flight=counts.in_flight,
            passed=status.gate.passed,
        ),
        reason=_short(status.reason or _blocked(status) or _unjudged(record)),
        approval=awaited_approval(record.rollout, status, requests or status.user_requests),
        revision=record.revision,
    )


def _blocked(status: Status) -> str:
    return "" if status.blocked is None else f"waits for {status.blocked.reason}"


def _unjudged(record: Record) -> str:
    lacking = awaited_verdict(record.rollout, record.status)
    return f"waits for a verdict: {lacking}" if lacking else ""


def _waiting_for(record: Record) -> WaitingFor:
    status = record.status
    if status.mode is Mode.ENDED:
        return WaitingFor.FINISHED
    if status.outcome is Outcome.PAUSED:
        return WaitingFor.SETTLE if status.must_rest else WaitingFor.PAUSED
    if (waiting := _first(server.phase for server in status.servers.values())) is not None:
        return waiting
    if any(call.name not in record.rollout.metrics for call in status.hooks.announced):  # nothing waits for the judge's
        return WaitingFor.HOOK
    if status.mode is Mode.ROLLING and (not status.rolling_back or status.rehearsal is Rehearsal.BACK):
        return _gate(record)
    return WaitingFor.SETTLE


def _gate(record: Record) -> WaitingFor:
    gate = record.status.gate
    if gate.closed_since is not None:
        awaited = awaited_approval(record.rollout, record.status, record.status.user_requests)
        return WaitingFor.CHECKPOINT if awaited is None or awaited.answer == "approved" else WaitingFor.APPROVAL
    if gate.baking_since is None and record.status.blocked is not None:
        return WaitingFor.WINDOW
    return WaitingFor.SETTLE if gate.baking_since is None else WaitingFor.BAKE


# What a rollout waits for while a server is in a phase. The first phase in this table with a server counts.
OF_A_PHASE: dict[ServerPhase, WaitingFor | None] = {
    ServerPhase.DRAINING: WaitingFor.DRAIN,
    ServerPhase.TERMINATING: WaitingFor.DRAIN,
    ServerPhase.RELOADING: WaitingFor.RELOAD,
    ServerPhase.LAUNCHING: WaitingFor.LAUNCH,
    ServerPhase.VERIFYING: WaitingFor.HEALTH,
    ServerPhase.RETURNING: WaitingFor.HEALTH,
    ServerPhase.KEPT: None,
    ServerPhase.FAILED: None,
    ServerPhase.SERVING: None,
    ServerPhase.NONE: None,
}


def _first(phases: Iterable[ServerPhase]) -> WaitingFor | None:
    present = set(phases)
    return next((waiting for phase, waiting in OF_A_PHASE.items() if phase in present and waiting), None)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"
