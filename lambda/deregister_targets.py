"""Takes servers out of traffic, and answers where they were registered and how long their drain takes.

The event and the answer are described in docs/stages.md; `awsroll.stages.deregister_targets` is the same for Python.
"""

from typing import Any

import container
from awsroll.stages import DeregisterTargetsAnswer, DeregisterTargetsEvent, deregister_targets
from handling import handles


@handles(DeregisterTargetsEvent)
def handler(event: DeregisterTargetsEvent, _: Any) -> DeregisterTargetsAnswer:
    """Do what the event says."""
    return deregister_targets(event, container.connection())
