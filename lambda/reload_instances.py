"""Run new code on servers that are out of traffic, and register them again. Called until it is done.

docs/stages.md describes the event and the answer. `awsroll.stages.reload_instances` is the same in Python.
"""

from typing import Any

import container
from awsroll.stages import ReloadInstancesAnswer, ReloadInstancesEvent, reload_instances
from handling import handles


@handles(ReloadInstancesEvent)
def handler(event: ReloadInstancesEvent, _: Any) -> ReloadInstancesAnswer:
    """Call the stage."""
    return reload_instances(event, container.connection())
