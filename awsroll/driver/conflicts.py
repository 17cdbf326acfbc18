"""The check that no unfinished rollout is left on a fleet.

Only the record of an unfinished rollout knows what it has in flight: a drained server is in no target group. Another
rollout would not see that server and would leave it behind. Locks do not prevent this: those of a dead driver are free.
"""

from collections.abc import Callable, Collection

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Outcome
from awsroll.core.observe.verdict import why_no_rollback
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.lease_guard import GuardedStore
from awsroll.errors import FleetError, FleetLockedError, HaltedError
from awsroll.ports import Record, Store
from awsroll.preflight.lookups import fleet_option, group_name
from awsroll.stores import RecordStore, UnreadableRecord
from awsroll.stores.locks import fleet_parts, part_words, servers_of


def check_not_halted(store: Store) -> None:
    """Check that the rollouts of a store are not halted.

    Raises:
        HaltedError: if they are; nothing was changed.
    """
    halt = store.halted() if isinstance(store, RecordStore | GuardedStore) else None
    if halt is not None:
        problem = f"the rollouts of this store are halted {halt}. Nothing was changed. `awsroll unhalt` lifts the halt"
        raise HaltedError(problem)


def check_unfinished(store: Store, rollout: Rollout) -> None:
    """Check that no other unfinished rollout changes what this rollout changes, also if its record cannot be used.

    Raises:
        FleetLockedError: if there is one; nothing was changed.
    """
    parts = set(fleet_parts(rollout))
    other = _find(store, lambda known: not parts.isdisjoint(fleet_parts(known)))
    if other is not None:
        raise FleetLockedError(unfinished_message(other, parts))
    unreadable = next((record for record in unreadable_open(store) if record.may_hold(parts)), None)
    if unreadable is not None:
        raise FleetLockedError(unreadable_message(rollout, unreadable))


def check_tagged(store: Store, rollout: Rollout, tagged: Callable[[], Collection[str]]) -> None:
    """Check that no rollout whose record and fleet are unknown has left its tags on this fleet.

    Args:
        store: the store.
        rollout: the rollout that starts.
        tagged: returns the ids of the rollouts in the tags of the fleet; called only if such a rollout exists.

    Raises:
        FleetLockedError: if there is one; nothing was changed.
    """
    unknown = {record.rollout_id: record for record in unreadable_open(store) if record.may_hold_any_fleet}
    found = sorted(unknown.keys() & set(tagged())) if unknown else []
    if found:
        raise FleetLockedError(unreadable_message(rollout, unknown[found[0]]))


def unreadable_warnings(store: Store) -> tuple[str, ...]:
    """Return a warning for each rollout that may be unfinished on a fleet that nothing names."""
    return tuple(
        f"rollout {record.rollout_id} may be unfinished, and neither its record nor its entry in the store names its "
        f"fleet ({record.reason}). Make sure that it was another fleet; `awsroll repair {record.rollout_id}` with "
        "--asg or --target-group settles it"
        for record in unreadable_open(store)
        if record.may_hold_any_fleet
    )


def unreadable_open(store: Store) -> tuple[UnreadableRecord, ...]:
    """Return the unreadable records of rollouts that may be unfinished; none if the store cannot tell."""
    return store.unreadable_open() if isinstance(store, RecordStore | GuardedStore) else ()


def unreadable_message(rollout: Rollout, unreadable: UnreadableRecord) -> str:
    """Return the message that a fleet has a rollout whose record cannot be used, and what to do about it."""
    name = unreadable.rollout_id
    return (
        f"rollout {name} of {rollout.fleet} may be unfinished, and its record cannot be used: {unreadable.reason}. "
        f"This rollout changed nothing. Put a copy of the record back and continue with `awsroll resume {name}`, or "
        f"restore the fleet from its tags with `awsroll repair {name} {fleet_option(rollout)}`"
    )


def raise_unfinished(store: Store, spec: RolloutSpec, region: str, error: FleetError) -> None:
    """Raise FleetLockedError if the checks refuse a fleet that has an unfinished rollout: it may be the cause."""
    other = _find(store, lambda known: names_fleet_of(spec, known, region=region))
    if other is not None:
        problem = f"{unfinished_message(other)}. The checks also refuse the fleet: {error}"
        raise FleetLockedError(problem) from error
    for record in unreadable_open(store):
        if any(_names_part(spec, part, region=region) for part in record.parts):
            problem = f"{record}. Nothing was changed. The checks also refuse the fleet: {error}"
            raise FleetLockedError(problem) from error


def _names_part(spec: RolloutSpec, part: str, *, region: str) -> bool:
    """Return whether a request names a part of a fleet, as in `fleet_parts`."""
    if part.startswith("arn:"):
        return not {part, _name_in(part)}.isdisjoint(spec.target_group)
    _, group_region, group = part.split("/", 2)
    return bool(spec.asg) and group == group_name(spec.asg) and group_region in ("", region)


def names_fleet_of(spec: RolloutSpec, rollout: Rollout, *, region: str) -> bool:
    """Return whether the fleet of a rollout has the names that a request gives."""
    group = group_name(spec.asg) if spec.asg else ""
    names = {name for arn in rollout.target_groups for name in (arn, _name_in(arn))}
    shares = rollout.group == group if group or rollout.group else not names.isdisjoint(spec.target_group)
    return shares and rollout.region in ("", region)


def _find(store: Store, matches: Callable[[Rollout], bool]) -> Record | None:
    return next((record for record in store.unfinished() if matches(record.rollout)), None)


def unfinished_message(other: Record, parts: Collection[str] = ()) -> str:
    """Return the message that a rollout has not ended, and what to do about it.

    Args:
        other: the unfinished rollout.
        parts: what the refused rollout would change. The message names what both change if the fleets differ.
    """
    status, name = other.status, other.rollout.rollout_id
    state = status.outcome.because(status.reason) if status.outcome is Outcome.PAUSED else "interrupted"
    rollback = "" if why_no_rollback(other.rollout) else f"roll back with `awsroll rollback {name}`, "
    return (
        f"rollout {name} of {other.rollout.fleet} has not ended ({state}){_also_changed(other.rollout, parts)}; this "
        f"rollout changed nothing. Continue with `awsroll resume {name}`, {rollback}or stop it and restore the fleet "
        f"with `awsroll repair {name}`"
    )


def _also_changed(other: Rollout, parts: Collection[str]) -> str:
    """Return which settings two rollouts of different fleets both change; empty if they have the same servers."""
    held = fleet_parts(other)
    if servers_of(held) & servers_of(parts):
        return ""
    both = ", ".join(part_words(part) for part in held if part in parts)
    return f" and changes {both}, too" if both else ""


def _name_in(arn: str) -> str:
    return arn.rsplit(":targetgroup/", maxsplit=1)[-1].split("/", maxsplit=1)[0]
