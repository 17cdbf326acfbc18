"""The true state of the fake AWS at one instant, as the invariants need it. The checks are in `safety`.

An event changes few instances. So the facts of the others are kept: `Truth.renew` reads only the instances that the
world has noted as touched, and the cost of an event does not grow with the fleet.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from awsroll.core.model.observation import InstanceState, Lifecycle, TargetKey, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import KEEP_UNTIL_TAG
from awsroll.testing.commands import Commands
from awsroll.testing.group import FakeGroup
from awsroll.testing.instances import FakeInstance, Instances
from awsroll.testing.outside_changes import Somebody
from awsroll.testing.targets import Targets
from awsroll.testing.world import World

LEFT = (Lifecycle.TERMINATING, Lifecycle.TERMINATED, Lifecycle.DETACHING)
_NOWHERE: frozenset[TargetKey] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The true state of one instance.

    Attributes:
        serving: AWS reports it healthy in every target group where it should be registered.
        serves_on: where it takes requests, also if it does not serve everywhere.
        is_ill: a target group or its group reports it unhealthy.
        live: it is of the fleet, pending or running, and neither draining nor being terminated.
        running: it is of the fleet, pending or running; it may drain, or its group may be terminating it.
        counted: it counts towards the desired capacity of its group.
        ended: it is terminated and was of the fleet.
        held: targets that may still receive or hold a request of it, draining included.
        draining: targets that are draining.
        lifecycle: its state in the group; None for an instance that is no member.
    """

    serving: bool = False
    serves_on: frozenset[TargetKey] = _NOWHERE
    is_ill: bool = False
    live: bool = False
    running: bool = False
    counted: bool = False
    ended: bool = False
    held: frozenset[TargetKey] = _NOWHERE
    draining: frozenset[TargetKey] = _NOWHERE
    lifecycle: Lifecycle | None = None


_NONE = Fact()


@dataclass(slots=True, kw_only=True)
class Facts:
    """The true state of the fleet.

    Attributes:
        by_id: the state of each instance.
        serving: the instances that serve.
        on: how many instances take requests on each registration target.
        live: the instances that are live.
        running: the instances that run.
        ended: the instances of the fleet that are terminated.
        counted: how many members count towards the desired capacity of the group.
        desired: the desired capacity of the group; 0 for a standalone fleet.
        commands: how many reload commands were started.
    """

    by_id: dict[str, Fact]
    serving: set[str]
    on: Counter[TargetKey]
    live: set[str]
    running: set[str]
    ended: set[str]
    counted: int
    desired: int
    commands: int

    @property
    def owed(self) -> int:
        """How many more instances the group is about to launch."""
        return max(0, self.desired - self.counted)

    def put(self, name: str, fact: Fact) -> None:
        """Set the state of one instance."""
        before = self.by_id.get(name, _NONE)
        self.counted += fact.counted - before.counted
        if fact.serves_on != before.serves_on:
            self.on.update(fact.serves_on - before.serves_on)
            self.on.subtract(before.serves_on - fact.serves_on)
        self.by_id[name] = fact
        sets = (self.serving, self.live, self.running, self.ended)
        for names, holds in zip(sets, (fact.serving, fact.live, fact.running, fact.ended), strict=True):
            (names.add if holds else names.discard)(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one event or action has changed.

    Attributes:
        before: the earlier state of each touched instance.
        after: the state of each touched instance now.
        commands: the instances on which a reload command was started.
        serving_before: how many instances served before.
        live_before: how many instances were live before.
        running_before: how many instances ran before.
        owed_before: how many instances the group was about to launch before.
    """

    before: dict[str, Fact]
    after: dict[str, Fact]
    commands: tuple[str, ...]
    serving_before: int
    live_before: int
    running_before: int
    owed_before: int

    @property
    def taken(self) -> frozenset[str]:
        """The instances that serve no longer."""
        return frozenset(name for name, fact in self.after.items() if self.before[name].serving and not fact.serving)

    @property
    def died(self) -> frozenset[str]:
        """The instances that run no longer."""
        return frozenset(name for name, fact in self.after.items() if self.before[name].running and not fact.running)

    @property
    def launched(self) -> frozenset[str]:
        """The instances that run now and did not before."""
        return frozenset(name for name, fact in self.after.items() if fact.running and not self.before[name].running)

    @property
    def deregistered(self) -> frozenset[str]:
        """The instances that drain on a target where they did not drain before."""
        return frozenset(name for name, fact in self.after.items() if fact.draining - self.before[name].draining)

    @property
    def moves_members(self) -> bool:
        """Whether a lifecycle state of the group has changed."""
        return any(fact.lifecycle is not self.before[name].lifecycle for name, fact in self.after.items())

    def turned(self, lifecycle: Lifecycle) -> frozenset[str]:
        """Return the instances whose lifecycle state has become this one."""
        return frozenset(
            name
            for name, fact in self.after.items()
            if fact.lifecycle is lifecycle and self.before[name].lifecycle is not lifecycle
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Collects facts."""

    world: World
    instances: Instances
    targets: Targets
    commands: Commands
    group: FakeGroup | None
    somebody: Somebody

    def gather(self, rollout: Rollout, *, rolling_back: bool) -> Facts:
        """Return the facts of the true state now."""
        desired = 0 if self.group is None else self.group.settings.desired
        started = len(self.commands.sent)
        facts = Facts(
            by_id={},
            serving=set(),
            on=Counter(),
            live=set(),
            running=set(),
            ended=set(),
            counted=0,
            desired=desired,
            commands=started,
        )
        for instance in self.instances.all():
            facts.put(instance.instance_id, self._fact(instance, rollout, rolling_back=rolling_back))
        return facts

    def renew(self, facts: Facts, rollout: Rollout, *, rolling_back: bool) -> Change:
        """Bring facts up to the true state now, and return what has changed since they were gathered or renewed."""
        names = self.world.take_touched() | self.targets.take_flowing()
        serving, live, running, owed = len(facts.serving), len(facts.live), len(facts.running), facts.owed
        before = {name: facts.by_id.get(name, _NONE) for name in names}
        after = {name: self._fact(self.instances[name], rollout, rolling_back=rolling_back) for name in names}
        for name, fact in after.items():
            facts.put(name, fact)
        started = tuple(name for _, name, _ in islice(self.commands.sent, facts.commands, None))
        facts.commands = len(self.commands.sent)
        facts.desired = 0 if self.group is None else self.group.settings.desired
        return Change(
            before=before,
            after=after,
            commands=started,
            serving_before=serving,
            live_before=live,
            running_before=running,
            owed_before=owed,
        )

    def required(self, instance: FakeInstance, rollout: Rollout, *, rolling_back: bool) -> tuple[TargetKey, ...]:
        """Return the targets where the instance should be registered.

        A group registers its new members in its own target groups only. The others are up to awsroll: for members on
        the new version, and in a rollback for those on the baseline too. Until then, a new member on the baseline (its
        group launches them while a gate is closed) serves as its group made it.
        """
        is_current = rolling_back or instance.application_version == rollout.to_version
        extra = rollout.extra_targets if instance.is_new and is_current else ()
        return tuple(dict.fromkeys((*instance.keys, *extra))) if extra else instance.keys

    def is_of_fleet(self, instance: FakeInstance) -> bool:
        """Return whether the instance belongs to the fleet."""
        if self.group is not None:
            return instance.instance_id in self.group.members
        if instance.foreign or instance.instance_id in self.somebody.deregistered:
            return False
        return bool(instance.keys) and not self.is_left_alone(instance) and not self.is_kept_failed(instance)

    def is_left_alone(self, instance: FakeInstance) -> bool:
        """Return whether someone has protected a drained standalone server from termination."""
        return self.group is None and instance.protected and not self.targets.of(instance.instance_id)

    def is_kept_failed(self, instance: FakeInstance) -> bool:
        """Return whether a failed server is out of the fleet, and kept for inspection."""
        is_member = self.group is not None and instance.instance_id in self.group.members
        entries = self.targets.of(instance.instance_id)
        is_out = not is_member and all(entry.state is TargetState.DRAINING for entry in entries)
        return KEEP_UNTIL_TAG in instance.tags and is_out

    def _fact(self, instance: FakeInstance, rollout: Rollout, *, rolling_back: bool) -> Fact:
        member = None if self.group is None else self.group.members.get(instance.instance_id)
        lifecycle = None if member is None else member.lifecycle
        counted = member is not None and member.counted
        if instance.state is InstanceState.TERMINATED:
            ended = bool(instance.keys) and instance.instance_id not in self.somebody.deregistered
            return Fact(lifecycle=lifecycle, counted=counted, ended=ended)
        of_fleet = self.is_of_fleet(instance)
        entries = self.targets.of(instance.instance_id)
        required = self.required(instance, rollout, rolling_back=rolling_back)
        able = of_fleet and self._is_able(instance, lifecycle)
        healthy = frozenset(entry.key for entry in entries if entry.state is TargetState.HEALTHY)
        marked = member is not None and member.marked_unhealthy
        return Fact(
            serving=able and healthy.issuperset(required),
            serves_on=healthy if able else _NOWHERE,
            is_ill=marked or any(entry.state is TargetState.UNHEALTHY for entry in entries),
            live=of_fleet and self._is_live(instance, lifecycle, rollout),
            running=instance.live and (of_fleet or self.is_kept_failed(instance)),
            counted=counted,
            held=frozenset(entry.key for entry in entries if self.targets.may_hold_request(entry))
            | self.targets.new_flows_to(instance.instance_id),
            draining=frozenset(entry.key for entry in entries if entry.state is TargetState.DRAINING),
            lifecycle=lifecycle,
        )

    def _is_live(self, instance: FakeInstance, lifecycle: Lifecycle | None, rollout: Rollout) -> bool:
        if not instance.live:
            return False
        if self.group is not None:
            return lifecycle not in LEFT
        return rollout.keep_old or rollout.reloads or not self.targets.is_taken_out(instance.instance_id)

    def _is_able(self, instance: FakeInstance, lifecycle: Lifecycle | None) -> bool:
        """Return whether a load balancer may count on the instance: it runs, and its group has it in service."""
        in_service = self.group is None or lifecycle is Lifecycle.IN_SERVICE
        return in_service and instance.state is InstanceState.RUNNING
