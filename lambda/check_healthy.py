"""Check whether servers serve: in every target group, on every port. Changes nothing.

docs/stages.md describes the event and the answer. `awsroll.stages.check_healthy` is the same in Python.
"""

from typing import Any

import container
from awsroll.stages import CheckHealthyAnswer, CheckHealthyEvent, check_healthy
from handling import handles


@handles(CheckHealthyEvent)
def handler(event: CheckHealthyEvent, _: Any) -> CheckHealthyAnswer:
    """Call the stage."""
    return check_healthy(event, container.connection())
