"""The end of a rollout that restores nothing: the record says what is left.

A release is for a rollout that neither `abort` nor `repair` can end. An abort ends so if AWS refuses the access to the
fleet. Neither decides anything about the fleet.
"""

from datetime import datetime

from awsroll.core.decide.rest import is_set_back
from awsroll.core.decide.routing import resource_of
from awsroll.core.model.plan import end
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Outcome, Status


def unrestored(rollout: Rollout, status: Status) -> tuple[str, ...]:
    """Return what a rollout has changed and not restored, according to its record, one line each."""
    settings = [
        f"{name.partition('=')[0]} of {resource_of(rollout, name)} was {value} before the rollout"
        f"{_as_set_since(status, name)}"
        for name, value in sorted(status.settings.found.items())
    ]
    if status.mode is Mode.ENDED:
        return tuple(settings)
    servers = [
        f"server {name} was in flight ({server.phase}): check whether it takes requests"
        for name, server in sorted(status.servers_in_flight.items())
    ]
    launches = [
        f"a launch of {launch.count} in {launch.zone or rollout.fleet} has no known result: check for new servers"
        for launch in status.launches
        if not launch.settled
    ]
    return (*settings, *servers, *launches)


def _as_set_since(status: Status, name: str) -> str:
    """Return the words for a setting that awsroll has set back in a pause or at rest."""
    return "; awsroll has set it back since, as far as the record shows" if is_set_back(status, name) else ""


def release(rollout: Rollout, status: Status, at: datetime) -> Status:
    """Return the status of a rollout that ends as it is. Its saved settings stay, so that a repair can restore them."""
    if status.mode is Mode.ENDED:
        return status
    left = unrestored(rollout, status)
    reason = f"released by request; not restored: {'; '.join(left)}" if left else "released by request"
    return replace(
        status,
        mode=Mode.ENDED,
        outcome=Outcome.STOPPED,
        reason=reason,
        ended_at=at,
        pausing="",
        must_rest=False,
        events=(),
    )


def abandon(rollout: Rollout, status: Status, at: datetime, *, why: str) -> Status:
    """Return the status of an aborted rollout that ends without access to its fleet.

    Its saved settings stay, so that a repair can restore them.

    Args:
        rollout: the request.
        status: the record.
        at: the current instant.
        why: the refusal of AWS.
    """
    left = "; ".join(unrestored(rollout, status)) or "nothing, according to the record"
    repair = f"`awsroll repair {rollout.rollout_id}` restores it once AWS allows the access"
    reason = f"aborted without access to the fleet: {why.rstrip('.')}. Not restored: {left}. {repair}"
    ended = replace(
        status, reason=reason, aborted=True, pausing="", must_rest=False, abort_refused_since=None, events=()
    )
    return end(ended, Outcome.STOPPED, at)
