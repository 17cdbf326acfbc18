"""The targets of the simulated load balancers: registrations and listeners.

`target_life.py` moves a single target, `target_group.py` reads the settings, and `api.py` is the API. Target groups of
instances and of addresses are simulated; moto keeps those of functions and of load balancers. A target of type ip
follows the instance that has its address. When that instance ends, the target stays registered and fails its checks.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from ipaddress import ip_address
from typing import NoReturn

from awsroll.sandbox.api_errors import ApiError, refuse
from awsroll.sandbox.elb.target_group import TargetGroupSettings, link_load_balancers, settings_of
from awsroll.sandbox.elb.target_life import TargetLife
from awsroll.sandbox.instance import SimInstance
from awsroll.sandbox.interfaces import InstanceContext
from awsroll.sandbox.target import SimTarget

REMEMBERED_SECONDS = 600.0
"""How long a target that ended while it was registered is shown as draining, if it is asked for by id and port."""


def refuse_unknown_target(instance_id: str) -> NoReturn:
    """Refuse a target that EC2 does not know."""
    refuse("InvalidTarget", f"The following targets do not exist: '{instance_id}'")


def _check_address(address: str) -> None:
    """Refuse a target that is not an address.

    Raises:
        ApiError: `ValidationError`.
    """
    try:
        ip_address(address)
    except ValueError:
        refuse("ValidationError", f"The IP address '{address}' is not a valid IPv4 or IPv6 address")


class ElbWorld:
    """All targets by target group, in order of registration.

    Args:
        context: the time, the switches and the instances.
    """

    def __init__(self, context: InstanceContext) -> None:
        self._context = context
        self._groups: dict[str, dict[tuple[str, int], TargetLife]] = {}
        self._settings: dict[str, TargetGroupSettings] = {}
        self._listeners: list[Callable[[str, SimTarget], None]] = []
        self._flows_until: dict[str, datetime] = {}
        self._settings_listeners: list[Callable[[], None]] = []
        self._ended: dict[tuple[str, str, int], datetime] = {}
        self._shifted: set[tuple[str, str]] = set()
        context.ec2.on_change(self._instance_changed)

    # --- queries ---

    def target_group(self, target_group_arn: str) -> TargetGroupSettings:
        """Return the current settings of a target group.

        Raises:
            ApiError: `TargetGroupNotFound`.
        """
        if target_group_arn not in self._settings:
            self._settings[target_group_arn] = settings_of(self._context, target_group_arn)
        return self._settings[target_group_arn]

    def zones(self, target_group_arn: str) -> frozenset[str]:
        """Return the zones of the load balancer that uses the target group; empty if none does."""
        return self.target_group(target_group_arn).zones

    def target_groups(self) -> tuple[str, ...]:
        """Return the target groups that have targets."""
        return tuple(arn for arn, targets in self._groups.items() if targets)

    def targets(self, target_group_arn: str) -> tuple[SimTarget, ...]:
        """Return the registered and the draining targets of a target group."""
        return tuple(self._snapshot(target_group_arn, life) for life in self._groups.get(target_group_arn, {}).values())

    def target(self, target_group_arn: str, instance_id: str, port: int | None) -> SimTarget | None:
        """Return one target, or None if it is neither registered nor draining."""
        key = (instance_id, port or self.target_group(target_group_arn).port)
        life = self._groups.get(target_group_arn, {}).get(key)
        return self._snapshot(target_group_arn, life) if life else None

    def gets_new_flows(self, instance_id: str) -> bool:
        """Return whether a Network Load Balancer can send new flows to an instance, also shortly after it has left."""
        registered = any(
            life.is_registered and self.target_group(arn).is_network
            for arn, targets in self._groups.items()
            for life in targets.values()
            if life.instance_id == instance_id
        )
        until = self._flows_until.get(instance_id)
        return registered or (until is not None and self._context.now() < until)

    def is_remembered(self, target_group_arn: str, instance_id: str, port: int | None) -> bool:
        """Return whether a target left the list within ten minutes because its instance was terminated."""
        key = (target_group_arn, instance_id, port or self.target_group(target_group_arn).port)
        left_at = self._ended.get(key)
        return left_at is not None and self._context.now() < left_at + self._context.scaled(REMEMBERED_SECONDS)

    def on_change(self, callback: Callable[[str, SimTarget], None]) -> None:
        """Call `callback(target_group_arn, target)` after each transition; the last state is `gone`."""
        self._listeners.append(callback)

    def on_settings_change(self, callback: Callable[[], None]) -> None:
        """Call `callback()` after each change of the settings of target groups, listeners or load balancers."""
        self._settings_listeners.append(callback)

    # --- changes ---

    def register(self, target_group_arn: str, instance_id: str, port: int | None) -> None:
        """Register an instance, by default on the target group's port. A draining target returns to service.

        Raises:
            ApiError: `InvalidTarget` or `TooManyTargets`; nothing was changed.
        """
        self.check_target(target_group_arn, instance_id)
        targets = self._groups.setdefault(target_group_arn, {})
        key = (instance_id, port or self.target_group(target_group_arn).port)
        if key in targets and targets[key].is_registered:
            return
        if key not in targets:
            if len(targets) >= self._context.options.targets_per_group:
                message = f"The target group has {len(targets)} targets, the maximum"
                refuse("TooManyTargets", message)
            targets[key] = TargetLife(
                self._context,
                partial(self.target_group, target_group_arn),
                partial(self._changed, target_group_arn),
                instance_id=key[0],
                port=key[1],
            )
        targets[key].register()

    def check_target(self, target_group_arn: str, instance_id: str) -> None:
        """Refuse an instance that is unknown, not running, or in another VPC, and an address that is none.

        Raises:
            ApiError: `InvalidTarget`.
        """
        group = self.target_group(target_group_arn)
        if group.by_address:
            _check_address(instance_id)
            return
        instance = self._context.ec2.find(instance_id)
        if instance is None:
            refuse_unknown_target(instance_id)
        if instance.state != "running":
            message = f"The following targets are not in a running state and cannot be registered: '{instance_id}'"
            refuse("InvalidTarget", message)
        if instance.vpc_id != group.vpc_id:
            message = f"The following targets are not in the target group VPC '{group.vpc_id}': '{instance_id}'"
            refuse("InvalidTarget", message)

    def deregister(self, target_group_arn: str, instance_id: str, port: int | None) -> None:
        """Start to drain a target. It has no effect if the id and port are not registered."""
        key = (instance_id, port or self.target_group(target_group_arn).port)
        life = self._groups.get(target_group_arn, {}).get(key)
        if life is not None and life.is_registered:
            life.deregister()
            if self.target_group(target_group_arn).is_network:
                seconds = self._context.options.network_new_flows_seconds
                self._flows_until[instance_id] = self._context.now() + self._context.scaled(seconds)

    def shift(self, zone: str, load_balancer: str = "") -> None:
        """Start a zonal shift: targets in the zone stay healthy and get no requests.

        Args:
            zone: the name of the zone.
            load_balancer: its ARN; empty stands for all load balancers.
        """
        self._set_shifted(self._shifted | {(load_balancer, zone)})

    def end_shift(self, zone: str, load_balancer: str = "") -> None:
        """End the zonal shift of a zone."""
        self._set_shifted(self._shifted - {(load_balancer, zone)})

    def _set_shifted(self, shifted: set[tuple[str, str]]) -> None:
        self._shifted = shifted
        for arn, targets in tuple(self._groups.items()):
            for life in tuple(targets.values()):
                self._notify(arn, life)

    def settings_changed(self) -> None:
        """Check all targets again after a change of a target group, listener or load balancer."""
        self._settings.clear()
        link_load_balancers(self._context)
        for arn in tuple(self._groups):
            try:
                self.target_group(arn)
            except ApiError:
                for life in self._groups.pop(arn).values():  # the target group was deleted with its targets
                    life.stop_waiting()
                continue
            for life in tuple(self._groups[arn].values()):
                life.reconsider()
        for listener in tuple(self._settings_listeners):
            listener()

    # --- notifications ---

    def _instance_changed(self, instance: SimInstance) -> None:
        for targets in tuple(self._groups.values()):
            for life in tuple(targets.values()):
                if life.is_registered and life.follows(instance):
                    life.reconsider()

    def _changed(self, target_group_arn: str, life: TargetLife) -> None:
        if life.state == "gone":
            self._groups.get(target_group_arn, {}).pop((life.instance_id, life.port), None)
            if life.draining_since is None:  # its instance was terminated while it was registered
                self._ended[target_group_arn, life.instance_id, life.port] = self._context.now()
        self._notify(target_group_arn, life)

    def _notify(self, target_group_arn: str, life: TargetLife) -> None:
        snapshot = self._snapshot(target_group_arn, life)
        for listener in tuple(self._listeners):
            listener(target_group_arn, snapshot)

    def _snapshot(self, target_group_arn: str, life: TargetLife) -> SimTarget:
        instance = life.instance() if self._shifted else None
        balancers = ("", *self.target_group(target_group_arn).load_balancers) if instance is not None else ()
        shifted = any((balancer, instance.zone) in self._shifted for balancer in balancers if instance is not None)
        return replace(life.snapshot(), shifted=shifted)
