"""Let a group launch as many new members as it has. Answers the ids of the old members.

docs/stages.md describes the event and the answer. `awsroll.stages.double_group` is the same in Python.
"""

from typing import Any

import container
from awsroll.stages import DoubleGroupAnswer, DoubleGroupEvent, double_group
from handling import handles


@handles(DoubleGroupEvent)
def handler(event: DoubleGroupEvent, _: Any) -> DoubleGroupAnswer:
    """Call the stage."""
    return double_group(event, container.connection())
