"""The client-side rate limit. It leaves half of the account's shared API quotas to other programs.

EC2 publishes the sizes of its token buckets per account and region. All rollouts of one process in an account and
region together use at most half of them, or the percentage in `AWSROLL_API_SHARE`. Other services publish no sizes, so
their buckets are modest guesses. If a bucket is empty, the call waits for the next token.
"""

import os
import threading
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakKeyDictionary

from awsroll.aws.call_counts import is_reading
from awsroll.errors import SpecError
from awsroll.ports import Clock

SHARE_VARIABLE = "AWSROLL_API_SHARE"
"""The environment variable with the percentage of AWS's published quotas that this process may use."""

_SHARE, _PERCENT = 0.5, 100


@dataclass(frozen=True, slots=True)
class Quota:
    """How many calls may come at once, and how many per second after that."""

    size: float
    per_second: float


_BY_OPERATION = {
    "ec2:RunInstances": Quota(5, 2),
    "ec2:TerminateInstances": Quota(100, 5),
    "ec2:CreateTags": Quota(100, 10),
    "ec2:DeleteTags": Quota(100, 10),
    "ssm:SendCommand": Quota(10, 5),
}
_READING = {"ec2": Quota(100, 20)}
_MUTATING = {"ec2": Quota(50, 5)}
_UNPUBLISHED = Quota(50, 10)


class _Bucket:
    def __init__(self, quota: Quota, at: float) -> None:
        self._quota = quota
        self._tokens = quota.size
        self._at = at

    def take(self, now: float) -> float:
        """Take a token and return how many seconds to wait for it."""
        grown = self._tokens + (now - self._at) * self._quota.per_second
        self._tokens = min(self._quota.size, grown) - 1
        self._at = now
        return max(0.0, -self._tokens / self._quota.per_second)


class Buckets:
    """The buckets of one account and region. Several connections, in several threads, may share them."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, service: str, operation: str, now: float, share: float) -> float:
        """Take a token for one call of `operation`, and return how many seconds to wait for it."""
        name, quota = _bucket_of(service, operation, share)
        with self._lock:
            return self._buckets.setdefault(name, _Bucket(quota, now)).take(now)


class RateLimit:
    """The rate limit of one connection.

    Args:
        clock: measures the time and waits.
        region: the region of the calls.
        endpoint_url: the endpoint of the calls; empty: AWS's own.
        share: the share of the published quotas to use; None: as `AWSROLL_API_SHARE` says, or half.
    """

    def __init__(self, clock: Clock, *, region: str = "", endpoint_url: str = "", share: float | None = None) -> None:
        self._clock = clock
        self._place = (region, endpoint_url)
        self._share = share_of_environment() if share is None else share
        self._buckets = _shared(clock, ("", *self._place))

    def use_account(self, account: str) -> None:
        """Share the buckets with all connections to this account from now on."""
        self._buckets = _shared(self._clock, (account, *self._place))

    def wait(self, service: str, operation: str) -> None:
        """Wait until the quota has room for one call of `operation`."""
        seconds = self._buckets.take(service, operation, self._clock.monotonic(), self._share)
        if seconds:
            self._clock.sleep(seconds)


def share_of_environment() -> float:
    """Return the share of AWS's published quotas that the environment allows.

    Raises:
        SpecError: if `AWSROLL_API_SHARE` is no percentage.
    """
    given = os.environ.get(SHARE_VARIABLE, "").strip()
    if not given:
        return _SHARE
    number = given.removesuffix("%")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= _PERCENT:
        problem = f"{SHARE_VARIABLE} must be a percentage from 1% to 100%, not {given[:20]!r}; nothing was changed"
        raise SpecError(problem)
    return int(number) / _PERCENT


_Place: TypeAlias = tuple[str, str, str]  # account, region, endpoint
_of_real_time: dict[_Place, Buckets] = {}
_of_clock: "WeakKeyDictionary[Clock, dict[_Place, Buckets]]" = WeakKeyDictionary()
_shared_lock = threading.Lock()


def _shared(clock: Clock, place: _Place) -> Buckets:
    """Return the buckets that all connections of this process to a place share. Each virtual clock has its own."""
    base: Clock = getattr(clock, "base", clock)
    with _shared_lock:
        if getattr(base, "is_real_time", False):
            return _of_real_time.setdefault(place, Buckets())
        return _of_clock.setdefault(base, {}).setdefault(place, Buckets())


def _bucket_of(service: str, operation: str, share: float) -> tuple[str, Quota]:
    own = _BY_OPERATION.get(f"{service}:{operation}")
    kind, quotas = ("reading", _READING) if is_reading(operation) else ("mutating", _MUTATING)
    name, published = (f"{service}:{operation}", own) if own is not None else (f"{service}:{kind}", quotas.get(service))
    if published is None:
        return name, _UNPUBLISHED
    return name, Quota(max(1.0, published.size * share), published.per_second * share)
