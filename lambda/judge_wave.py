"""Many fleets: tells whether the next wave may begin. Changes nothing."""

from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from handling import handles

CONTINUED = "continued"
_LONGEST_REASON = 1000


class Ended(Struct, frozen=True):
    """How the rollout of one fleet has ended; `continued`: its execution was at its limit, and it is to go on."""

    rollout_id: str
    outcome: str
    reason: str = ""


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """A wave that is over."""

    tolerated_failures: int
    results: tuple[Ended, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What comes next.

    Attributes:
        verdict: `go-on` with the next wave; `again`: the same wave, for what is to go on; `stop`.
        failed: ids of the rollouts that failed.
        reason: what went wrong, for people.
    """

    verdict: str
    failed: tuple[str, ...]
    reason: str


@handles(Event)
def handler(event: Event, _: Any) -> Answer:
    """Count the failures of a wave against those that it tolerates."""
    failed = [one for one in event.results if one.outcome not in ("succeeded", CONTINUED)]
    verdict = "go-on"
    if len(failed) > event.tolerated_failures:
        verdict = "stop"
    elif any(one.outcome == CONTINUED for one in event.results):
        verdict = "again"
    told = "; ".join(f"{one.rollout_id} {one.outcome}: {one.reason}" for one in failed)
    reason = f"{len(failed)} of {len(event.results)} failed, {event.tolerated_failures} tolerated: {told}"
    ids = tuple(one.rollout_id for one in failed)
    return Answer(verdict=verdict, failed=ids, reason=reason[:_LONGEST_REASON] if failed else "")
