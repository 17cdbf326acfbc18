"""The history of rollouts as a table: what was rolled, who did it, why, how long it took, and how it ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.cli.aligned_text import fitted
from awsroll.cli.local_time import local_moment
from awsroll.core.model.duration_text import duration

if TYPE_CHECKING:
    from awsroll.report import Report, RolloutSummary
    from awsroll.stores import UnreadableRecord

_HEADING = ("ROLLOUT", "FLEET", "VERSION", "STATUS", "STARTED", "DURATION", "BY", "APPROVED BY", "WHY")
_UNKNOWN = "-"


def summaries_text(
    summaries: "Sequence[RolloutSummary]",
    unreadable: "Sequence[UnreadableRecord]" = (),
    *,
    now: datetime,
    width: int | None = None,
) -> str:
    """Return a table of rollouts, one per line; those whose record cannot be used come last.

    A terminal that is too narrow for the table shows who, when and why on a second line for each rollout.

    Args:
        summaries: the rollouts.
        unreadable: the rollouts whose record cannot be used.
        now: the time until which an unfinished rollout has lasted.
        width: the columns of the terminal; None: the table may be as wide as it is.
    """
    rows = [_row(summary, now) for summary in summaries]
    rows += [
        (record.rollout_id, record.fleet or "?", "?", "unreadable", "?", "?", "?", "", "") for record in unreadable
    ]
    pairs = [((*row[:4], row[5]), _second_line(row)) for row in rows]
    return fitted(_without_empty([_HEADING, *rows]), pairs, width)


def _without_empty(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the rows of a table without its columns that have a heading alone."""
    kept = [any(row[number] for row in rows[1:]) for number in range(len(rows[0]))]
    return [tuple(cell for cell, keep in zip(row, kept, strict=True) if keep) for row in rows]


def _second_line(row: tuple[str, ...]) -> str:
    _, _, _, _, started, _, by, approved, reason = row
    approval = f", approved by {approved}" if approved else ""
    return f"{started} by {by}{approval}{f': {reason}' if reason else ''}"


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
        ", ".join(map(who, summary.approved_by)),
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
