"""The rollouts of a fleet whose records cannot be used: a repair by tags releases the fleet from them."""

from awsroll.core.model.rollout import Rollout
from awsroll.core.repair.leftovers import Leftover
from awsroll.driver.conflicts import unreadable_open
from awsroll.driver.lease_guard import GuardedStore
from awsroll.driver.session import Session
from awsroll.stores import RecordStore
from awsroll.stores.locks import fleet_parts

_RECORD = "record"


def unreadable_rollouts(session: Session, rollout: Rollout, named: str) -> list[Leftover]:
    """Return the unreadable rollouts that hold a part of a fleet, and the one that the user named."""
    parts = fleet_parts(rollout)
    return [
        Leftover(
            what=_RECORD,
            about=record.rollout_id,
            found=f"rollout {record.rollout_id} may be unfinished, and its record cannot be used: {record.reason}",
            remedy="it no longer holds the fleet, once the fleet is as its tags say; its record is kept",
        )
        for record in unreadable_open(session.store)
        if record.may_hold(parts) or record.rollout_id == named
    ]


def forget_unreadable(session: Session, found: tuple[Leftover, ...]) -> None:
    """Release the fleet from the rollouts that were found: it is as its tags say."""
    if isinstance(session.store, RecordStore | GuardedStore):
        for leftover in found:
            if leftover.what == _RECORD:
                session.store.forget_open(leftover.about)
