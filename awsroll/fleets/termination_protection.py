"""The termination protection of standalone instances.

DescribeInstances does not show it, and reading it takes one call per instance. So the preflight reads it once for each
instance. During the rollout only protected instances are read again, once a minute, because a person may free them.
"""

from collections.abc import Iterable

from awsroll.aws.connection import Connection
from awsroll.errors import AwsRefusedError

_SECONDS = 60


class Protection:
    """The termination protection of the instances that were protected at the start."""

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._cached: dict[str, tuple[bool, float]] = {}

    def observe(self, instance_ids: Iterable[str]) -> frozenset[str]:
        """Return the instances that are protected from termination."""
        return frozenset(instance_id for instance_id in instance_ids if self._is_protected(instance_id))

    def _is_protected(self, instance_id: str) -> bool:
        now = self._aws.clock.monotonic()
        protected, at = self._cached.get(instance_id, (True, -_SECONDS))
        if now - at < _SECONDS:
            return protected
        try:
            protected = self._aws.ec2.is_termination_protected(instance_id)
        except AwsRefusedError as error:
            if error.code != "InvalidInstanceID.NotFound":
                raise
            protected = False
        self._cached[instance_id] = (protected, now)
        return protected
