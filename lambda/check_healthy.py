"""Tells whether servers serve: in every target group, on every port. Changes nothing.

The event and the answer are described in docs/stages.md; `awsroll.stages.check_healthy` is the same for Python.
"""

from typing import Any

import container
from awsroll.stages import CheckHealthyAnswer, CheckHealthyEvent, check_healthy
from handling import handles


@handles(CheckHealthyEvent)
def handler(event: CheckHealthyEvent, _: Any) -> CheckHealthyAnswer:
    """Do what the event says."""
    return check_healthy(event, container.connection())
