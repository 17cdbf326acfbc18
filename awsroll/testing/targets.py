"""The load balancer of the fake AWS: registrations of instances in target groups, and their states.

A target goes initial -> healthy or unhealthy by the target group's interval and thresholds, and draining -> gone after
the deregistration delay that was set when it was deregistered. A Network Load Balancer sends new flows to a target for
two minutes after its deregistration. Single health checks are not simulated: when an
application changes, the instant at which the load balancer notices is computed.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from awsroll.core.classify.draining import NEW_FLOWS_SECONDS
from awsroll.core.classify.target_group_settings import with_health_checks
from awsroll.core.model.observation import InstanceState, Target, TargetGroup, TargetKey, TargetState
from awsroll.testing.instances import CallError, FakeInstance, Instances
from awsroll.testing.world import Event, World

if TYPE_CHECKING:
    from collections.abc import Callable

_REASONS = {
    TargetState.INITIAL: "Elb.InitialHealthChecking",
    TargetState.UNHEALTHY: "Target.FailedHealthChecks",
    TargetState.UNUSED: "Target.InvalidState",
    TargetState.DRAINING: "Target.DeregistrationInProgress",
}


@dataclass(slots=True, kw_only=True)
class Registration:
    """One instance on one port of one target group, until it is drained."""

    instance_id: str
    key: TargetKey
    state: TargetState = TargetState.INITIAL
    pending: Event | None = None
    draining_since: datetime | None = None
    shown: Target | None = None

    def to_target(self, *, shifted: bool) -> Target:
        """Return the registration as an observation shows it: the same value until it changes."""
        if self.shown is None or self.shown.state is not self.state or self.shown.shifted is not shifted:
            reason = _REASONS.get(self.state, "")
            self.shown = Target(key=self.key, state=self.state, reason=reason, shifted=shifted)
        return self.shown


class Targets:
    """All target groups, with all registrations."""

    def __init__(self, world: World, instances: Instances, target_groups: tuple[TargetGroup, ...]) -> None:
        self._world = world
        self._instances = instances
        self.groups = {group.arn: group for group in target_groups}
        self._registrations: dict[str, dict[TargetKey, Registration]] = {}
        self._flows_until: dict[str, dict[TargetKey, datetime]] = {}
        self.shifted_zones: set[str] = set()
        """Zones that a zonal shift keeps requests away from; the health of their targets does not change."""
        self.connection_seconds: float | None = None
        """For how long a connection to a draining target stays open; None: for the whole drain."""
        self.listeners: list[Callable[[FakeInstance], None]] = []
        instances.listeners.append(self._instance_changed)

    def of(self, instance_id: str) -> tuple[Registration, ...]:
        """Return the registrations of one instance, draining targets included."""
        return tuple(self._registrations.get(instance_id, {}).values())

    def is_taken_out(self, instance_id: str) -> bool:
        """Return whether an instance was registered once and is no longer: it drains everywhere, or has drained."""
        entries = self._registrations.get(instance_id)
        return entries is not None and all(entry.state is TargetState.DRAINING for entry in entries.values())

    def may_hold_request(self, entry: Registration) -> bool:
        """Return whether a registration may receive a request, or hold a connection."""
        if entry.state is TargetState.UNUSED:
            return False
        if entry.draining_since is None or self.connection_seconds is None:
            return True
        return self._world.now < entry.draining_since + timedelta(seconds=self.connection_seconds)

    def new_flows_to(self, instance_id: str) -> frozenset[TargetKey]:
        """Return where a deregistered instance can still get new flows from a Network Load Balancer."""
        flows = self._flows_until.get(instance_id, {})
        return frozenset(key for key, until in flows.items() if self._world.now < until)

    def take_flowing(self) -> set[str]:
        """Return the deregistered instances that new flows can reach, or could until now; forget the latter."""
        flowing = set(self._flows_until)
        ended = [name for name, flows in self._flows_until.items() if self._world.now >= max(flows.values())]
        for name in ended:
            del self._flows_until[name]
        return flowing

    def find(self, instance_id: str, key: TargetKey) -> Registration | None:
        """Return one registration; None: the instance is not registered there."""
        return self._registrations.get(instance_id, {}).get(key)

    def shown(self, instance: FakeInstance) -> tuple[Target, ...]:
        """Return the registrations of an instance as an observation shows them, sorted by key."""
        shifted = instance.zone in self.shifted_zones
        entries = self._registrations.get(instance.instance_id, {})
        keys = sorted(entries) if len(entries) > 1 else entries
        return tuple(entries[key].to_target(shifted=shifted) for key in keys)

    def registered_ids(self) -> frozenset[str]:
        """Return the ids of all instances that any target group lists."""
        return frozenset(one for one, entries in self._registrations.items() if entries)

    def place(self, instance_id: str, key: TargetKey) -> None:
        """Add a registration that has long been healthy."""
        entry = Registration(instance_id=instance_id, key=key, state=TargetState.HEALTHY)
        self._registrations.setdefault(instance_id, {})[key] = entry
        self._world.touch(instance_id)
        self._plan(entry)

    def register(self, instance_id: str, key: TargetKey) -> None:
        """Register an instance, also while it drains; do nothing if it is registered.

        Raises:
            CallError: if the instance is not running (InvalidTarget).
        """
        instance = self._instances.find(instance_id)
        if instance is None or instance.state is not InstanceState.RUNNING:
            message = f"The following targets are not in a running state: '{instance_id}'"
            raise CallError(message, code="InvalidTarget")
        entry = self.find(instance_id, key)
        if entry is not None and entry.state is not TargetState.DRAINING:
            return
        if entry is not None:
            self._cancel(entry)
        self._world.record("target.registered", instance_id, key)
        fresh = Registration(instance_id=instance_id, key=key)
        self._registrations.setdefault(instance_id, {})[key] = fresh
        self._plan(fresh)

    def deregister(self, instance_id: str, key: TargetKey) -> None:
        """Deregister an instance, which drains for the current delay; do nothing if it is not registered."""
        entry = self.find(instance_id, key)
        if entry is None or entry.state is TargetState.DRAINING:
            return
        self._cancel(entry)
        self._world.record("target.deregistered", instance_id, key)
        if entry.state is TargetState.UNUSED:
            self._forget(entry)
            return
        entry.state, entry.draining_since = TargetState.DRAINING, self._world.now
        if self.groups[key.target_group].is_network:
            until = self._world.now + timedelta(seconds=NEW_FLOWS_SECONDS)
            self._flows_until.setdefault(instance_id, {})[key] = until
        delay = self.groups[key.target_group].deregistration_delay_seconds
        entry.pending = self._world.after(delay, lambda: self._drained(entry))
        self._tell(entry)

    def set_delay(self, arn: str, seconds: float) -> None:
        """Set a deregistration delay; targets that are already draining keep theirs."""
        self.groups[arn] = replace(self.groups[arn], deregistration_delay_seconds=seconds)
        self._world.record("target-group.delay-set", detail=f"{arn} {seconds:g}")

    def set_health_checks(self, arn: str, interval: float | None, threshold: int | None) -> None:
        """Set the health checks of a target group; None: unchanged. Checks that are due come when they were due."""
        self.groups[arn] = with_health_checks(self.groups[arn], interval, threshold)
        self._world.record("target-group.health-checks-set", detail=f"{arn} {interval} {threshold}")

    def _drained(self, entry: Registration) -> None:
        self._world.record("target.drained", entry.instance_id, entry.key)
        self._forget(entry)

    def _forget(self, entry: Registration) -> None:
        self._registrations[entry.instance_id].pop(entry.key, None)
        self._tell(entry)

    def _instance_changed(self, instance: FakeInstance) -> None:
        for entry in self.of(instance.instance_id):
            if instance.state is InstanceState.TERMINATED and entry.state is not TargetState.UNUSED:
                self._cancel(entry)
                entry.state = TargetState.UNUSED
                linger = self._world.physics.dead_target_lingers
                entry.pending = self._world.after(linger, lambda entry=entry: self._forget(entry))  # type: ignore[misc]
                self._tell(entry)
            else:
                self._plan(entry)

    def _plan(self, entry: Registration) -> None:
        """Schedule the instant when the health checks notice the current state of the application."""
        if entry.state in (TargetState.DRAINING, TargetState.UNUSED):
            return
        self._cancel(entry)
        group = self.groups[entry.key.target_group]
        well = self._instances.well(self._instances[entry.instance_id])
        goal = TargetState.HEALTHY if well else TargetState.UNHEALTHY
        if entry.state is goal:
            return
        checks = group.unhealthy_threshold
        if well:  # the first success after registering is enough; after a failure the whole threshold applies
            checks = 1 if entry.state is TargetState.INITIAL else group.healthy_threshold
        seconds = checks * group.health_interval_seconds
        entry.pending = self._world.after(seconds, lambda: self._turn(entry, goal))

    def _turn(self, entry: Registration, state: TargetState) -> None:
        entry.pending = None
        entry.state = state
        self._world.record(f"target.{state}", entry.instance_id, entry.key)
        self._tell(entry)

    def _cancel(self, entry: Registration) -> None:
        if entry.pending is not None:
            entry.pending.cancel()
            entry.pending = None

    def _tell(self, entry: Registration) -> None:
        self._world.touch(entry.instance_id)
        for listener in self.listeners:
            listener(self._instances[entry.instance_id])
