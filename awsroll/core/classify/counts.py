"""Counts the servers of a rollout from its record alone.

`awsroll status`, the live view, the report, the answers of a step, and all their JSON show these numbers. No other
module counts results, so that the same word has the same meaning everywhere.
"""

from dataclasses import dataclass

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCounts:
    """The servers of a rollout, by result.

    Attributes:
        total: servers at the start.
        replaced: old servers that are gone and whose replacements serve.
        reloaded: servers that run the new code in place and serve.
        failed: servers, or launches, that failed.
        skipped: servers that are not touched: already on the new version, or skipped by the request.
        in_flight: servers that leave, arrive or are reloaded.
        updated: servers that serve on the target version; in a rollback, on the baseline.
        wanted: servers that the fleet should have now.
    """

    total: int
    replaced: int
    reloaded: int
    failed: int
    skipped: int
    in_flight: int
    updated: int
    wanted: int


def count_servers(rollout: Rollout, status: Status) -> ServerCounts:
    """Return the counts of a rollout.

    Worked example: of 9 servers, 3 old ones have left. 2 of their replacements serve and 1 boots: replaced 2, in flight
    1, updated 2.
    """
    total = sum(version.count for version in rollout.baseline)
    current_before = sum(version.count for version in rollout.baseline if version.version == rollout.to_version)
    return ServerCounts(
        total=total,
        replaced=_replaced(status, outdated_at_start=total - current_before),
        reloaded=status.counters.reloaded,
        failed=len({failure.instance_id or failure.cause for failure in status.failures}),
        skipped=current_before + status.counters.skipped,
        in_flight=len(status.servers_in_flight),
        updated=len(status.serving),
        wanted=_wanted(status, at_start=total),
    )


def _replaced(status: Status, *, outdated_at_start: int) -> int:
    """Count the old servers that left and whose replacements serve: a bad version replaces nothing.

    A rollback replaces new servers by old ones. It does not replace an old server again, but a server that left before
    it counts only once the fleet is whole again.
    """
    counters, serving = status.counters, len(set(status.serving) - set(status.current_at_start))
    if not status.rolling_back:
        return min(counters.replaced, serving)
    before = counters.replaced if counters.replaced_forward is None else counters.replaced_forward
    return max(0, before - max(0, outdated_at_start - serving))


def _wanted(status: Status, *, at_start: int) -> int:
    if status.desired is not None:
        return status.desired.goal
    return sum(len(shape.instance_ids) for shape in status.slots) or at_start
