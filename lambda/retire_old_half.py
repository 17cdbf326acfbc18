"""Lets the old half of a doubled group go, and puts its settings back; called again until it is done.

The event and the answer are described in docs/stages.md; `awsroll.stages.retire_old_half` is the same for Python.
"""

from typing import Any

import container
from awsroll.stages import RetireOldHalfAnswer, RetireOldHalfEvent, retire_old_half
from handling import handles


@handles(RetireOldHalfEvent)
def handler(event: RetireOldHalfEvent, _: Any) -> RetireOldHalfAnswer:
    """Do what the event says."""
    return retire_old_half(event, container.connection())
