"""The true state of the fake AWS at one instant, as the invariants need it. The checks are in `safety`."""

from collections.abc import Iterable
from dataclasses import dataclass

from awsroll.core.model.observation import InstanceState, Lifecycle, TargetKey, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.testing.commands import Commands
from awsroll.testing.group import FakeGroup
from awsroll.testing.instances import FakeInstance, Instances
from awsroll.testing.outside_changes import Somebody
from awsroll.testing.targets import Targets

LEFT = (Lifecycle.TERMINATING, Lifecycle.TERMINATED)
_NOWHERE: frozenset[TargetKey] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The true state at one instant.

    Attributes:
        serving: instances that AWS reports healthy in every target group where they should be registered.
        live: instances of the fleet that are pending or running, and neither draining nor being terminated.
        running: instances of the fleet that are pending or running, draining and terminating ones included.
        owed: how many more instances the group is about to launch.
        held: targets of each instance that may still receive or hold a request, draining included.
        draining: targets of each instance that are draining.
        commands: reload commands that were started: instance id and attempt.
    """

    serving: frozenset[str]
    live: frozenset[str]
    running: frozenset[str]
    owed: int
    held: dict[str, frozenset[TargetKey]]
    draining: dict[str, frozenset[TargetKey]]
    lifecycles: dict[str, Lifecycle]
    commands: frozenset[tuple[str, int]]

    def holds(self, instance_id: str) -> frozenset[TargetKey]:
        """Return the targets where the instance may hold a request."""
        return self.held.get(instance_id, _NOWHERE)

    def drains(self, instance_id: str) -> frozenset[TargetKey]:
        """Return the targets where the instance is draining."""
        return self.draining.get(instance_id, _NOWHERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Collects facts."""

    instances: Instances
    targets: Targets
    commands: Commands
    group: FakeGroup | None
    somebody: Somebody

    def gather(self, rollout: Rollout) -> Facts:
        """Return the facts of the true state now."""
        members = {} if self.group is None else self.group.members
        alive = [one for one in self.instances.all() if one.state is not InstanceState.TERMINATED]
        return Facts(
            serving=frozenset(one.instance_id for one in alive if self._serves(one, rollout)),
            live=frozenset(one.instance_id for one in alive if self._is_live(one, rollout)),
            running=frozenset(one.instance_id for one in alive if one.live and self.is_of_fleet(one)),
            owed=0 if self.group is None else max(0, self.group.settings.desired - len(self.group.counted())),
            held={one.instance_id: self._held(one) for one in alive},
            draining={one.instance_id: self._draining(one) for one in alive},
            lifecycles={one: member.lifecycle for one, member in members.items()},
            commands=frozenset((one, attempt) for _, one, attempt in self.commands.sent),
        )

    def required(self, instance: FakeInstance, rollout: Rollout) -> tuple[TargetKey, ...]:
        """Return the targets where the instance should be registered."""
        is_current = instance.application_version == rollout.to_version
        extra = rollout.extra_targets if instance.is_new and is_current else ()
        return tuple(dict.fromkeys((*instance.keys, *extra)))

    def is_of_fleet(self, instance: FakeInstance) -> bool:
        """Return whether the instance belongs to the fleet."""
        if self.group is not None:
            return instance.instance_id in self.group.members
        if instance.foreign or instance.instance_id in self.somebody.deregistered:
            return False
        return bool(instance.keys) and not self.is_left_alone(instance)

    def is_left_alone(self, instance: FakeInstance) -> bool:
        """Return whether someone has protected a drained standalone server from termination."""
        return self.group is None and instance.protected and not self.targets.of(instance.instance_id)

    def _is_live(self, instance: FakeInstance, rollout: Rollout) -> bool:
        if not (instance.live and self.is_of_fleet(instance)):
            return False
        if self.group is not None:
            return self.group.members[instance.instance_id].lifecycle not in LEFT
        return rollout.keep_old or rollout.reloads or not self.targets.is_taken_out(instance.instance_id)

    def _serves(self, instance: FakeInstance, rollout: Rollout) -> bool:
        if instance.state is not InstanceState.RUNNING or not self.is_of_fleet(instance):
            return False
        if self.group is not None and self.group.members[instance.instance_id].lifecycle is not Lifecycle.IN_SERVICE:
            return False
        return self._all_healthy(instance.instance_id, self.required(instance, rollout))

    def _all_healthy(self, instance_id: str, keys: Iterable[TargetKey]) -> bool:
        entries = (self.targets.find(instance_id, key) for key in keys)
        return all(entry is not None and entry.state is TargetState.HEALTHY for entry in entries)

    def _held(self, instance: FakeInstance) -> frozenset[TargetKey]:
        listed = self._keys(instance, except_for=(TargetState.UNUSED,))
        return listed | self.targets.new_flows_to(instance.instance_id)

    def _draining(self, instance: FakeInstance) -> frozenset[TargetKey]:
        others = tuple(state for state in TargetState if state is not TargetState.DRAINING)
        return self._keys(instance, except_for=others)

    def _keys(self, instance: FakeInstance, *, except_for: tuple[TargetState, ...]) -> frozenset[TargetKey]:
        entries = self.targets.of(instance.instance_id)
        return frozenset(entry.key for entry in entries if entry.state not in except_for)
