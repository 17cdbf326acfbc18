"""SSM Run Command and change calendars in the sandbox: their parts, and the table of its API operations.

moto answers operations outside the table (parameters, documents).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.ssm.api import CommandOperations
from awsroll.sandbox.ssm.change_calendars import ChangeCalendars
from awsroll.sandbox.ssm.command_runner import CommandRunner
from awsroll.sandbox.ssm.nodes import Nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsroll.sandbox.handler_parts import Handler
    from awsroll.sandbox.interfaces import InstanceContext
    from awsroll.sandbox.ssm.command_runner import Delivery


class SsmWorld:
    """All commands of the simulated account.

    Args:
        context: the time, the switches and the instances.

    Attributes:
        calendars: the change calendars.
    """

    def __init__(self, context: InstanceContext) -> None:
        nodes = Nodes(context)
        self._runner = CommandRunner(context, nodes)
        self.calendars = ChangeCalendars(context)
        commands = CommandOperations(context, nodes, self._runner)
        self.operations: Mapping[str, Handler] = {**commands.operations(), **self.calendars.operations()}

    def deliveries(self, instance_id: str | None = None) -> tuple[Delivery, ...]:
        """Return the deliveries to a node, or to all nodes, in order. A command that ran twice is there twice."""
        return tuple(delivery for delivery in self._runner.deliveries if instance_id in (None, delivery.instance_id))
