"""The managed nodes: instances whose agent comes online some seconds after the boot.

As in AWS, the ping status lags: a lost node stays `Online` for a while. The instance tag `sandbox:agent=none` makes an
instance without an agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from awsroll.sandbox.instance import SimInstance
    from awsroll.sandbox.interfaces import InstanceContext

PING_LAG_SECONDS = 60.0
"""How long a lost node stays Online, in simulated seconds."""
AGENT_TAG = "sandbox:agent"
PLATFORM_TAG = "sandbox:platform"
LINUX, WINDOWS = "Linux", "Windows"


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
        """Return whether the node is online, so that commands reach it."""
        since = self._online_since.get(instance_id)
        return since is not None and since <= self._context.now() and instance_id not in self._lost_at

    def ping_status(self, instance_id: str) -> str | None:
        """Return the ping status of a node, or None if it was never online."""
        since = self._online_since.get(instance_id)
        if since is None or since > self._context.now():
            return None
        lost = self._lost_at.get(instance_id)
        if lost is None or self._context.now() < lost + self._context.scaled(PING_LAG_SECONDS):
            return "Online"
        return "ConnectionLost"

    def registered_at(self, instance_id: str) -> datetime:
        """Return when a node's agent came online."""
        return self._online_since[instance_id]

    def last_ping_at(self, instance_id: str) -> datetime:
        """Return the last ping of a node."""
        return self._lost_at.get(instance_id) or self._context.now()

    def platform(self, instance_id: str) -> str:
        """Return the platform of a node: `Linux`, or `Windows` by its tag."""
        instance = self._context.ec2.find(instance_id)
        is_windows = instance is not None and instance.tags.get(PLATFORM_TAG, "").lower() == WINDOWS.lower()
        return WINDOWS if is_windows else LINUX

    def all_ids(self) -> tuple[str, ...]:
        """Return the ids of present and past nodes that EC2 still knows."""
        instance_ids = {instance.instance_id for instance in self._context.ec2.instances()}
        return tuple(
            node_id
            for node_id in self._online_since
            if node_id in instance_ids and self.ping_status(node_id) is not None
        )

    def matching(self, targets: Iterable[Mapping[str, object]]) -> list[str]:
        """Return the online nodes that meet every criterion (`tag:NAME`, `tag-key` or `InstanceIds` with values)."""
        instances = [instance for instance in self._context.ec2.instances() if self.is_online(instance.instance_id)]
        criteria = list(targets)
        return [instance.instance_id for instance in instances if all(_meets(instance, target) for target in criteria)]

    def _instance_changed(self, instance: SimInstance) -> None:
        is_online = instance.instance_id in self._online_since and instance.instance_id not in self._lost_at
        if instance.state != "running":
            if is_online:
                self._lost_at[instance.instance_id] = self._context.now()
        elif not is_online and instance.tags.get(AGENT_TAG) != "none":
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
