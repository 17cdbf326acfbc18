"""Lets a group launch as many new members as it has, and answers which ones are the old ones.

The event and the answer are described in docs/stages.md; `awsroll.stages.double_group` is the same for Python.
"""

from typing import Any

import container
from awsroll.stages import DoubleGroupAnswer, DoubleGroupEvent, double_group
from handling import handles


@handles(DoubleGroupEvent)
def handler(event: DoubleGroupEvent, _: Any) -> DoubleGroupAnswer:
    """Do what the event says."""
    return double_group(event, container.connection())
