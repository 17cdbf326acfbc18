"""One event loop in one background thread, entered and left by ordinary blocking calls.

All of the traffic (servers, balancer, clients) shares this thread, so that a laptop has cores left for the rest.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class BackgroundLoop:
    """An event loop that runs in a thread of its own from `start()` to `stop()`."""

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def start(self) -> None:
        """Start the thread; returns when the loop takes calls."""
        self._thread.start()
        self._started.wait()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the loop and return its result, or raise what it raised."""
        assert self._loop is not None  # noqa: S101 (started before it is called)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def post(self, action: Callable[[], object]) -> None:
        """Have the loop run `action` soon, in the order of posting; from any thread, without waiting."""
        assert self._loop is not None  # noqa: S101 (started before it is called)
        self._loop.call_soon_threadsafe(action)

    def stop(self) -> None:
        """Cancel what still runs, and end the thread."""
        if self._stopping is not None:
            self.post(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._started.set()
        await self._stopping.wait()
