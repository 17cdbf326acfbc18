"""Has the planner launch small fleets in batches. In a real fleet, a batch has more servers."""

from collections.abc import Iterator
from contextlib import contextmanager

from awsroll.core.decide import launch_batches


@contextmanager
def launching_batches(*, wanted: bool = True) -> Iterator[None]:
    """Have two launches of one subnet be a batch."""
    before = launch_batches.LAUNCHED_SINGLY
    launch_batches.LAUNCHED_SINGLY = 1 if wanted else before
    try:
        yield
    finally:
        launch_batches.LAUNCHED_SINGLY = before
