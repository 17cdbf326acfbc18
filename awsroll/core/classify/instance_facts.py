"""What the record and the observation show of each instance, before any policy of the rollout applies.

`InstanceFacts` looks things up: which instances belong to the fleet, live, end, are stopped, in standby or unknown.
`core.classify.view` says what this means to the rollout.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.serving import ALIVE, LEAVING
from awsroll.core.lifecycle import phase_of
from awsroll.core.model.calls import LEAVING_CALLS, CallKind
from awsroll.core.model.observation import (
    FleetKind,
    Instance,
    InstanceState,
    Invocation,
    Lifecycle,
    Observation,
    TargetKey,
    TargetState,
)
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.server_record import Slots
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Rehearsal

LAG_SECONDS = 15  # for how long an observation may still show what was before an answered call
_ENDED = (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED, InstanceState.MISSING)
_STANDBY = (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)


@dataclass(frozen=True)
class InstanceFacts:
    """One observation and the record. Derived values are computed once, when first asked for."""

    original: Rollout
    observation: Observation
    status: Status

    @cached_property
    def rollout(self) -> Rollout:
        """The request as it holds now: in a rollback, the baseline is its target; in a rehearsal, it has one gate."""
        if self.status.rehearsal is Rehearsal.FORTH:
            return self.original.rehearsed()
        return self.original.target(rolling_back=self.status.rolling_back)

    @cached_property
    def by_id(self) -> dict[str, Instance]:
        """Every observed instance, by id."""
        return {instance.instance_id: instance for instance in self.observation.instances}

    @cached_property
    def invocations(self) -> dict[tuple[str, int], Invocation]:
        """The observed reload commands, by instance and attempt."""
        return {(shown.instance_id, shown.attempt): shown for shown in self.observation.invocations}

    @cached_property
    def launched(self) -> frozenset[str]:
        """Ids of the instances that our own launches brought and that do not serve yet."""
        return frozenset(name for launch in self.status.launches for name in launch.instance_ids)

    @cached_property
    def longest_gap(self) -> timedelta:
        """The longest time between two observations that show that a server was healthy in between."""
        intervals = (group.health_interval_seconds for group in self.observation.target_groups)
        return timedelta(seconds=2 * max(intervals, default=30))

    @cached_property
    def since_last(self) -> timedelta | None:
        """The time since the last observation; None if there was none."""
        last = self.status.observed_at
        return None if last is None else self.observation.at - last

    @cached_property
    def announced(self) -> frozenset[tuple[str, CallKind]]:
        """The calls on instances that were announced and whose outcome is not known: instance and kind."""
        return frozenset((call.instance_id, call.kind) for call in self.status.calls)

    @cached_property
    def _called_to_leave(self) -> frozenset[str]:
        return frozenset([call.instance_id for call in self.status.calls if call.kind in LEAVING_CALLS])

    @cached_property
    def shapes(self) -> dict[str, Slots]:
        """Standalone: the instance that holds each slot, and the slots that are like it."""
        return {name: slots for slots in self.status.slots for name in slots.instance_ids}

    @cached_property
    def slots(self) -> dict[str, tuple[TargetKey, ...]]:
        """Standalone: the instance that holds each slot, and the registrations that go with the slot."""
        return {name: slots.targets for name, slots in self.shapes.items()}

    @cached_property
    def passed_hooks(self) -> frozenset[str]:
        """The keys of the hooks that have passed."""
        return frozenset(self.status.hooks.passed)

    @cached_property
    def leaving(self) -> frozenset[str]:
        """Ids of leaving or reloading servers: they count as unavailable, whatever the observation shows."""
        servers = self.status.servers
        return frozenset([name for name, server in servers.items() if server.phase.is_way_out or server.reloading])

    @cached_property
    def _kept(self) -> frozenset[str]:
        return frozenset(self.status.kept)

    @cached_property
    def _deregistered(self) -> frozenset[str]:
        """Ids of standalone servers that leave the fleet and whose deregistration AWS has accepted."""
        if self.rollout.kind is not FleetKind.STANDALONE or self.original.keep_old:
            return frozenset()
        servers = self.status.servers
        return frozenset(name for name in self.status.retiring if servers[name].deregistered_at is not None)

    @cached_property
    def taken_out(self) -> frozenset[str]:
        """Ids of standalone servers that drain or have drained to end: they run, and no longer count as live."""
        observed = self.by_id
        return frozenset(
            [name for name in self._deregistered if name in observed and not active_registrations(observed[name])]
        )

    @cached_property
    def returning(self) -> frozenset[str]:
        """Ids of servers that return to traffic, other than by their reload."""
        return frozenset(self.status.returning)

    @cached_property
    def set_aside(self) -> frozenset[str]:
        """Ids of failed servers that are out of the fleet and kept for inspection."""
        return frozenset(kept.instance_id for kept in self.status.kept_failed)

    @cached_property
    def _current_at_start(self) -> frozenset[str]:
        return frozenset(self.status.current_at_start)

    @cached_property
    def shifted_zones(self) -> frozenset[str]:
        """Zones that a zonal shift keeps requests away from, as far as instances of the fleet show it."""
        return frozenset(
            instance.zone
            for instance in self.observation.instances
            if instance.zone and any(target.shifted for target in instance.targets)
        )

    @cached_property
    def network_groups(self) -> frozenset[str]:
        """The ARNs of the target groups of Network Load Balancers."""
        return frozenset(group.arn for group in self.observation.target_groups if group.is_network)

    @cached_property
    def managed_keys(self) -> frozenset[TargetKey]:
        """Registrations that the group makes and ends by itself."""
        if self.rollout.kind is not FleetKind.AUTO_SCALING:
            return frozenset()
        return frozenset(
            TargetKey(target_group=group.arn, port=group.port)
            for group in self.observation.target_groups
            if group.managed
        )

    # --- what the record holds ----------------------------------------------------------------------------------------

    def is_terminate_announced(self, instance_id: str) -> bool:
        """Return whether a terminate call for the server has been announced."""
        return instance_id in self._called_to_leave

    def was_current_at_start(self, instance_id: str) -> bool:
        """Return whether the server ran the target version when the rollout began."""
        return instance_id in self._current_at_start

    def phase(self, instance: Instance) -> ServerPhase:
        """Return the phase of the instance."""
        return phase_of(self.status, instance.instance_id)

    def has_failed(self, instance: Instance) -> bool:
        """Return whether the instance must leave although it may run the target version."""
        server = self.status.servers.get(instance.instance_id)
        return server is not None and server.failed

    def is_kept(self, instance: Instance) -> bool:
        """Return whether the old instance runs on, out of traffic, in case it is needed again."""
        return instance.instance_id in self._kept

    # --- what AWS shows -----------------------------------------------------------------------------------------------

    def is_member(self, instance: Instance) -> bool:
        """Return whether the instance belongs to the fleet."""
        if self.rollout.kind is FleetKind.AUTO_SCALING:
            return instance.lifecycle is not None
        name = instance.instance_id
        if name in self.status.left_alone or name in self.set_aside:
            return False
        # The tag alone is no proof: a replacement that someone has deregistered no longer belongs to the fleet.
        if name in self.slots or name in self.launched or name in self.leaving or name in self.returning:
            return True
        return self.has_failed(instance) or self.is_kept(instance)

    def is_shown(self, instance_id: str) -> bool:
        """Return whether EC2 knows the instance. It does shortly after the launch."""
        instance = self.by_id.get(instance_id)
        return instance is not None and instance.state is not InstanceState.MISSING

    def is_gone(self, instance: Instance) -> bool:
        """Return whether EC2 has ended the instance.

        An instance that EC2 does not know but a target group calls healthy is not gone.
        """
        if instance.state is InstanceState.RUNNING:
            return False
        if instance.state is InstanceState.MISSING:
            known = any(target.state is TargetState.HEALTHY for target in instance.targets)
            return not known and instance.instance_id not in self.launched
        return instance.state in _ENDED

    def is_ending(self, instance: Instance) -> bool:
        """Return whether the instance is gone or its group is ending it, so that it is no longer live."""
        if instance.lifecycle is None or instance.lifecycle is Lifecycle.IN_SERVICE:
            return instance.state is not InstanceState.RUNNING and self.is_gone(instance)
        return self.is_gone(instance) or instance.lifecycle in LEAVING

    def has_left(self, instance_id: str) -> bool:
        """Return whether the instance is gone from EC2 and, for a group, from the group; or it runs on, out of both."""
        instance = self.by_id.get(instance_id)
        if instance is None or instance.lifecycle is Lifecycle.RETAINED:
            return True
        if instance_id in self.status.left_alone or instance_id in self.set_aside:
            return True
        return self.is_gone(instance) and not self.is_still_listed(instance)

    def is_live(self, instance: Instance) -> bool:
        """Return whether the instance counts as running: pending or running, standby included."""
        if not self.is_member(instance) or self.is_ending(instance):
            return False
        just_launched = instance.state is InstanceState.MISSING
        return instance.state in ALIVE or just_launched or self.is_unknown(instance)

    def is_taken_out(self, instance: Instance) -> bool:
        """Return whether a standalone server drains or has drained to end: it runs, and no longer counts as live."""
        return instance.instance_id in self.taken_out

    def is_unknown(self, instance: Instance) -> bool:
        """Return whether AWS gives a state that awsroll does not know. awsroll does not touch such an instance."""
        return instance.state is InstanceState.UNKNOWN or instance.lifecycle is Lifecycle.UNKNOWN

    def is_stopped(self, instance: Instance) -> bool:
        """Return whether EC2 has stopped the instance, or is stopping it. It can be started again."""
        return instance.state in (InstanceState.STOPPING, InstanceState.STOPPED)

    def is_in_standby(self, instance: Instance) -> bool:
        """Return whether the instance is in standby, or on the way there."""
        return instance.lifecycle in _STANDBY

    def is_still_listed(self, instance: Instance) -> bool:
        """Return whether the group still holds the instance although EC2 has ended or stopped it.

        The group does not replace it while `ReplaceUnhealthy` is suspended. A member that is stopped in standby is left
        to the person who put it there.
        """
        if instance.lifecycle is Lifecycle.IN_SERVICE and self.is_stopped(instance):
            return True
        return instance.lifecycle in (Lifecycle.IN_SERVICE, *_STANDBY) and self.is_gone(instance)

    def deregistration_unconfirmed(self, instance_id: str) -> bool:
        """Return whether an observation that shows the instance registered may be older than our deregistration."""
        return instance_id in self._unconfirmed

    @cached_property
    def _unconfirmed(self) -> frozenset[str]:
        at, lag = self.observation.at, timedelta(seconds=LAG_SECONDS)
        unseen = [
            (name, server.last_deregistration)
            for name, server in self.status.servers.items()
            if server.phase.is_timed and not server.draining_seen
        ]
        return frozenset([name for name, since in unseen if since is not None and at - since < lag])
