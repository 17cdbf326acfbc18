"""A rollout that was left in the middle keeps its fleet, also when nobody drives it any more.

What it has in flight is known from its record alone: a drained server is in no target group. Another rollout would not
see it, and nobody would look after it again. Locks do not tell of it: those of a dead driver are free.
"""

from collections.abc import Callable

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Outcome
from awsroll.core.observe.verdict import why_not_back
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError, FleetLockedError
from awsroll.ports import Record, Store
from awsroll.preflight.lookups import group_name
from awsroll.stores.locks import fleet_parts


def check_unfinished(store: Store, rollout: Rollout) -> None:
    """Refuse to begin where another rollout has not come to an end.

    Raises:
        FleetLockedError: if there is one that shares a group or target group; nothing was changed.
    """
    parts = set(fleet_parts(rollout))
    other = _find(store, lambda known: not parts.isdisjoint(fleet_parts(known)))
    if other is not None:
        raise FleetLockedError(in_the_middle(rollout.fleet, other))


def explain_refusal(store: Store, spec: RolloutSpec, region: str, error: FleetError) -> None:
    """Tell of a rollout that was left in the middle of a fleet which the checks refuse: it may be why.

    Raises:
        FleetLockedError: if there is one.
    """
    other = _find(store, lambda known: is_named_by(spec, known, region=region))
    if other is not None:
        problem = f"{in_the_middle(other.rollout.fleet, other)}; as it stands it is refused anyway: {error}"
        raise FleetLockedError(problem) from error


def is_named_by(spec: RolloutSpec, known: Rollout, *, region: str) -> bool:
    """Tell whether a known rollout is of the fleet that a request names, as far as names tell."""
    group = group_name(spec.asg) if spec.asg else ""
    names = {name for arn in known.target_groups for name in (arn, _name_in(arn))}
    shares = bool(group and known.group == group) or not names.isdisjoint(spec.target_group)
    return shares and known.region in ("", region)


def _find(store: Store, is_of: Callable[[Rollout], bool]) -> Record | None:
    return next((one for one in store.unfinished() if is_of(one.rollout)), None)


def in_the_middle(fleet: str, other: Record) -> str:
    """Say that a fleet is in the middle of another rollout, and what may be done about that."""
    status, name = other.status, other.rollout.rollout_id
    stands = f"paused: {status.reason}" if status.outcome is Outcome.PAUSED else "interrupted"
    back = "" if why_not_back(other.rollout) else f"go back with `awsroll rollback {name}`, "
    return (
        f"{fleet} is in the middle of rollout {name} ({stands}), which has not ended; this one changed nothing: "
        f"go on with `awsroll resume {name}`, {back}or stop and settle what it left with `awsroll repair {name}`"
    )


def _name_in(arn: str) -> str:
    return arn.rsplit(":targetgroup/", maxsplit=1)[-1].split("/", maxsplit=1)[0]
