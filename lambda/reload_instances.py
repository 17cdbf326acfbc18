"""Runs new code on servers that are out of traffic, and lets them back in; called again until it is done.

The event and the answer are described in docs/stages.md; `awsroll.stages.reload_instances` is the same for Python.
"""

from typing import Any

import container
from awsroll.stages import ReloadInstancesAnswer, ReloadInstancesEvent, reload_instances
from handling import handles


@handles(ReloadInstancesEvent)
def handler(event: ReloadInstancesEvent, _: Any) -> ReloadInstancesAnswer:
    """Do what the event says."""
    return reload_instances(event, container.connection())
