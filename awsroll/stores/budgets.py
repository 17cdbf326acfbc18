"""The budget of a store: how many rollouts, and how many servers in flight, there may be at once.

The budget counts for each account and region. It is an item of users, beside the halt, so drivers only read it. Who
has a share of it is an item of drivers for each account and region, written by compare-and-swap: two rollouts that
start at once cannot both take the last share.

A share counts for as long as the lock of its rollout is held (`leases`). So a share needs no renewal and no release:
the share of a killed rollout is free when its lease has expired, and that of an ended one at once. A rollout takes its
lock first and then its share. The next rollout that takes a share removes those that no longer count.

Unfinished rollouts whose lock is held count too if they have no share: the budget may be younger than they are.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from awsroll.core.classify.capacity import bounds
from awsroll.core.model.rollout import Rollout
from awsroll.core.request.store_parts import FLEETS
from awsroll.errors import StateError
from awsroll.stores import codec
from awsroll.stores.backend import Backend, WriteConflictError

_WRITE_ATTEMPTS = 20


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
class Shares:
    """The shares of the rollouts of one account and region."""

    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Why a rollout does not fit into a budget now.

    Attributes:
        others: the rollouts that have shares, oldest first; empty if the rollout alone is too large.
        needed: the servers that the rollout has in flight.
    """

    budget: Budget
    others: tuple[Share, ...]
    needed: int

    def __str__(self) -> str:
        if not self.others:
            return f"this rollout has up to {self.needed} servers in flight, and the budget is {self.budget}"
        running = ", ".join(map(str, self.others))
        return f"the budget is {self.budget}, and these run: {running}"


def shortfall(budget: Budget, others: Iterable[Share], needed: int) -> Shortfall | None:
    """Return why a rollout does not fit beside others; None if it does.

    Args:
        budget: the budget.
        others: the shares that count.
        needed: the servers that the rollout has in flight.
    """
    others = tuple(sorted(others, key=lambda share: share.since))
    if budget.servers is not None and needed > budget.servers:
        return Shortfall(budget=budget, others=(), needed=needed)
    fits = budget.rollouts is None or len(others) < budget.rollouts
    in_flight = sum(share.servers for share in others) + needed
    if fits and (budget.servers is None or in_flight <= budget.servers):
        return None
    return Shortfall(budget=budget, others=others, needed=needed)


def share_of(rollout: Rollout, since: datetime) -> Share:
    """Return the share of a rollout: the most servers that it has in flight at once."""
    servers = sum(count.count for count in rollout.baseline)
    return Share(
        rollout_id=rollout.rollout_id,
        fleet=rollout.fleet,
        servers=max(1, bounds(rollout, servers).window),
        since=since,
    )


class ShareFile:
    """The shares of the rollouts of one account and region.

    Args:
        backend: stores them.
        rollout: a rollout of the account and region.
    """

    def __init__(self, backend: Backend, rollout: Rollout) -> None:
        self._backend = backend
        self._key = f"{FLEETS}/_budget-{rollout.account or 'any'}-{rollout.region or 'any'}.json"

    def others(self, rollout_id: str) -> tuple[Share, ...]:
        """Return the shares of other rollouts, whether they still count or not.

        Raises:
            StateError: if they cannot be used.
        """
        return tuple(share for share in self._read()[0] if share.rollout_id != rollout_id)

    def take(
        self, share: Share, counting: Callable[[Iterable[Share]], tuple[Share, ...]], budget: Budget | None
    ) -> Shortfall | None:
        """Take a share if the budget allows it; return why it does not.

        Args:
            share: the share.
            counting: returns the shares that count, of those of other rollouts.
            budget: the budget; None: take the share in any case.

        Raises:
            StateError: if the shares cannot be read or written.
        """
        for _ in range(_WRITE_ATTEMPTS):
            shares, version = self._read()
            others = counting(other for other in shares if other.rollout_id != share.rollout_id)
            missing = None if budget is None else shortfall(budget, others, share.servers)
            if missing is not None:
                return missing
            with suppress(WriteConflictError):
                self._backend.write(self._key, codec.encode(Shares(shares=(*others, share))), version)
                return None
        problem = f"other processes keep writing {self._backend.location(self._key)}; nothing was changed. Try again"
        raise StateError(problem)

    def _read(self) -> tuple[tuple[Share, ...], str | None]:
        entry = self._backend.read(self._key)
        if entry is None:
            return (), None
        location = self._backend.location(self._key)
        return codec.decode(entry.data, Shares, location=location).shares, entry.version
