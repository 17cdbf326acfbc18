"""The check that no unfinished rollout is left on a fleet.

Only the record of an unfinished rollout knows what it has in flight: a drained server is in no target group. Another
rollout would not see that server and would leave it behind. Locks do not prevent this: those of a dead driver are free.
"""

from collections.abc import Callable

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Outcome
from awsroll.core.observe.verdict import why_no_rollback
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError, FleetLockedError
from awsroll.ports import Record, Store
from awsroll.preflight.lookups import group_name
from awsroll.stores.locks import fleet_parts


def check_unfinished(store: Store, rollout: Rollout) -> None:
    """Check that no other unfinished rollout changes what this rollout changes.

    Raises:
        FleetLockedError: if there is one; nothing was changed.
    """
    parts = set(fleet_parts(rollout))
    other = _find(store, lambda known: not parts.isdisjoint(fleet_parts(known)))
    if other is not None:
        raise FleetLockedError(unfinished_message(rollout.fleet, other))


def raise_unfinished(store: Store, spec: RolloutSpec, region: str, error: FleetError) -> None:
    """Raise FleetLockedError if the checks refuse a fleet that has an unfinished rollout: it may be the cause."""
    other = _find(store, lambda known: names_fleet_of(spec, known, region=region))
    if other is not None:
        problem = f"{unfinished_message(other.rollout.fleet, other)}. The checks also refuse the fleet: {error}"
        raise FleetLockedError(problem) from error


def names_fleet_of(spec: RolloutSpec, rollout: Rollout, *, region: str) -> bool:
    """Return whether the fleet of a rollout has the names that a request gives."""
    group = group_name(spec.asg) if spec.asg else ""
    names = {name for arn in rollout.target_groups for name in (arn, _name_in(arn))}
    shares = rollout.group == group if group or rollout.group else not names.isdisjoint(spec.target_group)
    return shares and rollout.region in ("", region)


def _find(store: Store, matches: Callable[[Rollout], bool]) -> Record | None:
    return next((record for record in store.unfinished() if matches(record.rollout)), None)


def unfinished_message(fleet: str, other: Record) -> str:
    """Return the message that a fleet has an unfinished rollout, and what to do about it."""
    status, name = other.status, other.rollout.rollout_id
    state = f"paused: {status.reason}" if status.outcome is Outcome.PAUSED else "interrupted"
    rollback = "" if why_no_rollback(other.rollout) else f"roll back with `awsroll rollback {name}`, "
    return (
        f"rollout {name} of {fleet} has not ended ({state}); this rollout changed nothing. Continue with `awsroll "
        f"resume {name}`, {rollback}or stop it and restore the fleet with `awsroll repair {name}`"
    )


def _name_in(arn: str) -> str:
    return arn.rsplit(":targetgroup/", maxsplit=1)[-1].split("/", maxsplit=1)[0]
