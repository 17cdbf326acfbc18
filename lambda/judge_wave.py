"""Judge the checks of many fleets: name those that cannot be rolled. Changes nothing, reads nothing."""

from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from handling import handles, readable_cause
from rollout_context import Count

LONGEST_REASON = 1000


class Ended(Struct, frozen=True):
    """How the rollout of one fleet has ended, or the checks of one wave.

    Attributes:
        rollout_id: the id of the rollout; empty for a wave.
        outcome: its outcome; `continued` if its execution was at its limit, so that the rollout must be continued.
        error: the name of the error of a refused rollout.
    """

    rollout_id: str
    outcome: str
    reason: str = ""
    error: str = ""


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """The results of the checks of a wave."""

    tolerated_failures: Count
    results: tuple[Ended, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to do next.

    Attributes:
        outcome: `succeeded` if the waves may start, else `refused`.
        verdict: `go-on` or `stop`.
        failed: ids of the rollouts that failed.
        reason: what failed, for people.
    """

    outcome: str
    verdict: str
    failed: tuple[str, ...]
    reason: str


@handles(Event)
def handler(event: Event, _: Any) -> Answer:
    """Compare the failures with the number that is tolerated."""
    failed = [ended for ended in event.results if ended.outcome != "succeeded"]
    verdict = "stop" if len(failed) > event.tolerated_failures else "go-on"
    details = "; ".join(_described(ended) for ended in failed)
    counted = f"{len(failed)} of {len(event.results)} failed, {event.tolerated_failures} tolerated: {details}"
    reason = counted if all(ended.rollout_id for ended in failed) else details  # each wave has its own counts
    return Answer(
        outcome="refused" if verdict == "stop" else "succeeded",
        verdict=verdict,
        failed=tuple(ended.rollout_id for ended in failed),
        reason=reason[:LONGEST_REASON] if failed else "",
    )


def _described(ended: Ended) -> str:
    reason = readable_cause(ended.reason)
    return f"{ended.rollout_id} {ended.outcome}: {reason}" if ended.rollout_id else reason
