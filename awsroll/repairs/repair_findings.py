"""The findings of a repair that are not differences of settings and servers, and what a person confirms about them."""

from collections.abc import Mapping
from dataclasses import replace

from awsroll.core.repair.leftovers import Leftover
from awsroll.fleets.label import Held
from awsroll.ports import Record


def unfinished(record: Record) -> Leftover:
    """Return the finding that a rollout has not ended."""
    name, status = record.rollout.rollout_id, record.status
    state = status.outcome.because(status.reason)
    return Leftover(
        what="rollout",
        about=name,
        found=f"rollout {name} has not ended ({state})",
        remedy=f"stopped after what is in flight is settled, with the fleet mixed (`awsroll resume {name}` continues "
        f"it instead, `awsroll rollback {name}` rolls it back)",
    )


def confirmed_by_id(leftover: Leftover) -> Leftover:
    """Return a finding that only tags on the instance show."""
    remedy = f"{leftover.remedy}, if you confirm this instance: only its own tags show this"
    return replace(leftover, remedy=remedy, confirm_by_id=True)


def taken_over(leftover: Leftover, others: Mapping[str, Held]) -> Leftover:
    """Return a finding; of the label of another store, with the time until which it holds the fleet."""
    held = others.get(leftover.about) if leftover.what == "label" else None
    if held is None:
        return leftover
    remedy = "taken over, and the tag is removed. Confirm only if that store is lost and no process rolls this fleet"
    return replace(leftover, found=f"{leftover.about} is {held.words}", remedy=remedy)
