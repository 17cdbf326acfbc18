"""Which instances are managed nodes: their agent comes online some seconds after the boot.

The reported ping status lags behind the truth, as in AWS: a node that is gone is still `Online` for a while. The
instance tag `sandbox:agent=none` asks for an instance without an agent. Commands are not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from awsroll.sandbox.instance import SimInstance
    from awsroll.sandbox.interfaces import InstanceContext

PING_LAG_SECONDS = 60.0
"""How long a node that is gone is still reported Online, in simulated seconds."""
AGENT_TAG = "sandbox:agent"


class Nodes:
    """The managed nodes of the account.

    Args:
        context: the time, the switches and the instances.
    """

    def __init__(self, context: InstanceContext) -> None:
        self._context = context
        self._online_since: dict[str, datetime] = {}
        self._lost_at: dict[str, datetime] = {}
        context.ec2.on_change(self._instance_changed)

    def is_online(self, instance_id: str) -> bool:
        """Whether a command would reach the node now."""
        since = self._online_since.get(instance_id)
        return since is not None and since <= self._context.now() and instance_id not in self._lost_at

    def ping_status(self, instance_id: str) -> str | None:
        """Answer what is reported about a node, None for one that never was online."""
        since = self._online_since.get(instance_id)
        if since is None or since > self._context.now():
            return None
        lost = self._lost_at.get(instance_id)
        if lost is None or self._context.now() < lost + self._context.scaled(PING_LAG_SECONDS):
            return "Online"
        return "ConnectionLost"

    def registered_at(self, instance_id: str) -> datetime:
        """Answer when a node's agent came online."""
        return self._online_since[instance_id]

    def last_ping_at(self, instance_id: str) -> datetime:
        """Answer when a node was last heard of."""
        return self._lost_at.get(instance_id) or self._context.now()

    def all_ids(self) -> tuple[str, ...]:
        """Answer every instance that is or was a node and is still known to EC2."""
        known = {instance.instance_id for instance in self._context.ec2.instances()}
        return tuple(each for each in self._online_since if each in known and self.ping_status(each) is not None)

    def matching(self, targets: Iterable[Mapping[str, object]]) -> list[str]:
        """Answer the nodes online that meet every criterion (`tag:NAME`, `tag-key` or `InstanceIds` with values)."""
        instances = [each for each in self._context.ec2.instances() if self.is_online(each.instance_id)]
        wanted = list(targets)
        return [each.instance_id for each in instances if all(_meets(each, target) for target in wanted)]

    def _instance_changed(self, instance: SimInstance) -> None:
        known = instance.instance_id in self._online_since and instance.instance_id not in self._lost_at
        if instance.state != "running":
            if known:
                self._lost_at[instance.instance_id] = self._context.now()
        elif not known and instance.tags.get(AGENT_TAG) != "none":
            seconds = self._context.options.ssm_online_seconds
            self._online_since[instance.instance_id] = self._context.now() + self._context.scaled(seconds)
            self._lost_at.pop(instance.instance_id, None)


def _meets(instance: SimInstance, target: Mapping[str, object]) -> bool:
    key, given = str(target.get("Key")), target.get("Values")
    values = [str(value) for value in given] if isinstance(given, (list, tuple)) else []
    if key == "InstanceIds":
        return instance.instance_id in values
    if key == "tag-key":
        return any(value in instance.tags for value in values)
    return key.startswith("tag:") and instance.tags.get(key.removeprefix("tag:")) in values
