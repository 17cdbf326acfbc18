"""Where a process can die: before and after each AWS call takes effect, before and after each write of the record.

The instants at which a run can be cut are numbered from 1. A process that was cut does nothing more: whatever its
unwinding code still tries, an AWS call or a write, is cut again, as nothing of a dead process runs.

A death leaves behind the simulated AWS, the stored record and the time, nothing else. So two instants between which
none of the three has changed are one and the same cut: only the first of them is *distinct*.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from awsroll.ports import Record
from awsroll.sandbox import Sandbox
from awsroll.stores import LocalStore

READING = ("Describe", "List", "Get")
MOST_INSTANTS = 20_000


class Crash(BaseException):
    """The process died. No `except Exception` catches it, as none catches a SIGKILL."""


class Endless(BaseException):
    """The run makes more calls than any rollout of so few servers should."""


class Knife:
    """Counts the instants of one process, and cuts at one of them.

    Args:
        now: reads the time.
        cut: the number of the instant at which the process dies; None: it lives.
        fork: asked at each distinct instant with its number; may fork the program, and answers whether this branch of
            it is the one in which the process dies here.

    Attributes:
        trail: what each instant was, `before ec2:RunInstances` say; the first is number 1.
        distinct: the numbers of the distinct ones.
    """

    def __init__(
        self, now: Callable[[], object], cut: int | None = None, fork: Callable[[int], bool] = lambda _: False
    ) -> None:
        self.trail: list[str] = []
        self.distinct: list[int] = []
        self.is_dead = False
        self._now = now
        self._cut = cut
        self._fork = fork
        self._changes = 0
        self._last: object = None

    def instant(self, what: str, *, changed: bool = False) -> None:
        """Be at an instant.

        Raises:
            Crash: if the process dies here, or has died before.
        """
        if self.is_dead:
            raise Crash
        self.trail.append(what)
        number, self._changes = len(self.trail), self._changes + changed
        dies = number == self._cut
        if (self._now(), self._changes) != self._last:
            self._last = (self._now(), self._changes)
            self.distinct.append(number)
            dies = dies or self._fork(number)
        if dies:
            self.is_dead = True
            raise Crash
        if number > MOST_INSTANTS:
            self.is_dead = True
            raise Endless

    def watch(self, sandbox: Sandbox) -> Callable[[], None]:
        """Be at an instant before and after each call, until the function that is returned is called."""

        def before(service: str, operation: str, _: Mapping[str, Any]) -> None:
            self.instant(f"before {service}:{operation}")

        def after(service: str, operation: str, _: Mapping[str, Any]) -> None:
            self.instant(f"after {service}:{operation}", changed=not operation.startswith(READING))

        ends = (sandbox.on_call(before), sandbox.on_call(after, "after"))

        def put_away() -> None:
            for end in ends:
                end()

        return put_away


class CutStore(LocalStore):
    """The store of a process that may be cut; what it has written stays."""

    def __init__(self, directory: Path, knife: Knife) -> None:
        super().__init__(directory)
        self._knife = knife

    def save(self, record: Record) -> Record:
        self._knife.instant("before saving the record")
        stored = super().save(record)
        self._knife.instant("after saving the record", changed=True)
        return stored
