"""What each instance of a look means to this rollout: the look, sorted.

`View` is derived anew from rollout, observation and status at every step, and answers the questions that every part of
the planner asks: which instances live, which are outdated or current, which serve, which must be left alone.

In service (stricter than Auto Scaling's word): it runs, its group (if any) says InService, and it is healthy on every
port of every target group that it should be registered in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from awsroll.core.classify.serving import ALIVE, LEAVING, obstacle
from awsroll.core.model.observation import (
    FleetKind,
    Instance,
    InstanceState,
    Lifecycle,
    Observation,
    TargetKey,
    TargetState,
)
from awsroll.core.model.rollout import Rollout, SkipPolicy
from awsroll.core.model.status import Status

LAG_SECONDS = 15  # how long a look may still show what was before an answered call
_GONE = (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED, InstanceState.MISSING)
_AWAY = (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)


@dataclass(frozen=True)
class View:
    """One look, sorted by what it means to the rollout. Derived values are computed once, when first asked for."""

    forward: Rollout
    observation: Observation
    status: Status

    @cached_property
    def rollout(self) -> Rollout:
        """The request as it holds now: once it is being rolled back, the baseline is its goal."""
        return self.forward.facing(backwards=self.status.backwards)

    @cached_property
    def by_id(self) -> dict[str, Instance]:
        """Every instance seen, by id."""
        return {instance.instance_id: instance for instance in self.observation.instances}

    @cached_property
    def launched(self) -> frozenset[str]:
        """Ids that our own launches have produced and that do not serve yet."""
        return frozenset(one for launch in self.status.launches for one in launch.instance_ids)

    @cached_property
    def occupants(self) -> dict[str, tuple[TargetKey, ...]]:
        """Standalone: who holds a place, and the registrations that go with it."""
        return {one: place.targets for place in self.status.slots for one in place.occupants}

    @cached_property
    def chosen(self) -> frozenset[str]:
        """Ids that are on their way out or through a reload: unavailable by our doing, whatever a look shows."""
        return frozenset((*self.status.retiring, *self.status.reloading))

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

    # --- what one instance is ---------------------------------------------------------------------------------------

    def is_member(self, instance: Instance) -> bool:
        """Tell whether the instance is of the fleet."""
        if self.rollout.kind is FleetKind.AUTO_SCALING:
            return instance.lifecycle is not None
        one = instance.instance_id
        if one in self.status.rejected or one in self.status.kept:
            return True
        # Our tag alone does not make it one: somebody may have deregistered a replacement, which is his from then on.
        return one in self.occupants or one in self.launched or one in self.chosen or one in self.status.returning

    def is_shown(self, instance_id: str) -> bool:
        """Tell whether EC2's answers know the instance: they do a moment after its launch."""
        one = self.by_id.get(instance_id)
        return one is not None and one.state is not InstanceState.MISSING

    def is_gone(self, instance: Instance) -> bool:
        """Tell whether EC2 has ended it. One that EC2 does not know but a target group calls healthy is not gone."""
        if instance.state is InstanceState.MISSING:
            known = any(target.state is TargetState.HEALTHY for target in instance.targets)
            return not known and instance.instance_id not in self.launched
        return instance.state in _GONE

    def is_leaving(self, instance: Instance) -> bool:
        """Tell whether it is gone or its group is ending it: no longer live."""
        return self.is_gone(instance) or instance.lifecycle in LEAVING

    def is_live(self, instance: Instance) -> bool:
        """Tell whether it counts as an instance that runs: pending or running, standby included."""
        if not self.is_member(instance) or self.is_leaving(instance):
            return False
        just_launched = instance.state is InstanceState.MISSING
        return instance.state in ALIVE or just_launched or self.is_strange(instance)

    def is_strange(self, instance: Instance) -> bool:
        """Tell whether AWS says something of it that we do not know: then it is not ours to touch."""
        return instance.state is InstanceState.UNKNOWN or instance.lifecycle is Lifecycle.UNKNOWN

    def is_away(self, instance: Instance) -> bool:
        """Tell whether it is in standby, or on the way there."""
        return instance.lifecycle in _AWAY

    def is_ghost(self, instance: Instance) -> bool:
        """Tell whether its group still holds it although EC2 has ended it (the group may not replace it meanwhile)."""
        return instance.lifecycle in (Lifecycle.IN_SERVICE, *_AWAY) and self.is_gone(instance)

    def is_current(self, instance: Instance) -> bool:
        """Tell whether it may stay: it is on the goal version and has not failed.

        On the way back everything may stay that is not on the version that failed, and what was on it before.
        """
        name = instance.instance_id
        if name in self.status.rejected:
            return False
        if not self.rollout.reloads and instance.template is None and name in self.launched:
            return True  # tags follow a launch a moment later
        if self.status.backwards:
            return name in self.status.found or not self.forward.is_current(instance)
        return self.rollout.is_current(instance)

    def is_kept(self, instance: Instance) -> bool:
        """Tell whether it is an old one that runs on, out of traffic, in case it is needed again."""
        return instance.instance_id in self.status.kept

    def is_skipped(self, instance: Instance) -> bool:
        """Tell whether the request's policies keep it out of the rollout (for now)."""
        if instance.instance_id in self.chosen or self.is_kept(instance) or self.is_current(instance):
            return False
        kept = instance.protected and self.rollout.protected is not SkipPolicy.REPLACE
        return kept or (self.is_away(instance) and self.rollout.standby is not SkipPolicy.REPLACE)

    def required(self, instance: Instance) -> tuple[TargetKey, ...]:
        """Return where the instance should be registered."""
        one = instance.instance_id
        if self.rollout.kind is FleetKind.AUTO_SCALING:
            ours = self.is_current(instance) or one in self.status.flights or self.forward.is_current(instance)
            return (*sorted(self.managed_keys), *(self.rollout.extra_targets if ours else ()))
        if one in self.occupants:
            return self.occupants[one]
        return next((launch.targets for launch in self.status.launches if one in launch.instance_ids), ())

    def deregistration_unconfirmed(self, instance_id: str) -> bool:
        """Tell whether a look that shows it registered may be older than our deregistration of it."""
        flight = self.status.flights.get(instance_id)
        if flight is None or flight.deregistered_at is None or flight.draining_seen:
            return False
        return self.observation.at - flight.deregistered_at < timedelta(seconds=LAG_SECONDS)

    def is_in_service(self, instance: Instance) -> bool:
        """Tell whether it can take requests on every port of every target group that it should be in."""
        if self.deregistration_unconfirmed(instance.instance_id):
            return False
        in_group = self.rollout.kind is FleetKind.AUTO_SCALING
        # The mark never goes away by itself, and no action clears it yet: a rollout that counted it could not end.
        return obstacle(instance, self.required(instance), in_group=in_group, ignore_mark=True) is None

    def is_serving(self, instance: Instance) -> bool:
        """Tell whether it counts as capacity: in service, not chosen to go, and verified if it is on the goal."""
        out = instance.instance_id in self.chosen or self.is_kept(instance)
        if out or self.is_leaving(instance) or not self.is_in_service(instance):
            return False
        return not self.is_current(instance) or instance.instance_id in self.status.serving

    # --- sets of instances ------------------------------------------------------------------------------------------

    def _where(self, *, current: bool) -> Iterator[Instance]:
        return (one for one in self.live if self.is_current(one) is current)

    @cached_property
    def live(self) -> tuple[Instance, ...]:
        """Instances of the fleet that count as running."""
        return tuple(one for one in self.observation.instances if self.is_live(one))

    @cached_property
    def current(self) -> tuple[Instance, ...]:
        """Live instances on the goal version."""
        return tuple(self._where(current=True))

    @cached_property
    def outdated(self) -> tuple[Instance, ...]:
        """Live instances that shall not stay as they are; those that are kept for a way back are not among them."""
        return tuple(one for one in self._where(current=False) if not self.is_kept(one))

    @cached_property
    def skipped(self) -> tuple[Instance, ...]:
        """Outdated instances that the policies keep out of the rollout."""
        return tuple(one for one in self.outdated if self.is_skipped(one))

    @cached_property
    def serving(self) -> tuple[Instance, ...]:
        """Instances that count as capacity."""
        return tuple(one for one in self.live if self.is_serving(one))

    @cached_property
    def candidates(self) -> tuple[Instance, ...]:
        """Instances that are to go (or to be reloaded) and have not been chosen yet; some may have to wait."""
        return tuple(one for one in self.observation.instances if self._is_candidate(one))

    def _is_candidate(self, instance: Instance) -> bool:
        name = instance.instance_id
        held = name in self.chosen or name in self.status.kept or name in self.status.returning
        if not self.is_member(instance) or self.is_strange(instance) or held:
            return False
        if self.is_ghost(instance):
            return True
        if self.is_leaving(instance) or self.is_current(instance) or self.is_skipped(instance):
            return False
        # Pending members are the group's own business until they are in service, or have failed.
        settled = instance.lifecycle is not Lifecycle.PENDING and name not in self.launched
        return settled or name in self.status.rejected
