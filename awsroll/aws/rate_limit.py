"""The client-side rate limit. It leaves part of the account's shared API quotas to other programs.

The token buckets of EC2 have the sizes that EC2 publishes per account and region. Other services publish no sizes, so
their buckets are modest guesses. If a bucket is empty, the call waits for the next token.
"""

from dataclasses import dataclass

from awsroll.aws.call_counts import is_reading
from awsroll.ports import Clock


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


class RateLimit:
    """The buckets of one process, for one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, service: str, operation: str) -> None:
        """Wait until the quota has room for one call of `operation`."""
        name, quota = _bucket_of(service, operation)
        now = self._clock.monotonic()
        bucket = self._buckets.setdefault(name, _Bucket(quota, now))
        seconds = bucket.take(now)
        if seconds:
            self._clock.sleep(seconds)


def _bucket_of(service: str, operation: str) -> tuple[str, Quota]:
    own = _BY_OPERATION.get(f"{service}:{operation}")
    if own is not None:
        return f"{service}:{operation}", own
    if is_reading(operation):
        return f"{service}:reading", _READING.get(service, _UNPUBLISHED)
    return f"{service}:mutating", _MUTATING.get(service, _UNPUBLISHED)
