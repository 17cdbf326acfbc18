"""Warm pool operations: put, describe, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.autoscaling.group_state import Lifecycle
from awsroll.sandbox.autoscaling.operations.refresh import refuse_during_refresh
from awsroll.sandbox.autoscaling.views import describe_member
from awsroll.sandbox.handler_parts import page, refuse, with_token
from awsroll.sandbox.service_limits import MEMBER_PAGES

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters

STATES = ("Stopped", "Running", "Hibernated")
NOT_SHOWN = ("ProtectedFromScaleIn",)


class WarmPoolOperations:
    """Handlers of the warm pool operations.

    Args:
        registry: the groups.
        controller: fills the pools.
    """

    def __init__(self, registry: Registry, controller: Controller) -> None:
        self._registry = registry
        self._pools = controller.warm_pools

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {"PutWarmPool": self.put, "DescribeWarmPool": self.describe, "DeleteWarmPool": self.delete}

    def put(self, parameters: Parameters) -> Answer:
        """Create or change the warm pool of a group. The next run of the controller launches its instances."""
        group = self._group(parameters)
        refuse_during_refresh(group)
        names = ("MaxGroupPreparedCapacity", "InstanceReusePolicy")
        pool = {name: parameters[name] for name in names if parameters.get(name) is not None}
        pool |= {"MinSize": int(parameters.get("MinSize") or 0), "PoolState": parameters.get("PoolState") or "Stopped"}
        if pool["PoolState"] not in STATES:
            refuse(f"PoolState must be one of {', '.join(STATES)}, not {pool['PoolState']}.")
        if pool.get("MaxGroupPreparedCapacity") == -1:  # -1 removes the limit
            del pool["MaxGroupPreparedCapacity"]
        group.warm_pool = pool
        self._registry.wake(group)
        return {}

    def describe(self, parameters: Parameters) -> Answer:
        """Return the configuration and the instances of a warm pool."""
        group = self._group(parameters)
        shown, token = page(list(group.pool.values()), parameters, MEMBER_PAGES)
        rows = [describe_member(member, self._registry.catalog) for member in shown]
        instances = [{key: value for key, value in row.items() if key not in NOT_SHOWN} for row in rows]
        answer: Answer = {"Instances": instances}
        if group.warm_pool is not None:
            answer["WarmPoolConfiguration"] = group.warm_pool
        return with_token(answer, token)

    def delete(self, parameters: Parameters) -> Answer:
        """Delete a warm pool. A pool with instances needs ForceDelete, which terminates them."""
        group = self._group(parameters)
        if group.warm_pool is None:
            refuse(f"No warm pool found with group name {group.name}")
        if not parameters.get("ForceDelete"):
            if any(member.state is Lifecycle.WARMED_PENDING for member in group.pool.values()):
                message = f"Scaling activities are in progress in the warm pool of {group.name}."
                refuse(message, code="ScalingActivityInProgress")
            if group.pool:
                refuse(f"The warm pool of {group.name} has instances; use ForceDelete.", code="ResourceInUse")
        self._pools.delete(group)
        return {}

    def _group(self, parameters: Parameters) -> Group:
        return self._registry.group(str(parameters["AutoScalingGroupName"]))
