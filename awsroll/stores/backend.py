"""The interface of a backend: bytes under a key, written by compare-and-swap.

There are three: a directory, S3 and DynamoDB. Records, leases and notes are the same on all of them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from awsroll.core.request.store_address import StoreAddress
from awsroll.errors import StateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The bytes under a key and their version. Every write makes a new version."""

    data: bytes
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTime:
    """The time by the clock of a store, which all its drivers share.

    Attributes:
        error: how far the reading may be from that clock, in either direction.
        error_leases: the clock jumps by less than this number of lease lengths.
    """

    at: datetime
    error: timedelta
    error_leases: float


class WriteConflictError(StateError):
    """Raised when the stored version is not the expected one."""


class Backend(Protocol):
    """Bytes under keys. A key is a path with slashes: `rollouts/web-1/record.json`."""

    @property
    def address(self) -> StoreAddress:
        """The address, as for `--state`."""

    def location(self, key: str) -> str:
        """Return the location of a key, for messages."""

    def read(self, key: str) -> Entry | None:
        """Return the entry under a key; None if there is none."""

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        """Write if the stored version is the expected one (None: no entry exists); return the new version.

        Raises:
            WriteConflictError: if it is not; nothing was changed.
        """

    def delete(self, key: str, expected: str) -> None:
        """Delete if the stored version is the expected one.

        Raises:
            WriteConflictError: if it is not; nothing was changed.
        """

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the keys under a folder (`rollouts/`), sorted."""

    def check_conditions(self) -> None:
        """Check that the place enforces the conditions of writes.

        Raises:
            StateError: if it does not; no record and no lock was written.
        """

    def time(self, *, writes: bool) -> StoreTime | None:
        """Return the time by the clock of the store; None if it is not known.

        Args:
            writes: a write follows, so the folder of a store may be created to read its clock.
        """

    def create(self) -> tuple[str, ...]:
        """Create what can be created (a directory, a table); return notes and warnings for the user."""

    def retain(self) -> tuple[str, ...]:
        """Delete records some time after their last write from now on; return notes for the user.

        Raises:
            SpecError: if this store cannot do so; nothing was changed.
        """


def conflict(location: str) -> WriteConflictError:
    """Return the error of a write that came too late."""
    return WriteConflictError(f"{location} was written by another process meanwhile; it was left unchanged")
