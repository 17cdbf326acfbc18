"""`release`: frees a fleet from a rollout that nothing can end, and says what is not restored.

It changes nothing on the fleet except the tag that names the holder. It needs neither a usable record nor a fleet that
still exists, nor AWS: what AWS refuses is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from awsroll.core.model.observation import FleetKind
from awsroll.core.model.rollout import Rollout
from awsroll.core.repair.released import release as released, unrestored
from awsroll.core.request.instructions import PLACE_KINDS
from awsroll.core.tags import HELD_BY_TAG
from awsroll.driver.assumed_role import assume_confirmed_role
from awsroll.driver.confirmation import Confirmed, confirm as confirm_instructions
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.errors import AwsrollError, StateError, UnconfirmedError
from awsroll.ports import Record
from awsroll.stores import RecordStore, UnreadableRecord
from awsroll.stores.stopped_rollouts import hold_stopped, known_without_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What a release has freed, or would free.

    Attributes:
        acted: whether the fleet was released.
        freed: the names of what the rollout no longer holds.
        unrestored: what the rollout has changed and nothing has restored, one line each.
        notes: what could not be done, such as tags that AWS does not let this caller remove.
    """

    rollout_id: str
    fleet: str
    acted: bool = False
    freed: tuple[str, ...] = ()
    unrestored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _always(_: Released) -> bool:
    return True


def release(rollout_id: str, context: Context, *, confirm: Callable[[Released], bool] = _always) -> Released:
    """Free the locks, the labels and the entry of a rollout that no process drives. Restore nothing on the fleet.

    Args:
        rollout_id: the rollout; its record may be missing or unusable.
        context: the environment.
        confirm: called with what is not restored; returns whether to release the fleet.

    Raises:
        RolloutNotFoundError: if neither a record, nor a lock, nor the index names the rollout.
        UnconfirmedError: as for `resume`, about the region and the role of the rollout; nothing was changed.
        FleetLockedError: if a process still drives the rollout; nothing was changed.
        StateError: if the store cannot be written.
    """
    session = Session(context)
    store = session.record_store()
    record, rollout = _find(store, rollout_id)
    place = _place(rollout_id, record, session, context)
    left = _unrestored(record, rollout)
    found = Released(rollout_id=rollout_id, fleet=rollout.fleet, unrestored=left)
    if not confirm(found):
        return found
    with hold_stopped(store, rollout, clock=session.clock, on_wait=session.report_wait) as locks:
        if record is None:
            store.forget_open(rollout_id)
        else:
            record = store.load(rollout_id)  # again: its driver may have written it before it stopped
            left = _unrestored(record, rollout)
            status = released(record.rollout, record.status, session.clock.now())
            session.notify(store.save(replace(record, status=status)))
        notes = _remove_labels(rollout, place, context)
    return replace(found, acted=True, freed=locks, unrestored=left, notes=notes)


def _find(store: RecordStore, rollout_id: str) -> tuple[Record | None, Rollout]:
    """Return the record, or None if it cannot be used, and the rollout as far as it is known."""
    unreadable = known_without_record(store, rollout_id)
    if unreadable is not None:
        return None, _known_of(unreadable)
    record = store.load(rollout_id)
    return record, record.rollout


def _known_of(unreadable: UnreadableRecord) -> Rollout:
    """Return a rollout with the fleet that the index and the locks name: `ACCOUNT/REGION/GROUP`, or ARNs."""
    groups = [part.split("/", 2) for part in unreadable.parts if not part.startswith("arn:")]
    target_groups = tuple(part for part in unreadable.parts if part.startswith("arn:"))
    account, region, group = groups[0] if groups else ("", "", "")
    if target_groups:
        _, _, _, region, account, _ = target_groups[0].split(":", 5)
    return Rollout(
        rollout_id=unreadable.rollout_id,
        kind=FleetKind.AUTO_SCALING if group else FleetKind.STANDALONE,
        fleet=unreadable.fleet or group or "a fleet that is not known",
        group=group,
        target_groups=target_groups,
        deregistration_delay_seconds=0 if target_groups else None,  # so that a group holds them, too
        region=region,
        account=account,
    )


def _unrestored(record: Record | None, rollout: Rollout) -> tuple[str, ...]:
    if record is not None:
        return unrestored(record.rollout, record.status)
    return (f"the record of rollout {rollout.rollout_id} cannot be used, so what it has changed is not known",)


def _place(rollout_id: str, record: Record | None, session: Session, context: Context) -> Confirmed:
    """Return the region and the role of a rollout, once the caller has given or confirmed them."""
    rollout = None if record is None else record.rollout
    try:
        return confirm_instructions(rollout_id, rollout, session, context, kinds=PLACE_KINDS)
    except UnconfirmedError:
        raise
    except StateError:  # the stored request cannot be used: its role is not assumed
        return Confirmed(rollout_id=rollout_id)


def _remove_labels(rollout: Rollout, place: Confirmed, context: Context) -> tuple[str, ...]:
    """Remove the tags that show the rollout as the holder; return why they were not removed."""
    if not (rollout.group or rollout.target_groups):
        return (f"the fleet is not known, so a tag {HELD_BY_TAG} may be left. It expires within 10 minutes by itself",)
    try:
        session = Session(assume_confirmed_role(rollout.rollout_id, place.request, context))
        session.check_account(rollout)
        session.label(rollout).remove_own()
    except AwsrollError as error:
        return (f"the tag {HELD_BY_TAG} was not removed and expires within 10 minutes by itself: {error}",)
    return ()
