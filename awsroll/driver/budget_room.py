"""Room in the budget of a store: a rollout waits for it before it starts or resumes, and takes its share then.

Rollouts that wait get their shares in the order in which they came. A rollback and an abort never wait: they make a
fleet whole again. See `stores.budgets` for how a share is held.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.core.classify.counts import count_servers
from awsroll.core.model.duration_text import rough_duration
from awsroll.core.model.rollout import Rollout
from awsroll.driver.context import Context
from awsroll.driver.lease_guard import GuardedStore
from awsroll.driver.session import Session
from awsroll.errors import AwsrollError, BudgetFullError
from awsroll.ports import Clock, Record, Store
from awsroll.stores import RecordStore

if TYPE_CHECKING:
    from awsroll.stores import Shortfall

_POLL_SECONDS = 10.0


def take_share(store: Store, rollout: Rollout, clock: Clock, *, in_any_case: bool = False, waits: bool = False) -> None:
    """Take the share of a rollout in the budget of its store; its lock is held.

    Args:
        store: the store.
        rollout: the rollout that starts or resumes.
        clock: decides which leases have expired.
        in_any_case: take the share also if the budget has no room.
        waits: keep a place for the rollout if the budget has no room: the caller tries again soon.

    Raises:
        BudgetFullError: if the budget has no room; nothing was changed.
    """
    if not isinstance(store, RecordStore | GuardedStore):
        return
    budgets = store.budgets if isinstance(store, RecordStore) else store
    missing = budgets.take_share(rollout, clock=clock, in_any_case=in_any_case, waits=waits)
    if missing is not None:
        raise _full(store, missing, clock.now())


def check_room(store: Store, rollout: Rollout, clock: Clock, warn: Callable[[str], None]) -> None:
    """Warn if a rollout would wait for the budget of its store.

    Raises:
        BudgetFullError: if the budget can never have room for it; nothing was changed.
    """
    if not isinstance(store, RecordStore):
        return
    missing = store.budgets.room_for(rollout, clock=clock)
    if missing is None:
        return
    if missing.is_too_large:
        raise _full(store, missing, clock.now())
    warn(f"the rollout would wait for the budget of the store: {_described(store, missing, clock.now())}")


def await_room(session: Session, rollout: Rollout, context: Context) -> None:
    """Wait until the budget of the store has room for a rollout, with a place in the order. No lock is held meanwhile.

    Args:
        session: the call that is to start or resume the rollout.
        rollout: the rollout.
        context: says whether the call waits, and when it is to stop.

    Raises:
        BudgetFullError: if the budget can never have room, or has none and the call does not wait; nothing was changed.
    """
    store, clock = session.store, session.clock
    if not isinstance(store, RecordStore):
        return
    said: tuple[str, ...] | None = None
    ask = store.budgets.wait_for_room if context.wait_for_budget else store.budgets.room_for
    while (missing := ask(rollout, clock=clock)) is not None:
        if not context.wait_for_budget or missing.is_too_large or context.stop_requested():
            if context.wait_for_budget:
                store.budgets.leave(rollout, clock=clock)
            raise _full(store, missing, clock.now())
        awaited = tuple(share.rollout_id for share in (*missing.others, *missing.before))
        if awaited != said:
            said = awaited
            message = f"waiting for the budget of the store: {_described(store, missing, clock.now())}"
            session.emit("budget.awaited", message=message)
        clock.sleep(_POLL_SECONDS)


def _full(store: Store, missing: "Shortfall", at: datetime) -> BudgetFullError:
    advice = (
        "Lower --concurrent, or raise the budget with `awsroll budget`" if missing.is_too_large else "Try again later"
    )
    return BudgetFullError(f"{_described(store, missing, at)}. Nothing was changed. {advice}")


def _described(store: Store, missing: "Shortfall", at: datetime) -> str:
    ends = [words for share in missing.others if (words := _expected_end(store, share.rollout_id, at))]
    return f"{missing}; {', '.join(ends)}" if ends else str(missing)


def _expected_end(store: Store, rollout_id: str, at: datetime) -> str:
    """Return when another rollout is likely to end, from its pace until now; empty if nothing shows it."""
    try:
        record = store.load(rollout_id)
    except AwsrollError:
        return ""
    counts = count_servers(record.rollout, record.status)
    left = seconds_left(record, at)
    time = "" if left is None else f", about {rough_duration(left)} left"
    return f"{rollout_id} has {counts.updated} of {counts.wanted} servers on the new version{time}"


def seconds_left(record: Record, at: datetime) -> float | None:
    """Return how long a rollout is likely to last, from its pace until now; None if it has updated no server yet."""
    counts = count_servers(record.rollout, record.status)
    spent = (at - record.status.started_at).total_seconds()
    if not counts.updated or spent <= 0:
        return None
    return spent * max(0, counts.wanted - counts.updated) / counts.updated
