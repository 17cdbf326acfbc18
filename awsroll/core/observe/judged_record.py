"""What the judge says about a rollout now, from its record alone: for people who watch it from another process."""

from typing import TYPE_CHECKING

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.observe.judging import judgements_of, lacking_in, proves_way_back

if TYPE_CHECKING:
    from awsroll.core.judge.verdicts import Judgement


def current_judgements(rollout: Rollout, status: Status) -> dict[str, "Judgement"]:
    """Return the verdict on each metric; none if the rollout has no judge, or nothing is judged any longer."""
    is_forward = not status.rolling_back or proves_way_back(status)
    runs = status.mode is Mode.ROLLING and status.outcome in (Outcome.RUNNING, Outcome.INTERRUPTED)
    return judgements_of(rollout, status) if rollout.metrics and runs and is_forward else {}


def awaited_verdict(rollout: Rollout, status: Status) -> str:
    """Return what a closed gate, or the bake time, still lacks for a verdict; empty if it lacks nothing."""
    is_at_gate = status.gate.closed_since is not None or status.gate.baking_since is not None
    return lacking_in(rollout, current_judgements(rollout, status)) if is_at_gate and status.judge else ""
