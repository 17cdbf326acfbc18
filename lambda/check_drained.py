"""Check whether servers have left the target groups. Changes nothing.

docs/stages.md describes the event and the answer. `awsroll.stages.check_drained` is the same in Python.
"""

from typing import Any

import container
from awsroll.stages import CheckDrainedAnswer, CheckDrainedEvent, check_drained
from handling import handles


@handles(CheckDrainedEvent)
def handler(event: CheckDrainedEvent, _: Any) -> CheckDrainedAnswer:
    """Call the stage."""
    return check_drained(event, container.connection())
