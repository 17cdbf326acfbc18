"""Where a server and a rollout are, in the words that people see. No other module has words of its own for this.

A server's phase is stored in the record and moves as `core.lifecycle` allows. A rollout's phase follows from its record
(`core.lifecycle.rollout_phase`).
"""

from enum import StrEnum


class ServerPhase(StrEnum):
    """Where one server is in this rollout. Exactly one phase for each instance id."""

    NONE = "none"  # not touched by this rollout: no record
    LAUNCHING = "launching"  # new; it boots, and is not registered everywhere yet
    VERIFYING = "verifying"  # registered everywhere; not healthy for long enough yet
    SERVING = "serving"  # verified on the target version, and healthy at every observation since
    FAILED = "failed"  # it must leave although it may run the target version
    DRAINING = "draining"  # chosen to leave or to be reloaded; on its way out of traffic
    RELOADING = "reloading"  # out of traffic; the reload command has been sent
    RETURNING = "returning"  # on its way back into traffic
    KEPT = "kept"  # old, out of traffic, still running in case of a rollback
    TERMINATING = "terminating"  # the terminate call was made, or its group is ending it

    @property
    def is_timed(self) -> bool:
        """Whether the phase is on the way to another one, so that its clock runs."""
        return self not in (ServerPhase.NONE, ServerPhase.SERVING, ServerPhase.FAILED)


class UntouchedServer(StrEnum):
    """What people see of a server in phase NONE."""

    OUTDATED = "old, serving"
    CURRENT = "new, serving"
    UNHEALTHY = "unhealthy"
    SKIPPED = "skipped"


class RolloutPhase(StrEnum):
    """Where a rollout is, in one word for people."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    WAITING_AT_CHECKPOINT = "WaitingAtCheckpoint"
    BAKING = "Baking"
    ROLLING_BACK = "RollingBack"
    STOPPING = "Stopping"
    PAUSED = "Paused"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    ABORTED = "Aborted"
    FAILED = "Failed"
