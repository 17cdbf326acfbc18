"""Reading calls that do not depend on each other, side by side.

In real time, a few threads make them at once. All connections of a process share these threads, so that 50 rollouts
take no larger number of them than one. If none is free, the calls follow each other. On a virtual clock they always do,
in their order, so that a test in virtual time takes the same course each time.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from awsroll.ports import Clock

_MOST_OF_ONE, _MOST_OF_PROCESS = 8, 24
_RENEWAL_SECONDS = 1.0

_Answer = TypeVar("_Answer")
_threads = threading.BoundedSemaphore(_MOST_OF_PROCESS)


def side_by_side(
    reads: Sequence[Callable[[], _Answer]], clock: Clock, *, meanwhile: Callable[[], None]
) -> list[_Answer]:
    """Make reading calls, at once if possible; return their answers in order.

    Args:
        reads: the calls. They change nothing, and none needs the answer of another.
        clock: tells whether time passes by itself.
        meanwhile: called each second in the caller's thread while the calls are made.

    Raises:
        AwsError: of the first call that failed. Calls that had not begun are not made.
    """
    taken = _take(min(len(reads), _MOST_OF_ONE)) if getattr(clock, "is_real_time", False) else 0
    try:
        return _at_once(reads, taken, meanwhile) if taken > 1 else [read() for read in reads]
    finally:
        for _ in range(taken):
            _threads.release()


def _take(wanted: int) -> int:
    """Take up to `wanted` threads, without waiting for any; return how many."""
    if wanted < 2:  # noqa: PLR2004 - one call needs no thread
        return 0
    return sum(1 for _ in range(wanted) if _threads.acquire(blocking=False))


def _at_once(reads: Sequence[Callable[[], _Answer]], threads: int, meanwhile: Callable[[], None]) -> list[_Answer]:
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait  # noqa: PLC0415 - slow to import

    pool = ThreadPoolExecutor(threads, thread_name_prefix="awsroll-read")
    try:
        futures = [pool.submit(read) for read in reads]
        while True:
            done, left = wait(futures, timeout=_RENEWAL_SECONDS, return_when=FIRST_EXCEPTION)
            if not left or any(future.exception() for future in done):
                break
            meanwhile()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    failed = next((future for future in futures if not future.cancelled() and future.exception()), None)
    return [future.result() for future in ([failed] if failed else futures)]
