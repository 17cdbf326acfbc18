"""How long AWS takes in this rollout: to boot a server, to find it healthy, to drain it. Learnt from what was seen.

The times decide only when awsroll observes next. No decision about a server depends on them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Awaited(StrEnum):
    """What a server waits for, with a length that is about the same for each server of the fleet."""

    BOOT = "boot"  # standalone: from the launch until it runs
    ARRIVAL = "arrival"  # member of a group: from the launch until it is healthy
    HEALTH = "health"  # from the registration until it is healthy
    COMMAND = "command"  # from the reload command until it has ended
    DRAIN = "drain"  # from the accepted call until it is registered nowhere
    EXIT = "exit"  # from the call that terminates it until it is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How long a wait takes, in seconds, as far as observations show.

    Attributes:
        not_yet: the longest time below `done` after which a server was still waiting.
        done: the shortest time after which a server was seen to be done.
    """

    not_yet: float = 0
    done: float


_CLOSE_SECONDS = 1.0
_CLOSE_SHARE = 0.02
_TRIED_SHARE = 0.9  # an observation tries whether the wait can end as much earlier as this


def after(seen: Seen | None, seconds: float, *, done: bool) -> Seen | None:
    """Return what is known once a server was seen waiting, or done, after this time."""
    if done and (seen is None or seconds < seen.done):
        not_yet = 0.0 if seen is None or seen.not_yet >= seconds else seen.not_yet
        return Seen(not_yet=not_yet, done=seconds)
    if not done and seen is not None and seen.not_yet < seconds < seen.done:
        return Seen(not_yet=seconds, done=seen.done)
    return seen


def due(seen: Seen) -> float:
    """Return after how many seconds a server is likely to be done: at the earliest, as far as that is known.

    While it is not known well, this is a time at which no server was done yet: so the true time is found.
    """
    lower = max(seen.not_yet, _TRIED_SHARE * seen.done)
    if seen.done - lower <= max(_CLOSE_SECONDS, _CLOSE_SHARE * seen.done):
        return seen.done
    return (lower + seen.done) / 2
