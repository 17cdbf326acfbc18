"""The budget of a store: how many rollouts, and how many servers in flight, there may be at once.

The budget counts for each account and region. It is an item of users, beside the halt, so drivers only read it. Who
has a share of it is an item of drivers for each account and region (`share_file`), written by compare-and-swap: two
rollouts that start at once cannot both take the last share.

A share counts for as long as the lock of its rollout is held (`leases`). So a share needs no renewal and no release:
the share of a killed rollout is free when its lease has expired, and that of an ended one at once. A rollout takes its
lock first and then its share. The next rollout that takes a share removes those that no longer count.

Unfinished rollouts whose lock is held count too if they have no share: the budget may be younger than they are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from awsroll.core.classify.capacity import bounds
from awsroll.core.model.rollout import Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that the rollouts of a store may do at once, in each account and region.

    Attributes:
        rollouts: how many rollouts run; None: any number.
        servers: how many servers are in flight in all of them; None: any number.
        by: the user and the host that set the budget, as `ops@bastion`.
        since: when.
    """

    rollouts: int | None = None
    servers: int | None = None
    by: str
    since: datetime

    def __str__(self) -> str:
        parts = []
        if self.rollouts is not None:
            parts.append(f"at most {self.rollouts} rollout{'' if self.rollouts == 1 else 's'}")
        if self.servers is not None:
            parts.append(f"at most {self.servers} server{'' if self.servers == 1 else 's'} in flight")
        return f"{' and '.join(parts)} in each account and region (set by {self.by}, {self.since:%Y-%m-%d %H:%M:%SZ})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBudget:
    """What the store keeps: the budget, or None without one."""

    budget: Budget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The share of one rollout.

    Attributes:
        servers: the most servers that it has in flight at once.
        since: when it took the share, or started.
    """

    rollout_id: str
    fleet: str
    servers: int
    since: datetime

    def __str__(self) -> str:
        return f"{self.rollout_id} ({self.servers} in flight, since {self.since:%Y-%m-%d %H:%M:%SZ})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Why a rollout does not fit into a budget now.

    Attributes:
        others: the rollouts that have shares, oldest first.
        needed: the servers that the rollout has in flight.
        before: the rollouts that wait before this one, in their order.
    """

    budget: Budget
    others: tuple[Share, ...]
    needed: int
    before: tuple[Share, ...] = ()

    @property
    def is_too_large(self) -> bool:
        """Whether the rollout alone is larger than the budget, so that waiting does not help."""
        return not self.others and not self.before

    def __str__(self) -> str:
        if self.is_too_large:
            return f"this rollout has up to {self.needed} servers in flight, and the budget is {self.budget}"
        reasons = []
        if self.others:
            reasons.append(f"these run: {', '.join(map(str, self.others))}")
        if self.before:
            reasons.append(f"these wait before it: {', '.join(map(str, self.before))}")
        return f"the budget is {self.budget}, and {'; '.join(reasons)}"


def shortfall(
    budget: Budget, others: Iterable[Share], needed: int, *, before: Iterable[Share] = ()
) -> Shortfall | None:
    """Return why a rollout does not fit beside others; None if it does.

    Args:
        budget: the budget.
        others: the shares that count.
        needed: the servers that the rollout has in flight.
        before: what the rollouts before this one wait for.
    """
    if budget.servers is not None and needed > budget.servers:
        return Shortfall(budget=budget, others=(), needed=needed)
    others = tuple(sorted(others, key=lambda share: share.since))
    before = tuple(share for share in before if budget.servers is None or share.servers <= budget.servers)
    fits = budget.rollouts is None or len(others) + len(before) < budget.rollouts
    in_flight = sum(share.servers for share in (*others, *before)) + needed
    if fits and (budget.servers is None or in_flight <= budget.servers):
        return None
    return Shortfall(budget=budget, others=others, needed=needed, before=before)


def share_of(rollout: Rollout, since: datetime) -> Share:
    """Return the share of a rollout: the most servers that it has in flight at once."""
    servers = sum(count.count for count in rollout.baseline)
    return Share(
        rollout_id=rollout.rollout_id,
        fleet=rollout.fleet,
        servers=max(1, bounds(rollout, servers).window),
        since=since,
    )
