"""The shares of the rollouts of one account and region in the budget, and the places of those that wait for a share.

Rollouts that wait have places in the same item, in the order in which they came. A rollout gets a share only if the
budget would still have room after a share for every rollout before it. A place is for the order only, so it needs no
lock: it expires if its rollout does not renew it, and a waiter that died blocks the others for a minute at most. A
rollout with a place has no share: a paused rollout that waits in steps holds its lock, and must not count.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TypeAlias

from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.request.store_parts import FLEETS
from awsroll.errors import StateError
from awsroll.stores import codec
from awsroll.stores.backend import Backend, WriteConflictError
from awsroll.stores.budgets import Budget, Share, Shortfall, shortfall

SHARE_PREFIX = f"{FLEETS}/_budget-"
"""The beginning of the keys of all shares."""

_WRITE_ATTEMPTS = 20
_PLACE_SECONDS = 60.0  # a waiter asks every 15 seconds at least
_RENEWED_SECONDS = 40.0  # less left than this: the next question renews the place


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The place of a rollout that waits for a share.

    Attributes:
        share: the share that it waits for, since it came.
        until: when the place expires, unless the rollout renews it.
    """

    share: Share
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The shares of the rollouts of one account and region, and the places of those that wait, in their order."""

    shares: tuple[Share, ...] = ()
    waiting: tuple[Place, ...] = ()

    def live_at(self, at: datetime) -> "Shares":
        """Return the shares without the places that have expired."""
        return replace(self, waiting=tuple(place for place in self.waiting if place.until > at))

    def before(self, rollout_id: str) -> tuple[Share, ...]:
        """Return what the rollouts before a rollout wait for; all of them if it has no place."""
        return tuple(
            place.share for place in takewhile(lambda place: place.share.rollout_id != rollout_id, self.waiting)
        )


def share_key(rollout: Rollout) -> str:
    """Return the key of the shares of the account and region of a rollout."""
    return f"{SHARE_PREFIX}{rollout.account or 'any'}-{rollout.region or 'any'}.json"


Counting: TypeAlias = Callable[[Iterable[Share]], tuple[Share, ...]]
"""Adds the unfinished rollouts to shares, and keeps those whose lock is held."""

_Change: TypeAlias = Callable[[Shares], tuple[Shortfall | None, Shares]]


class ShareFile:
    """The shares of the rollouts of one account and region, and the places of those that wait.

    Args:
        backend: stores them.
        rollout: a rollout of the account and region.
        at: the time, for places that have expired.
        counting: returns the shares that count, of those of other rollouts.
    """

    def __init__(self, backend: Backend, rollout: Rollout, at: datetime, counting: Counting) -> None:
        self._backend = backend
        self._key = share_key(rollout)
        self._at = at
        self._counting = counting

    def room_for(self, share: Share, budget: Budget) -> Shortfall | None:
        """Return why a budget has no room for a share; None if it has. Write nothing.

        Raises:
            StateError: if the shares cannot be used.
        """
        shares, _ = self._read()
        return self._missing(shares, share, budget)

    def take(self, share: Share, budget: Budget | None, *, waits: bool) -> Shortfall | None:
        """Take a share if the budget allows it; return why it does not.

        Args:
            share: the share.
            budget: the budget; None: take the share in any case.
            waits: keep a place if the budget has no room now.

        Raises:
            StateError: if the shares cannot be read or written.
        """

        def taking(shares: Shares) -> tuple[Shortfall | None, Shares]:
            missing = None if budget is None else self._missing(shares, share, budget)
            if missing is not None:
                return missing, self._with_place(shares, share) if waits and not missing.is_too_large else shares
            others = self._others(shares, share.rollout_id)
            return None, replace(_without(shares, share.rollout_id), shares=(*others, share))

        return self._change(taking)

    def wait(self, share: Share, budget: Budget) -> Shortfall | None:
        """Keep a place for a share that the budget has no room for; return why. A place stays until the share is taken.

        A rollout whose lock is held gets no place: another process drives it, and its share counts.

        Raises:
            StateError: if the shares cannot be read or written.
        """

        def waiting(shares: Shares) -> tuple[Shortfall | None, Shares]:
            missing = self._missing(shares, share, budget)
            has_place = any(place.share.rollout_id == share.rollout_id for place in shares.waiting)
            waits = has_place or (missing is not None and not missing.is_too_large)
            return missing, self._with_place(shares, share) if waits and not self._is_driven(share) else shares

        return self._change(waiting)

    def leave(self, rollout_id: str) -> None:
        """Remove the place of a rollout that no longer waits.

        Raises:
            StateError: if the shares cannot be read or written.
        """
        self._change(lambda shares: (None, replace(shares, waiting=_other_places(shares, rollout_id))))

    def _missing(self, shares: Shares, share: Share, budget: Budget) -> Shortfall | None:
        others, before = self._others(shares, share.rollout_id), shares.before(share.rollout_id)
        return shortfall(budget, others, share.servers, before=before)

    def _others(self, shares: Shares, rollout_id: str) -> tuple[Share, ...]:
        waiting = {place.share.rollout_id for place in shares.waiting}
        counted = self._counting(other for other in shares.shares if other.rollout_id != rollout_id)
        return tuple(other for other in counted if other.rollout_id not in waiting)

    def _is_driven(self, share: Share) -> bool:
        return any(counted.rollout_id == share.rollout_id for counted in self._counting((share,)))

    def _with_place(self, shares: Shares, share: Share) -> Shares:
        """Return the shares with a place that is good for a while: at the end, or where the rollout has its place."""
        known = next((place for place in shares.waiting if place.share.rollout_id == share.rollout_id), None)
        if known is not None and (known.until - self._at).total_seconds() >= _RENEWED_SECONDS:
            return shares
        until = self._at + timedelta(seconds=_PLACE_SECONDS)
        if known is None:
            without = _without(shares, share.rollout_id)
            return replace(without, waiting=(*without.waiting, Place(share=share, until=until)))
        renewed = (replace(place, until=until) if place is known else place for place in shares.waiting)
        return replace(shares, waiting=tuple(renewed))

    def _change(self, change: _Change) -> Shortfall | None:
        for _ in range(_WRITE_ATTEMPTS):
            before, version = self._read()
            missing, after = change(before)
            if after == before:
                return missing
            with suppress(WriteConflictError):
                self._backend.write(self._key, codec.encode(after), version)
                return missing
        problem = f"other processes keep writing {self._backend.location(self._key)}; nothing was changed. Try again"
        raise StateError(problem)

    def _read(self) -> tuple[Shares, str | None]:
        """Return the shares, without the places that have expired."""
        entry = self._backend.read(self._key)
        if entry is None:
            return Shares(), None
        shares = codec.decode(entry.data, Shares, location=self._backend.location(self._key))
        return shares.live_at(self._at), entry.version


def _without(shares: Shares, rollout_id: str) -> Shares:
    """Return the shares without the share and the place of a rollout."""
    return Shares(
        shares=tuple(share for share in shares.shares if share.rollout_id != rollout_id),
        waiting=_other_places(shares, rollout_id),
    )


def _other_places(shares: Shares, rollout_id: str) -> tuple[Place, ...]:
    return tuple(place for place in shares.waiting if place.share.rollout_id != rollout_id)
