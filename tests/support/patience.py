"""How long tests wait in real time: no test depends on the speed of the machine.

A test waits for an event or a condition. These limits end a test that hangs: a machine that is ten times slower, or
busy with other work, stays below them.
"""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 240.0
"""After this time an event is taken for one that never comes."""

PROMPT_SECONDS = 18.0
"""What ends within this time has not waited for an answer that never comes: awsroll waits 20 s for one from AWS."""


def wait_until(is_so: Callable[[], object], *, every: float = 0.01) -> None:
    """Return when a condition holds; fail if it never does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "it never came true"
        time.sleep(every)
