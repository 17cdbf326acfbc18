"""SSM Run Command in the sandbox: the parts put together, and the table of its API operations.

Operations that are not in the table (parameters, documents) stay with moto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.ssm.api import CommandOperations
from awsroll.sandbox.ssm.commands import CommandRunner
from awsroll.sandbox.ssm.nodes import Nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsroll.sandbox.handling import Handler
    from awsroll.sandbox.ssm.commands import Delivery
    from awsroll.sandbox.world import World


class SsmWorld:
    """All commands of the simulated account.

    Args:
        world: the world it is part of; its EC2 exists already.
    """

    def __init__(self, world: World) -> None:
        nodes = Nodes(world)
        self._runner = CommandRunner(world, nodes)
        self.operations: Mapping[str, Handler] = CommandOperations(world, nodes, self._runner).operations()

    def deliveries(self, instance_id: str | None = None) -> tuple[Delivery, ...]:
        """Return which commands reached a node, or all nodes, in order: the same text twice is a double."""
        return tuple(each for each in self._runner.deliveries if instance_id in (None, each.instance_id))
