"""Reads EC2's status checks of the new servers, as seldom as possible: only while the record asks for them."""

from collections.abc import Collection

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.model.observation import StatusCheck
from awsroll.core.model.status import Status
from awsroll.errors import AccessRefusedError, AwsError
from awsroll.fleets.fallbacks import STATUS_CHECKS, Fallbacks

_AGAIN_SECONDS = 60.0
"""EC2 makes the checks every minute."""
_UNKNOWN_AGAIN_SECONDS = 20.0

Seen = tuple[tuple[str, StatusCheck], ...]


class StatusChecks:
    """The status checks of the new servers. They are kept until they are due again."""

    def __init__(self, aws: Connection, fallbacks: Fallbacks) -> None:
        self._aws = aws
        self._fallbacks = fallbacks
        self._read_at = float("-inf")
        self._seen: dict[str, StatusCheck] = {}

    def observe(self, status: Status, *, counts_volumes: bool) -> Seen | None:
        """Return the status checks of the servers that the record asks for.

        Args:
            status: the record.
            counts_volumes: the group replaces members with impaired EBS volumes.

        Returns:
            None if the record does not ask for any, or the caller may not read them (with a warning).
        """
        if status.checking_since is None or self._fallbacks.lacks(STATUS_CHECKS):
            return None
        wanted = status.to_check
        if self._is_due(status, wanted):
            try:
                self._read(wanted, counts_volumes=counts_volumes)
            except AccessRefusedError as error:
                self._fallbacks.note(STATUS_CHECKS, f"the status checks of the new servers are not read: {error}")
                return None
            except AwsError:
                pass  # EC2 no longer knows a server, or gives no answer: the next observation reads again
        return tuple((name, self._seen.get(name, StatusCheck.UNKNOWN)) for name in wanted)

    def _is_due(self, status: Status, wanted: Collection[str]) -> bool:
        checks = [self._seen.get(name) for name in wanted]
        if None in checks:
            return True
        age = self._aws.clock.monotonic() - self._read_at
        if StatusCheck.UNKNOWN in checks:
            return age >= _UNKNOWN_AGAIN_SECONDS
        watches = status.gate.closed_since is not None or status.gate.baking_since is not None
        return watches and age >= _AGAIN_SECONDS

    def _read(self, wanted: Collection[str], *, counts_volumes: bool) -> None:
        shown = self._aws.ec2.status_checks_of(sorted(wanted))
        self._seen = {name: _judged(shown.get(name, {}), counts_volumes=counts_volumes) for name in wanted}
        self._read_at = self._aws.clock.monotonic()


def counts_volumes(described: Reply) -> bool:
    """Return whether a group replaces members whose EBS volumes are impaired, by Auto Scaling's description of it."""
    return "EBS" in str(described.get("HealthCheckType", "")).split(",")


def _judged(checks: dict[str, str], *, counts_volumes: bool) -> StatusCheck:
    """Return what the checks of one server say. An impaired system impairs the instance too, so it comes first."""
    if checks.get("system") == "impaired":
        return StatusCheck.SYSTEM_IMPAIRED
    if checks.get("instance") == "impaired":
        return StatusCheck.INSTANCE_IMPAIRED
    if counts_volumes and checks.get("volumes") == "impaired":
        return StatusCheck.VOLUME_IMPAIRED
    return StatusCheck.OK if checks.get("instance") == checks.get("system") == "ok" else StatusCheck.UNKNOWN
