"""The history of rollouts as a table: what was rolled, who did it, why, how long it took, and how it ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.cli.aligned_text import aligned
from awsroll.cli.local_time import local_moment
from awsroll.core.model.duration_text import duration

if TYPE_CHECKING:
    from awsroll.report import Report, RolloutSummary
    from awsroll.stores import UnreadableRecord

_HEADING = ("ROLLOUT", "FLEET", "VERSION", "STATUS", "STARTED", "DURATION", "BY", "WHY")
_UNKNOWN = "-"


def summaries_text(
    summaries: "Sequence[RolloutSummary]", unreadable: "Sequence[UnreadableRecord]" = (), *, now: datetime
) -> str:
    """Return a table of rollouts, one per line; those whose record cannot be used come last.

    Args:
        summaries: the rollouts.
        unreadable: the rollouts whose record cannot be used.
        now: the time until which an unfinished rollout has lasted.
    """
    rows = [_row(summary, now) for summary in summaries]
    rows += [(record.rollout_id, record.fleet or "?", "?", "unreadable", "?", "?", "?", "") for record in unreadable]
    return aligned([_HEADING, *rows])


def _row(summary: "RolloutSummary", now: datetime) -> tuple[str, ...]:
    seconds = ((summary.ended_at or now) - summary.started_at).total_seconds()
    return (
        summary.rollout_id,
        summary.fleet,
        f"{summary.from_name or '(none)'} -> {summary.to_name}",
        summary.status.value,
        local_moment(summary.started_at),
        duration(max(0.0, seconds)),
        who(summary.started_by) or _UNKNOWN,
        why(summary),
    )


def who(arn: str) -> str:
    """Return the name in the ARN of a caller: a user, or a role and its session."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    return name or kind


def why(rollout: "RolloutSummary | Report") -> str:
    """Return why a rollout was made, with what it was made from."""
    if rollout.message and rollout.ref:
        return f"{rollout.message} ({rollout.ref})"
    return rollout.message or rollout.ref


def started_text(summary: "RolloutSummary") -> str:
    """Return when a rollout was started, and by whom."""
    by = f", by {who(summary.started_by)}" if summary.started_by else ""
    return f"{local_moment(summary.started_at)}{by}"


def purpose_rows(rollout: "RolloutSummary | Report") -> list[tuple[str, str]]:
    """Return the row that says why a rollout was made; none if nothing says it."""
    words = why(rollout)
    return [("why", words)] if words else []
