"""Replace servers that are out of traffic, or have a group replace members. Called until it is done.

docs/stages.md describes the event and the answer. `awsroll.stages.terminate_and_launch` is the same in Python.
"""

from typing import Any

import container
from awsroll.stages import TerminateAndLaunchAnswer, TerminateAndLaunchEvent, terminate_and_launch
from handling import handles


@handles(TerminateAndLaunchEvent)
def handler(event: TerminateAndLaunchEvent, _: Any) -> TerminateAndLaunchAnswer:
    """Call the stage."""
    return terminate_and_launch(event, container.connection())
