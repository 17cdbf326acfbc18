"""Tells whether servers have left the target groups for good. Changes nothing.

The event and the answer are described in docs/stages.md; `awsroll.stages.check_drained` is the same for Python.
"""

from typing import Any

import container
from awsroll.stages import CheckDrainedAnswer, CheckDrainedEvent, check_drained
from handling import handles


@handles(CheckDrainedEvent)
def handler(event: CheckDrainedEvent, _: Any) -> CheckDrainedAnswer:
    """Do what the event says."""
    return check_drained(event, container.connection())
