"""Who uses the budget of a store now: the rollouts that run, and those that wait. For people."""

from dataclasses import dataclass
from datetime import datetime

from awsroll.stores import codec
from awsroll.stores.budgets import Share, share_of
from awsroll.stores.record_store import RecordStore
from awsroll.stores.share_file import SHARE_PREFIX, Shares, share_key


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """Who uses the budget in one account and region.

    Attributes:
        account: the account; `any` for rollouts whose account is unknown.
        region: the region; `any` for rollouts whose region is unknown.
        running: the shares of the rollouts that run, oldest first.
        waiting: the shares for which rollouts wait, in their order.
    """

    account: str
    region: str
    running: tuple[Share, ...]
    waiting: tuple[Share, ...]


def budget_uses(store: RecordStore, at: datetime) -> tuple[BudgetUse, ...]:
    """Return who uses the budget, for each account and region in which a rollout runs or waits.

    Raises:
        StateError: if the shares or the records cannot be read.
    """
    unfinished: dict[str, dict[str, Share]] = {key: {} for key in store.backend.keys(SHARE_PREFIX)}
    for record in store.unfinished():
        share = share_of(record.rollout, record.status.started_at)
        unfinished.setdefault(share_key(record.rollout), {})[share.rollout_id] = share
    uses = (_use(store, key, unfinished[key], at) for key in sorted(unfinished))
    return tuple(use for use in uses if use.running or use.waiting)


def _use(store: RecordStore, key: str, unfinished: dict[str, Share], at: datetime) -> BudgetUse:
    entry = store.backend.read(key)
    shares = Shares() if entry is None else codec.decode(entry.data, Shares, location=store.backend.location(key))
    waiting = tuple(place.share for place in shares.live_at(at).waiting)
    known = unfinished | {share.rollout_id: share for share in shares.shares}
    for share in waiting:
        known.pop(share.rollout_id, None)
    running = (share for name, share in known.items() if store.driver(name, at=at) is not None)
    account, _, region = key.removeprefix(SHARE_PREFIX).removesuffix(".json").partition("-")
    oldest_first = tuple(sorted(running, key=lambda share: share.since))
    return BudgetUse(account=account, region=region, running=oldest_first, waiting=waiting)
