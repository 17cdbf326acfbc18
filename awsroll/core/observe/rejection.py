"""A rejected approval: the failure that it becomes, and whether the rollout has acted on it."""

from awsroll.core.model.status import Status

REJECTED = "rejected by a person"
"""The cause of the failure."""


def is_rejection_applied(status: Status) -> bool:
    """Return whether the closed gate was rejected and the rollout has acted on it, so that a resume may go past it.

    A rejection that was made while no process drove the rollout has yet to be applied.
    """
    since = status.gate.closed_since
    rejections = (failure.at for failure in status.failures if failure.cause == REJECTED)
    return any(since is None or at >= since for at in rejections)
