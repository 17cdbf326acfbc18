"""What the S3 and DynamoDB backends share: a conditional write can be reported as failed although it succeeded.

This happens when the answer to the first attempt is lost and the call is repeated: the repetition meets the write of
the first attempt. So each write carries a token of its own, and a failed condition is settled by reading whose token is
stored. The token of a write without an answer is kept in memory: if that write takes effect later, this process may
still replace it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Protocol
from uuid import uuid4

from awsroll.aws.connection import Connection
from awsroll.core.request.store_address import StoreAddress
from awsroll.errors import AwsUnansweredError
from awsroll.stores.backend import Entry, StoreTime, conflict


class ConditionFailedError(Exception):
    """Raised when the service reports that the condition of a write does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The content of a key in a service.

    Attributes:
        writer: the token of the write that made it.
    """

    data: bytes
    version: str
    writer: str


class Objects(Protocol):
    """The conditional calls of a service. They raise `ConditionFailedError`, and `AwsError` for any other failure."""

    @property
    def address(self) -> StoreAddress:
        """The address, as for `--state`."""

    def get(self, key: str) -> Stored | None:
        """Read with strong consistency."""

    def put(self, key: str, data: bytes, *, writer: str, expected: str | None) -> str:
        """Write data and writer under a condition; return the new version."""

    def remove(self, key: str, expected: str) -> None:
        """Delete under a condition."""

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the keys under a folder, sorted."""

    def time(self) -> StoreTime | None:
        """Return the time by the clock of the service, from its last answer; None without an answer."""

    def create(self) -> tuple[str, ...]:
        """Create what can be created; return notes and warnings for the user."""

    def retain(self) -> tuple[str, ...]:
        """Delete records some time after their last write from now on; return notes for the user."""


def time_of(aws: Connection, service: str) -> StoreTime | None:
    """Return the time by the clock of a service, from its last answer; None without an answer."""
    time = aws.time_of(service)
    return None if time.error is None else StoreTime(at=time.now(), error=time.error, error_leases=0)


class RemoteBackend:
    """Bytes in an AWS service, or in one that is compatible with it.

    Args:
        objects: the service.
        check: checks that the service enforces conditions.
        is_checked: whether it is known to do so. Otherwise it is checked before the first write of this process.
    """

    _checked: ClassVar[set[StoreAddress]] = set()

    def __init__(self, objects: Objects, *, check: Callable[[Objects], None], is_checked: bool) -> None:
        self._objects = objects
        self._check = check
        if is_checked:
            self._checked.add(objects.address)
        self._unanswered: dict[str, set[str]] = {}

    @property
    def address(self) -> StoreAddress:
        """The address, as for `--state`."""
        return self._objects.address

    def location(self, key: str) -> str:
        """Return the URL of a key."""
        return f"{self.address}/{key}"

    def read(self, key: str) -> Entry | None:
        """Read the entry under a key."""
        stored = self._objects.get(key)
        return None if stored is None else Entry(data=stored.data, version=stored.version)

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        """Write if the stored version is the expected one."""
        self._check_once()
        writer = uuid4().hex
        try:
            version = self._put(key, data, writer, expected)
        except ConditionFailedError:
            version = self._settle(key, data, writer)
        self._unanswered.pop(key, None)
        return version

    def delete(self, key: str, expected: str) -> None:
        """Delete if the stored version is the expected one."""
        self._check_once()
        try:
            self._objects.remove(key, expected)
        except ConditionFailedError:
            current = self._objects.get(key)
            if current is None:
                return  # the first attempt deleted it, or another process did
            if not self._is_late_write(key, current):
                raise conflict(self.location(key)) from None
            with suppress(ConditionFailedError):
                self._objects.remove(key, current.version)

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the keys under a folder."""
        return self._objects.keys(prefix)

    def check_conditions(self) -> None:
        """Check that the service enforces the conditions of writes."""
        self._check(self._objects)
        self._checked.add(self.address)

    def time(self, *, writes: bool) -> StoreTime | None:  # noqa: ARG002
        """Return the time by the clock of the service, from its last answer; None without an answer."""
        return self._objects.time()

    def create(self) -> tuple[str, ...]:
        """Create what can be created; return notes and warnings for the user."""
        return self._objects.create()

    def retain(self) -> tuple[str, ...]:
        """Delete records some time after their last write from now on; return notes for the user.

        Raises:
            SpecError: if this store cannot do so.
        """
        return self._objects.retain()

    def _check_once(self) -> None:
        if self.address not in self._checked:
            self.check_conditions()

    def _put(self, key: str, data: bytes, writer: str, expected: str | None) -> str:
        try:
            return self._objects.put(key, data, writer=writer, expected=expected)
        except AwsUnansweredError:
            self._unanswered.setdefault(key, set()).add(writer)
            raise

    def _settle(self, key: str, data: bytes, writer: str) -> str:
        current = self._objects.get(key)
        if current is not None and current.writer == writer:
            return current.version
        if current is None or not self._is_late_write(key, current):
            raise conflict(self.location(key))
        try:
            return self._put(key, data, writer, current.version)
        except ConditionFailedError:
            raise conflict(self.location(key)) from None

    def _is_late_write(self, key: str, stored: Stored) -> bool:
        """Return whether an earlier write of this process that had no answer has taken effect."""
        return stored.writer in self._unanswered.get(key, ())
