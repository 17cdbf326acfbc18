"""Retire the old half of a doubled group, and restore its settings. Called until it is done.

docs/stages.md describes the event and the answer. `awsroll.stages.retire_old_half` is the same in Python.
"""

from typing import Any

import container
from awsroll.stages import RetireOldHalfAnswer, RetireOldHalfEvent, retire_old_half
from handling import handles


@handles(RetireOldHalfEvent)
def handler(event: RetireOldHalfEvent, _: Any) -> RetireOldHalfAnswer:
    """Call the stage."""
    return retire_old_half(event, container.connection())
