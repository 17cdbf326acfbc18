"""Pieces of work side by side, each in a thread of its own; what became of each, in the order in which they end.

The threads are daemons: a program that must leave does not wait for them. A rollout bears that at any point.
"""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, Queue
from typing import Generic, TypeVar

Name = TypeVar("Name")
Found = TypeVar("Found")
Item = TypeVar("Item")


class Crew(Generic[Name, Found]):
    """Threads at work."""

    def __init__(self) -> None:
        self._done: Queue[tuple[Name, Found | BaseException]] = Queue()
        self.running = 0

    def begin(self, name: Name, work: Callable[[], Found]) -> None:
        """Begin a piece of work."""

        def run() -> None:
            try:
                found: Found | BaseException = work()
            except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
                found = error
            self._done.put((name, found))

        self.running += 1
        threading.Thread(target=run, name=f"fleet-{name}", daemon=True).start()

    def wait(self) -> tuple[Name, Found | BaseException]:
        """Wait for the next one that ends: its name, and what it returned or raised."""
        ended = self._done.get()
        self.running -= 1
        return ended

    def leave(self, seconds: float) -> None:
        """Wait for those that still run, each for so many seconds at the most; what they come to is dropped."""
        while self.running:
            try:
                self._done.get(timeout=seconds)
            except Empty:
                return
            self.running -= 1


def side_by_side(items: Sequence[Item], work: Callable[[Item], Found], *, at_once: int) -> list[Found | BaseException]:
    """Do something with each item; return what came of each, or what it raised, in their order."""
    crew: Crew[int, Found] = Crew()
    found: dict[int, Found | BaseException] = {}
    for number, item in enumerate(items):
        if crew.running == at_once:
            ended, result = crew.wait()
            found[ended] = result
        crew.begin(number, lambda item=item: work(item))  # type: ignore[misc]
    while crew.running:
        ended, result = crew.wait()
        found[ended] = result
    return [found[number] for number in range(len(items))]
