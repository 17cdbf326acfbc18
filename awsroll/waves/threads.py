"""Runs tasks in parallel, each in a thread of its own, and returns their results in the order in which they end.

The threads are daemons: a program that exits does not wait for them. A rollout can be interrupted at any point.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, Queue
from typing import Generic, TypeVar

Name = TypeVar("Name")
Result = TypeVar("Result")
Item = TypeVar("Item")


class Threads(Generic[Name, Result]):
    """The threads that run."""

    def __init__(self) -> None:
        self._done: Queue[tuple[Name, Result | BaseException]] = Queue()
        self.running = 0

    def start(self, name: Name, work: Callable[[], Result]) -> None:
        """Start a task in a new thread."""

        def run() -> None:
            try:
                result: Result | BaseException = work()
            except BaseException as error:  # noqa: BLE001 - the caller of `wait` raises it
                result = error
            self._done.put((name, result))

        self.running += 1
        threading.Thread(target=run, name=f"fleet-{name}", daemon=True).start()

    def wait(self) -> tuple[Name, Result | BaseException]:
        """Wait until a task ends; return its name, and its result or exception."""
        ended = self._done.get()
        self.running -= 1
        return ended

    def ended(self) -> Iterator[tuple[Name, Result | BaseException]]:
        """Yield the tasks that have ended already, without waiting."""
        while self.running:
            try:
                ended = self._done.get_nowait()
            except Empty:
                return
            self.running -= 1
            yield ended

    def leave(self, seconds: float) -> None:
        """Wait for the running tasks, at most `seconds` for each; drop their results."""
        while self.running:
            try:
                self._done.get(timeout=seconds)
            except Empty:
                return
            self.running -= 1


def in_parallel(items: Sequence[Item], work: Callable[[Item], Result], *, at_once: int) -> list[Result | BaseException]:
    """Run a task for each item, at most `at_once` in parallel; return the results or exceptions in their order."""
    threads: Threads[int, Result] = Threads()
    results: dict[int, Result | BaseException] = {}
    for number, item in enumerate(items):
        if threads.running == at_once:
            ended, result = threads.wait()
            results[ended] = result
        threads.start(number, lambda item=item: work(item))  # type: ignore[misc]
    while threads.running:
        ended, result = threads.wait()
        results[ended] = result
    return [results[number] for number in range(len(items))]
