"""Take servers out of traffic. Answers where they were registered and how long their drain takes.

docs/stages.md describes the event and the answer. `awsroll.stages.deregister_targets` is the same in Python.
"""

from typing import Any

import container
from awsroll.stages import DeregisterTargetsAnswer, DeregisterTargetsEvent, deregister_targets
from handling import handles


@handles(DeregisterTargetsEvent)
def handler(event: DeregisterTargetsEvent, _: Any) -> DeregisterTargetsAnswer:
    """Call the stage."""
    return deregister_targets(event, container.connection())
