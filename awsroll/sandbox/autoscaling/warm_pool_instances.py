"""Warm pools: fill a pool with pre-launched instances, take instances from it, and delete it.

A warm instance keeps the template version of its launch, so scale-out can bring back an old version.
`operations/warm_pools.py` has the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling import placement
from awsroll.sandbox.autoscaling.activities import at
from awsroll.sandbox.autoscaling.group_state import Lifecycle, Process
from awsroll.sandbox.autoscaling.launches import LaunchRequest

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_state import Group, Member
    from awsroll.sandbox.autoscaling.launches import Launches
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.instance import SimInstance

READY = frozenset({Lifecycle.WARMED_STOPPED, Lifecycle.WARMED_RUNNING, Lifecycle.WARMED_HIBERNATED})


def target_size(group: Group) -> int:
    """Return the target size of the pool: the number that the group can still grow by, at least MinSize."""
    if group.warm_pool is None:
        return 0
    prepared = int(group.warm_pool.get("MaxGroupPreparedCapacity", group.max_size))
    return max(prepared - group.desired, int(group.warm_pool["MinSize"]))


class WarmPools:
    """Fills warm pools, and takes instances from them.

    Args:
        registry: the groups.
        launches: launches instances into a pool or into service.
    """

    def __init__(self, registry: Registry, launches: Launches) -> None:
        self._registry = registry
        self._launches = launches
        self._ec2 = registry.context.ec2

    def fill(self, group: Group) -> None:
        """Launch missing instances of the pool, and terminate surplus instances.

        Raises:
            ApiError: EC2 refuses a launch; the next run continues.
        """
        if group.warm_pool is None:
            return
        surplus = len(group.pool) - target_size(group)
        for member in [member for member in group.pool.values() if member.state in READY][: max(0, surplus)]:
            self.end(member)
        if not group.runs(Process.LAUNCH):
            return
        for _ in range(-surplus):
            now = at(self._registry.context.now())
            cause = f"At {now} an instance was launched to fill the warm pool."
            subnet_id = placement.choose_launch_subnet(group)
            self._launches.launch(group, LaunchRequest(subnet_id=subnet_id, cause=cause, warm=True))

    def take(self, group: Group, zone: str, cause: str) -> bool:
        """Bring an instance of the pool into service, preferably from `zone`; return False if no instance is ready."""
        ready = [member for member in group.pool.values() if member.state in READY]
        if not ready:
            return False
        member = next((member for member in ready if member.zone == zone), ready[0])
        del group.pool[member.instance_id]
        group.members[member.instance_id] = member
        if member.state is not Lifecycle.WARMED_RUNNING:
            self._ec2.start(member.instance_id)
        description = f"Launching a new EC2 instance from warm pool: {member.instance_id}"
        self._launches.bring_back(group, member, description, cause)
        return True

    def end(self, member: Member) -> None:
        """Terminate a pool instance."""
        member.state = Lifecycle.WARMED_TERMINATING
        self._ec2.terminate(member.instance_id)

    def delete(self, group: Group) -> None:
        """Terminate all instances of the pool. The pool is deleted with its last instance."""
        assert group.warm_pool is not None  # noqa: S101  the caller has checked
        group.warm_pool["Status"] = "PendingDelete"
        for member in tuple(group.pool.values()):
            self.end(member)
        self._forget_if_deleted(group)

    def instance_changed(self, group: Group, member: Member, instance: SimInstance) -> None:
        """Take the next step of a pool instance."""
        if instance.state == "terminated":
            del group.pool[member.instance_id]
            self._forget_if_deleted(group)
            self._registry.wake(group)
        elif instance.application_up and member.state is Lifecycle.WARMED_PENDING:
            self._is_up(group, member)
        elif instance.state == "stopped" and member.state is Lifecycle.WARMED_PENDING:
            hibernates = (group.warm_pool or {}).get("PoolState") == "Hibernated"
            self._ready(group, member, Lifecycle.WARMED_HIBERNATED if hibernates else Lifecycle.WARMED_STOPPED)

    def _is_up(self, group: Group, member: Member) -> None:
        if (group.warm_pool or {}).get("PoolState") == "Running":
            self._ready(group, member, Lifecycle.WARMED_RUNNING)
            return
        try:
            self._ec2.stop(member.instance_id)
        except ApiError:
            self.end(member)

    def _ready(self, group: Group, member: Member, state: Lifecycle) -> None:
        member.state = state
        self._registry.log.close(member.activity, "Successful")
        self._registry.wake(group)

    @staticmethod
    def _forget_if_deleted(group: Group) -> None:
        if group.warm_pool is not None and "Status" in group.warm_pool and not group.pool:
            group.warm_pool = None
