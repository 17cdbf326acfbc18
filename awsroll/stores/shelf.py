"""The one thing a place must do to keep state: bytes under a key, written by compare-and-swap.

Three places do: a directory (`directory`), S3 (`s3`) and DynamoDB (`dynamodb`). What the bytes mean is for `records`,
`leases` and `codec`, which are the same for all of them.
"""

from dataclasses import dataclass
from typing import Protocol

from awsroll.errors import StateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What lies under a key, and which version of it: any write makes another one."""

    data: bytes
    version: str


class ShelfConflictError(StateError):
    """What lies under the key is not the version that was expected."""


class Shelf(Protocol):
    """Bytes under keys. A key is a path with slashes: `rollouts/web-1/record.json`."""

    @property
    def place(self) -> str:
        """The place as `--state` names it."""

    def where(self, key: str) -> str:
        """Name the place of one key, for people."""

    def read(self, key: str) -> Entry | None:
        """Return what lies under a key; None if nothing does."""

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        """Write if the version is still the expected one (None: if nothing lies there); return the new version.

        Raises:
            ShelfConflictError: if it is not; nothing was changed.
        """

    def delete(self, key: str, expected: str) -> None:
        """Delete if the version is still the expected one.

        Raises:
            ShelfConflictError: if it is not; nothing was changed.
        """

    def keys(self, prefix: str) -> tuple[str, ...]:
        """List the keys under a folder (`rollouts/`), sorted."""

    def create(self) -> tuple[str, ...]:
        """Make the place ready to be written to, as far as that is possible; tell what was done or is amiss."""


def conflict(where: str) -> ShelfConflictError:
    """Return the error of a write that came too late."""
    return ShelfConflictError(f"{where} was written by somebody else meanwhile; it was left as it is")
