"""The phases of a server and of a rollout, in the words that people see. No other module defines such words.

A server's phase is stored in the record and moves as `core.lifecycle` allows. A rollout's phase follows from its record
(`core.lifecycle.rollout_phase`).
"""

from enum import StrEnum


class ServerPhase(StrEnum):
    """The phase of one server in this rollout. Each instance id has exactly one phase.

    The planner asks for the attributes many times for each server, so they are computed once.

    Attributes:
        is_timed: the phase has a deadline, because it leads to another phase.
        is_way_out: the server is on its way out of traffic or of the fleet.
        is_idle: nothing was begun to take the server out or back: it is untouched, arrives, or serves.
    """

    NONE = "none"  # not touched by this rollout: no record
    LAUNCHING = "launching"  # new; it boots, and is not registered everywhere yet
    VERIFYING = "verifying"  # registered everywhere; not healthy for long enough yet
    SERVING = "serving"  # verified on the target version, and healthy at every observation since
    FAILED = "failed"  # it must leave although it may run the target version
    DRAINING = "draining"  # leaves traffic, to be terminated or reloaded
    RELOADING = "reloading"  # out of traffic; the reload command has been sent
    RETURNING = "returning"  # returns to traffic
    KEPT = "kept"  # old, out of traffic, still running in case of a rollback
    TERMINATING = "terminating"  # the terminate call was made, or its group is terminating it

    is_timed: bool
    is_way_out: bool
    is_idle: bool

    def __init__(self, word: str) -> None:
        self.is_timed = word not in ("none", "serving", "failed")
        self.is_way_out = word in ("draining", "terminating")
        self.is_idle = word in ("none", "launching", "verifying", "serving")


class UntouchedServer(StrEnum):
    """The words for a server in phase NONE."""

    OUTDATED = "old, serving"
    CURRENT = "new, serving"
    UNHEALTHY = "unhealthy"
    SKIPPED = "skipped"


class RolloutPhase(StrEnum):
    """The phase of a rollout, in one word for people."""

    PENDING = "Pending"
    REHEARSING = "Rehearsing"
    PROGRESSING = "Progressing"
    WAITING_AT_CHECKPOINT = "WaitingAtCheckpoint"
    WAITING = "Waiting"
    BAKING = "Baking"
    ROLLING_BACK = "RollingBack"
    STOPPING = "Stopping"
    PAUSED = "Paused"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    ABORTED = "Aborted"
    FAILED = "Failed"
