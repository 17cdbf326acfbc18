"""A rejected approval: the failure that it becomes, and whether the rollout has acted on it."""

from awsroll.core.model.status import Status

_REJECTED = "rejected by "


def rejected_by(name: str) -> str:
    """Return the cause of the failure; the name is empty if it is not known."""
    return f"{_REJECTED}{name or 'a person'}"


def is_rejection_applied(status: Status) -> bool:
    """Return whether the closed gate was rejected and the rollout has acted on it, so that a resume may go past it.

    A rejection that was made while no process drove the rollout has yet to be applied.
    """
    since = status.gate.closed_since
    rejections = (failure.at for failure in status.failures if failure.cause.startswith(_REJECTED))
    return any(since is None or at >= since for at in rejections)
