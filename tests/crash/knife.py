"""The instants at which a process can die: before and after each AWS call, before and after each write of the record.

The instants of a process are numbered from 1. A cut process changes nothing after its death: each AWS call or write of
its unwinding code is cut again.

Only the simulated AWS, the stored record and the time survive a death. So two instants without a change of these three
are the same cut: only the first of them is distinct.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from awsroll.sandbox import Sandbox
from awsroll.stores import RecordStore
from awsroll.stores.directory_backend import DirectoryBackend
from awsroll.stores.process_identity import this_process

READING = ("Describe", "List", "Get")
MOST_INSTANTS = 20_000


class Crash(BaseException):
    """The process died. `except Exception` does not catch it, as with SIGKILL."""


class Endless(BaseException):
    """The run makes more calls than a rollout of a small fleet should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """A moment at which a process can die.

    Attributes:
        number: the first of a process is 1.
        what: for example `before ec2:RunInstances`.
        is_distinct: the state has changed since the previous instant.
        mutates: the instant is right before or after a call that may change AWS.
    """

    number: int
    what: str
    is_distinct: bool
    mutates: bool


def never(_: Instant) -> bool:
    """Let the process live."""
    return False


class Knife:
    """Counts the instants of one process, and cuts at one of them.

    Args:
        now: reads the time.
        cut: the number of the instant at which the process dies, or its description (the first such instant);
            None: it lives.
        fork: called at each instant; may fork the program, and returns whether the process dies here in this
            branch.

    Attributes:
        trail: a description of each instant; the first is number 1.
    """

    def __init__(
        self, now: Callable[[], object], cut: int | str | None = None, fork: Callable[[Instant], bool] = never
    ) -> None:
        self.trail: list[str] = []
        self.is_dead = False
        self._now = now
        self._cut = cut
        self._fork = fork
        self._changes = 0
        self._last: object = None

    def instant(self, what: str, *, changed: bool = False, mutates: bool = False) -> None:
        """Count an instant, and die if it is the cut.

        Raises:
            Crash: if the process dies here, or has died before.
            Endless: if there have been too many instants.
        """
        if self.is_dead:
            raise Crash
        self.trail.append(what)
        self._changes += changed
        state = (self._now(), self._changes)
        here = Instant(number=len(self.trail), what=what, is_distinct=state != self._last, mutates=mutates)
        self._last = state
        self.is_dead = self._cut in {here.number, what} or self._fork(here)
        if self.is_dead:
            raise Crash
        if here.number > MOST_INSTANTS:
            raise Endless

    def watch(self, sandbox: Sandbox) -> Callable[[], None]:
        """Count an instant before and after each call, until the returned function is called."""

        def before(service: str, operation: str, _: Mapping[str, Any]) -> None:
            self.instant(f"before {service}:{operation}", mutates=not operation.startswith(READING))

        def after(service: str, operation: str, _: Mapping[str, Any]) -> None:
            mutates = not operation.startswith(READING)
            self.instant(f"after {service}:{operation}", changed=mutates, mutates=mutates)

        ends = (sandbox.on_call(before), sandbox.on_call(after, "after"))

        def put_away() -> None:
            for end in ends:
                end()

        return put_away


class CutStore(RecordStore):
    """The store of a process that may be cut; its writes and its locks stay after its death.

    Other processes, this test included, see the process as dead: none of them finds it under its start time.
    """

    def __init__(self, directory: Path, knife: Knife) -> None:
        super().__init__(CutShelf(directory, knife), process=replace(this_process(), started="in a story"))


class CutShelf(DirectoryBackend):
    """A directory that a process may die before or after writing to.

    A lock of a dead process does not affect the next process.
    """

    def __init__(self, directory: Path, knife: Knife) -> None:
        super().__init__(directory)
        self._knife = knife

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        name = _what(key)
        self._knife.instant(f"before saving the {name}")
        version = super().write(key, data, expected)
        self._knife.instant(f"after saving the {name}", changed=name != "lock")
        return version

    def delete(self, key: str, expected: str) -> None:
        name = _what(key)
        self._knife.instant(f"before deleting the {name}")
        super().delete(key, expected)
        self._knife.instant(f"after deleting the {name}", changed=name != "lock")


def _what(key: str) -> str:
    name = key.rpartition("/")[2].removesuffix(".json")
    return name if name in ("record", "user_requests") else "lock"
