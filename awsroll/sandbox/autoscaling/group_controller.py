"""The controller of the groups: it reconciles one group with its settings, and schedules the next run.

It is level-triggered: each run starts from the current members. `launches.py` and `departures.py` move members;
`operations` handles API requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling import placement
from awsroll.sandbox.autoscaling.activities import at
from awsroll.sandbox.autoscaling.departures import Departures
from awsroll.sandbox.autoscaling.group_state import LAUNCHING, TERMINATING, Departure, LaunchBackoff, Lifecycle, Process
from awsroll.sandbox.autoscaling.health_checks import HealthChecks
from awsroll.sandbox.autoscaling.launches import Launches, LaunchRequest, difference
from awsroll.sandbox.autoscaling.lifecycle_hooks import HookWaits
from awsroll.sandbox.autoscaling.target_attachments import GroupTargets
from awsroll.sandbox.autoscaling.warm_pool_instances import WarmPools

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_state import Group, Member
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.instance import SimInstance
    from awsroll.sandbox.target import SimTarget


class Controller:
    """Keeps groups at their desired capacity, healthy and balanced.

    Args:
        registry: the groups. It calls `reconcile` when a group wakes.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.targets = GroupTargets(registry)
        self.hooks = HookWaits(registry)
        self.launches = Launches(registry, self.targets, self.hooks)
        self.departures = Departures(registry, self.targets, self.hooks)
        self.health = HealthChecks(registry, self.targets)
        self.warm_pools = WarmPools(registry, self.launches)
        registry.reconcile = self.reconcile
        self.hooks.finished = self._hooks_finished
        self.launches.failed = self._launch_failed
        self.launches.arrived = self._arrived
        self.departures.left = registry.wake
        registry.context.ec2.on_change(self._instance_changed)
        registry.context.elb.on_change(self._target_changed)

    def reconcile(self, group: Group) -> None:
        """Reconcile a group once: finish a deletion, replace unhealthy members, launch, scale in, balance zones."""
        if group.deleting:
            if not group.members and not group.pool:
                del self._registry.groups[group.name]
            return
        self.health.check(group)
        for member in self.health.to_replace(group):
            now = at(self._registry.context.now())
            cause = f"At {now} an instance was taken out of service in response to {member.unhealthy_because}."
            self.departures.begin(group, member, Departure.TERMINATE, cause)
        self._fill(group)
        self._replace_at_risk(group)
        self._scale_in(group)
        self._balance(group)
        self._fill_warm_pool(group)
        if group.imbalanced_since is not None:
            self._registry.wake(group, self._registry.options.group_check_seconds)

    def _fill(self, group: Group) -> None:
        missing = group.desired - len(group.counted)
        if missing <= 0:
            if missing == 0:
                group.desired_changed_because = ""
            return
        if not group.runs(Process.LAUNCH):
            return
        if group.backoff is not None and (seconds := self._registry.seconds_until(group.backoff.until)) > 0:
            self._registry.wake(group, seconds)
            return
        for _ in range(missing):
            if not self._launch_one(group):
                return

    def _replace_at_risk(self, group: Group) -> None:
        """Launch a replacement for each member at risk of an interruption (capacity rebalancing)."""
        if not (group.setting("CapacityRebalance", default=False) and group.runs(Process.LAUNCH)):
            return
        for member in group.counted:
            instance = self._registry.instance(member)
            is_new_risk = instance is not None and instance.at_risk and not member.at_risk
            if is_new_risk and member.state is Lifecycle.IN_SERVICE:
                now = at(self._registry.context.now())
                cause = f"At {now} an instance was launched in response to an EC2 instance rebalance recommendation."
                member.at_risk = self._launch_one(group, surplus_because=cause)

    def _launch_one(self, group: Group, *, surplus_because: str = "") -> bool:
        """Launch into the zone with the fewest members. If EC2 refuses, wait and return False."""
        balancing = bool(surplus_because)
        avoid = group.backoff.zones if group.backoff is not None and not balancing else frozenset()
        subnet_id = placement.choose_launch_subnet(group, avoid=avoid)
        count = len(group.counted)
        now = at(self._registry.context.now())
        cause = surplus_because or f"{group.desired_changed_because}  {difference(now, count, count + 1)}".strip()
        if not balancing and self.warm_pools.take(group, group.subnets[subnet_id], cause):
            return True
        try:
            self.launches.launch(group, LaunchRequest(subnet_id=subnet_id, cause=cause, balancing=balancing))
        except ApiError:
            self._back_off(group, group.subnets[subnet_id])
            return False
        return True

    def _fill_warm_pool(self, group: Group) -> None:
        if group.backoff is not None and group.backoff.until > self._registry.context.now():
            return
        try:
            self.warm_pools.fill(group)
        except ApiError:
            self._registry.wake(group, self._registry.options.launch_retry_seconds)

    def _back_off(self, group: Group, zone: str) -> None:
        options = self._registry.options
        before = group.backoff
        delay = options.launch_retry_seconds
        if before is not None:
            delay = min(before.delay_seconds * 2, options.launch_retry_max_seconds)
        zones = frozenset({zone}) | (before.zones if before is not None else frozenset())
        until = self._registry.context.now() + self._registry.context.scaled(delay)
        group.backoff = LaunchBackoff(
            until=until, delay_seconds=delay, zones=frozenset() if zones >= set(group.zones) else zones
        )
        self._registry.wake(group, delay)

    def _scale_in(self, group: Group) -> None:
        if not group.runs(Process.TERMINATE):
            return
        template = group.effective_template
        try:
            newest = self._registry.catalog.resolve(template).version if template is not None else None
        except ApiError:
            newest = None
        while len(group.counted) > group.desired:
            at_risk = [one for one in group.counted if one.at_risk and one.state is Lifecycle.IN_SERVICE]
            victim = next(iter(at_risk), None) or placement.choose_victim(group, newest_template_version=newest)
            if victim is None:
                return
            count, now = len(group.counted), at(self._registry.context.now())
            cause = (
                f"{group.desired_changed_because}  At {now} an instance was taken out of service in response to a "
                f"difference between desired and actual capacity, shrinking the capacity from {count} to {count - 1}."
            ).strip()
            self.departures.begin(group, victim, Departure.TERMINATE, cause)

    def _balance(self, group: Group) -> None:
        """Balance zones (AZRebalance): launch into the emptiest zone; scale-in then removes the surplus."""
        busy = group.backoff is not None and group.backoff.until > self._registry.context.now()
        busy = busy or any(member.state in LAUNCHING | TERMINATING for member in group.members.values())
        unbalanced = self._imbalance(group)
        if busy or not unbalanced or len(group.counted) < group.desired:
            group.imbalanced_since = None
            return
        if group.imbalanced_since is None:
            group.imbalanced_since = self._registry.context.now()
            return
        ceiling = group.max_size + max(1, group.max_size // 10)
        if len(group.counted) < ceiling:
            group.imbalanced_since = None
            now, zones = at(self._registry.context.now()), ", ".join(group.zones)
            cause = f"At {now} an instance was launched to balance instances in zones {zones} of the group."
            self._launch_one(group, surplus_because=cause)

    @staticmethod
    def _imbalance(group: Group) -> bool:
        if not (group.runs(Process.AZ_REBALANCE) and group.runs(Process.LAUNCH)):
            return False
        zones = placement.imbalance(group)
        if zones is None:
            return False
        return any(member.zone == zones[0] and not member.protected for member in group.counted)

    # --- events ---

    def _hooks_finished(self, group: Group, member: Member) -> None:
        if member.departure is Departure.TERMINATE:
            self.departures.proceed(group, member)
        elif not member.abandoned:
            self.launches.proceed(group, member)
        else:
            message = (
                "Instance failed to complete user's Lifecycle Action: the action was abandoned: "
                "Lifecycle Action Completed with ABANDON Result"
            )
            self._registry.log.close(member.activity, "Cancelled", message=message)
            self._launch_failed(group, member)

    def _launch_failed(self, group: Group, member: Member) -> None:
        self._back_off(group, member.zone)
        if member.instance_id in group.members:
            now = at(self._registry.context.now())
            cause = f"At {now} an instance was taken out of service because its launch failed."
            self.departures.begin(group, member, Departure.TERMINATE, cause)

    def _arrived(self, group: Group, member: Member) -> None:
        group.backoff = None
        group.suspects.add(member.instance_id)
        self._registry.wake(group)

    def _instance_changed(self, instance: SimInstance) -> None:
        for group in tuple(self._registry.groups.values()):
            if (warm := group.pool.get(instance.instance_id)) is not None:
                self.warm_pools.instance_changed(group, warm, instance)
                return
        owner = self._registry.owner(instance.instance_id)
        if owner is None:
            return
        group, member = owner
        if member.state in LAUNCHING:
            self.launches.progress(group, member)
        elif member.departure is not None:
            self.departures.progress(group, member)
        elif member.state is Lifecycle.IN_SERVICE and (
            instance.state != "running"
            or instance.at_risk
            or instance.impaired is not None
            or member.impaired_since is not None
        ):
            group.suspects.add(member.instance_id)
            self._registry.wake(group)

    def _target_changed(self, arn: str, target: SimTarget) -> None:
        for group in self._registry.attached_to(arn):
            member = group.members.get(target.instance_id)
            if member is None:
                continue
            if member.departure is not None:
                self.departures.progress(group, member)
            if self.targets.settle(group, arn, target):
                self.health.suspect_all(group)
            group.suspects.add(member.instance_id)
            if group.checks_load_balancer and target.state != "initial":
                self._registry.wake(group, self._registry.options.group_check_seconds)
