"""An event loop in a background thread, controlled by blocking calls.

All traffic (servers, balancer, clients) shares this thread, so that other cores stay free.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class BackgroundLoop:
    """An event loop that runs in its own thread from `start()` to `stop()`."""

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def start(self) -> None:
        """Start the thread, and return when the loop accepts calls."""
        self._thread.start()
        self._started.wait()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the loop, and return its result or raise its exception."""
        assert self._loop is not None  # noqa: S101 (callers start the loop first)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def post(self, action: Callable[[], object]) -> None:
        """Schedule `action` in the loop, in the order of the calls. Any thread may call this; it does not wait."""
        assert self._loop is not None  # noqa: S101 (callers start the loop first)
        self._loop.call_soon_threadsafe(action)

    def stop(self) -> None:
        """Cancel running tasks, and end the thread."""
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
