"""What S3 and DynamoDB have in common as shelves: a conditional write may be answered *no* although it was done.

That happens when the first attempt's answer is lost and it is made again: the second attempt finds the first one's
write. So each write carries a token of its own, and a *no* is settled by reading back whose token stands there. A write
that got no answer at all is remembered: should it turn up later, it is ours to replace and nobody else's.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from awsroll.errors import AwsUnansweredError
from awsroll.stores.shelf import Entry, conflict


class ConditionFailedError(Exception):
    """The service answered that the condition of a write does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a service holds under a key.

    Attributes:
        writer: the token of the write that made it.
    """

    data: bytes
    version: str
    writer: str


class Objects(Protocol):
    """The conditional calls of one service. They raise `ConditionFailedError`, and `AwsError` for all else."""

    @property
    def place(self) -> str:
        """The place as `--state` names it."""

    def get(self, key: str) -> Stored | None:
        """Read, strongly consistent."""

    def put(self, key: str, stored: Stored, expected: str | None) -> str:
        """Write data and writer (the version is the service's) under a condition; return the new version."""

    def remove(self, key: str, expected: str) -> None:
        """Delete under a condition."""

    def keys(self, prefix: str) -> tuple[str, ...]:
        """List, sorted."""

    def create(self) -> tuple[str, ...]:
        """Make the place ready."""


class RemoteShelf:
    """Bytes kept by an AWS service."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._unanswered: dict[str, set[str]] = {}

    @property
    def place(self) -> str:
        """The place as `--state` names it."""
        return self._objects.place

    def where(self, key: str) -> str:
        """Name the place of one key."""
        return f"{self.place}/{key}"

    def read(self, key: str) -> Entry | None:
        """Read what lies under a key."""
        found = self._objects.get(key)
        return None if found is None else Entry(data=found.data, version=found.version)

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        """Write if the version is still the expected one."""
        stored = Stored(data=data, version="", writer=uuid4().hex)
        try:
            version = self._put(key, stored, expected)
        except ConditionFailedError:
            version = self._settle(key, stored)
        self._unanswered.pop(key, None)
        return version

    def delete(self, key: str, expected: str) -> None:
        """Delete if the version is still the expected one."""
        try:
            self._objects.remove(key, expected)
        except ConditionFailedError:
            found = self._objects.get(key)
            if found is None:
                return  # the first attempt has done it, or somebody else: it is gone
            if not self._is_late(key, found):
                raise conflict(self.where(key)) from None
            with suppress(ConditionFailedError):
                self._objects.remove(key, found.version)

    def keys(self, prefix: str) -> tuple[str, ...]:
        """List the keys under a folder."""
        return self._objects.keys(prefix)

    def create(self) -> tuple[str, ...]:
        """Make the place ready."""
        return self._objects.create()

    def _put(self, key: str, stored: Stored, expected: str | None) -> str:
        try:
            return self._objects.put(key, stored, expected)
        except AwsUnansweredError:
            self._unanswered.setdefault(key, set()).add(stored.writer)
            raise

    def _settle(self, key: str, stored: Stored) -> str:
        found = self._objects.get(key)
        if found is not None and found.writer == stored.writer:
            return found.version
        if found is None or not self._is_late(key, found):
            raise conflict(self.where(key))
        try:
            return self._put(key, stored, found.version)
        except ConditionFailedError:
            raise conflict(self.where(key)) from None

    def _is_late(self, key: str, found: Stored) -> bool:
        return found.writer in self._unanswered.get(key, ())
