"""How long tests wait in real time: no test depends on the speed of the machine.

A test waits for an event or a condition. These limits end a test that hangs: a machine that is ten times slower, or
busy with other work, stays below them.
"""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 240.0
"""After this time a test assumes that the event never comes."""

PROMPT_SECONDS = 18.0
"""A program that ends within this time did not wait for a missing answer: awsroll waits 20 s for AWS."""


def wait_until(is_so: Callable[[], object], *, every: float = 0.01) -> None:
    """Wait until a condition holds; fail if it never does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "it never came true"
        time.sleep(every)
