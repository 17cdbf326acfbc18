"""Replaces servers that are out of traffic, or has a group replace members; called again until it is done.

The event and the answer are described in docs/stages.md; `awsroll.stages.terminate_and_launch` is the same for Python.
"""

from typing import Any

import container
from awsroll.stages import TerminateAndLaunchAnswer, TerminateAndLaunchEvent, terminate_and_launch
from handling import handles


@handles(TerminateAndLaunchEvent)
def handler(event: TerminateAndLaunchEvent, _: Any) -> TerminateAndLaunchAnswer:
    """Do what the event says."""
    return terminate_and_launch(event, container.connection())
