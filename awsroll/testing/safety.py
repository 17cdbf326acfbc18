"""The invariants of a rollout, checked against the true state of the fake AWS after every event and every action.

The numbers are those of the design: 1 the floor of serving capacity, 2 the ceiling of live instances and the cap on
running instances, 3 no instance leaves while it may hold a request, 4 only instances of the rollout are touched, 5
nothing is touched beyond a checkpoint (`checkpoints`). A rollback has the same floor and ceiling. A violation is
reported only if an action of awsroll makes the state worse. Instances that die or become unhealthy and changes by hand
are not violations; neither is an action whose harm the plan's observation could not show. `endings` checks the fleet
after the end.
"""

from dataclasses import dataclass, field
from datetime import datetime

from awsroll.core.model.observation import InstanceState, Lifecycle, TargetKey
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import SkipPolicy
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.testing.checkpoints import Checkpoints
from awsroll.testing.endings import Ending, Found
from awsroll.testing.facts import Change, Facts, Truth
from awsroll.testing.target_floors import TargetFloors
from awsroll.testing.world import Actor, World

_STANDBY = (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)


class UnsafeError(AssertionError):
    """The rollout broke an invariant. The message contains the history."""


@dataclass(slots=True, kw_only=True)
class Safety:
    """Checks the invariants of one rollout.

    Attributes:
        memory: the saved settings in tags, which must be empty at the end.
        compares: after each event, all facts are gathered again and compared with those that were kept. A test of
            the fake fleet sets it; it makes each event as slow as the fleet is large.
        seen_at: the instant of the state that the last observation showed.
        lowest_serving: the lowest serving capacity since the rollout began, whatever the cause.
        highest_live: the highest number of live instances since then.
        highest_running: the highest number of running instances since then, draining ones included.
    """

    world: World
    truth: Truth
    memory: dict[tuple[str, str], str]
    compares: bool = False
    rollout: Rollout | None = None
    seen_at: datetime | None = None
    lowest_serving: int = 0
    highest_live: int = 0
    highest_running: int = 0
    _rolling_back: bool = False
    _found: Found | None = None
    _facts: Facts | None = None
    _checkpoints: Checkpoints | None = None
    _floors: TargetFloors | None = None
    _lost: dict[str, datetime] = field(default_factory=dict)

    def begin(self, rollout: Rollout) -> None:
        """On the first call for a rollout, store the initial state of the fleet and start checking."""
        if self.rollout is not None and self.rollout.rollout_id == rollout.rollout_id:
            return
        if self.rollout is None:
            self.world.watchers.append(self._watch)
        self.rollout = rollout
        self.seen_at, self._lost, self._rolling_back = None, {}, False
        registered = self.truth.targets.registered_ids()
        desired = sum(
            self.truth.is_of_fleet(self.truth.instances[one]) and self.truth.instances[one].live for one in registered
        )
        current = (one for one in self.truth.instances.all() if one.application_version == rollout.to_version)
        on_goal = frozenset(one.instance_id for one in current)
        self._found = Found.of(desired, on_goal, self.truth.targets, self.truth.group)
        self._facts = self._gather(rollout)
        shown = (entry.key for one in self._facts.live for entry in self.truth.targets.of(one))
        self._floors = TargetFloors.of(self._facts, desired, shown)
        self.world.take_touched()
        self.truth.somebody.begin()
        self._checkpoints = Checkpoints(truth=self.truth, rollout=rollout, found=on_goal)
        self.lowest_serving = len(self._facts.serving)
        self.highest_live = len(self._facts.live)
        self.highest_running = len(self._facts.running)

    def look(self, status: Status, seen_at: datetime) -> None:
        """Store an observation: its record, and the instant of the state that it showed.

        Raises:
            UnsafeError: if the rollout chose a server or opened a gate too early.
        """
        if self.rollout is None or self._checkpoints is None:
            return
        self.seen_at = seen_at
        self._lost = {one: at for one, at in self._lost.items() if self._is_unseen(at)}
        if self._floors is not None:
            self._floors.forget(seen_at)
        if status.rolling_back is not self._rolling_back:
            self._rolling_back = status.rolling_back
            self._facts = self._gather(self.rollout)
        facts = self._facts if seen_at >= self.world.now else None
        if problems := self._checkpoints.look(status, self.world.now, desired=self.desired, facts=facts):
            self._fail("; ".join(problems))

    @property
    def desired(self) -> int:
        """The number of instances that the fleet should have: the initial number, or the last one set by someone."""
        if self._found is None:
            return 0
        somebody = self.truth.somebody
        if somebody.capacity_set is not None:
            return somebody.capacity_set
        return self._found.desired + somebody.desired_changes - self._count_unreplaced()

    def _count_unreplaced(self) -> int:
        """Count dead instances that are not replaced: a reload of a standalone fleet launches no instances."""
        if self.rollout is None or self.rollout.reload is None or self.truth.group is not None or self._facts is None:
            return 0
        return len(self._facts.ended)

    @property
    def floor(self) -> int:
        """The lowest serving capacity that the rollout may cause."""
        return self.desired - self._amounts()[0]

    @property
    def ceiling(self) -> int:
        """The highest number of live instances that the rollout may cause, plus those that people hold in standby."""
        members = {} if self.truth.group is None else self.truth.group.members
        held = (one for one in self.truth.somebody.stood_by if one in members)
        return self.desired + self._amounts()[1] + sum(members[one].lifecycle in _STANDBY for one in held)

    def serving(self) -> frozenset[str]:
        """Return the instances that AWS reports healthy in every target group where they should be registered."""
        return frozenset() if self.rollout is None else frozenset(self._gather(self.rollout).serving)

    def _gather(self, rollout: Rollout) -> Facts:
        return self.truth.gather(rollout, rolling_back=self._rolling_back)

    def check_gate(self, status: Status) -> None:
        """Check a step without actions: while a gate is closed, the group must launch the baseline.

        Raises:
            UnsafeError: if the group would launch the new version.
        """
        waiting = (
            status.mode is Mode.ROLLING and status.outcome is Outcome.RUNNING and status.gate.closed_since is not None
        )
        group, rollout = self.truth.group, self.rollout
        if not waiting or group is None or rollout is None or rollout.baseline_template is None or rollout.reloads:
            return
        if self._is_stale or status.gate.closed_since == self.world.now:  # The gate has just closed.
            return
        if group.settings.version != str(rollout.baseline_template.number):
            self._fail(f"invariant 5: the gate is closed, but the group launches version {group.settings.version}")

    @property
    def _is_stale(self) -> bool:
        return self.seen_at is not None and self.seen_at < self.world.now

    def check_end(self, status: Status) -> None:
        """Check the fleet after the end of a rollout (invariants 6 and 7).

        Raises:
            UnsafeError: if a setting is not restored, or an instance is left behind.
        """
        self.world.catch_up()
        if self.rollout is None or self._found is None:
            return
        ending = Ending(
            truth=self.truth,
            memory=self.memory,
            rollout=self.rollout,
            status=status,
            found=self._found,
            desired=self.desired,
            resumed_at=max((one.at for one in self.world.journal if one.name == "group.resumed"), default=None),
        )
        if problems := ending.problems():
            how = ", ".join((f"{status.outcome}", status.reason or "no reason", *status.warnings))
            self._fail(f"{'; '.join(problems)} (it ended: {how})")

    def _amounts(self) -> tuple[int, int]:
        if self.rollout is None:
            return 0, 0
        unavailable = self.rollout.max_unavailable.rounded_down(self.desired)
        surge = self.rollout.max_surge.rounded_up(self.desired)
        return (1, 0) if unavailable == surge == 0 else (unavailable, surge)

    def _watch(self, actor: Actor) -> None:
        if self.rollout is None or self._facts is None:
            return
        facts = self._facts
        change = self.truth.renew(facts, self.rollout, rolling_back=self._rolling_back)
        if self.compares and facts != self._gather(self.rollout):
            self._fail("the facts that were kept are not the facts: a change of the fake AWS touches no instance")
        self.lowest_serving = min(self.lowest_serving, len(facts.serving))
        self.highest_live = max(self.highest_live, len(facts.live))
        self.highest_running = max(self.highest_running, len(facts.running))
        by_us = actor is Actor.AWSROLL
        taken_from = {} if self._floors is None else self._floors.note(change, self.world.now, by_us=by_us)
        if not by_us:
            self._lost.update(dict.fromkeys(change.taken, self.world.now))
            return
        self._check_floor(facts, change)
        self._check_target_floors(facts, taken_from)
        self._check_ceiling(facts, change)
        self._check_requests(change)
        self._check_touched(self.rollout, change)
        if self._checkpoints is not None and (problems := self._checkpoints.act(change, facts)):
            self._fail("; ".join(problems))

    def _check_floor(self, facts: Facts, change: Change) -> None:
        """Check invariant 1: after instances leave service, the floor remains."""
        taken, serving = change.taken, len(facts.serving)
        if not taken or serving >= self.floor:
            return
        unseen = [one for one, at in self._lost.items() if self._is_unseen(at) and one not in facts.serving]
        if serving + len(unseen) < self.floor:
            self._fail(f"invariant 1: took {sorted(taken)}, {serving} serve, the floor is {self.floor}")

    def _check_target_floors(self, facts: Facts, taken: dict[TargetKey, set[str]]) -> None:
        """Check invariant 1 for each target group and port."""
        if self._floors is not None:
            problems = self._floors.problems(taken, facts, floor=self.floor, desired=self.desired)
            if problem := next(problems, ""):
                self._fail(problem)

    def _is_unseen(self, at: datetime) -> bool:
        return self.seen_at is not None and at > self.seen_at

    def _check_ceiling(self, facts: Facts, change: Change) -> None:
        """Check invariant 2: launches of awsroll or its group stay below the ceiling and the cap.

        A server that returns to traffic may exceed the ceiling while the serving capacity is at its floor.
        """
        was, will_be = change.live_before + change.owed_before, len(facts.live) + facts.owed
        if will_be > was and will_be > self.ceiling:
            returns = not change.launched and not change.died and change.serving_before <= self.floor
            if not returns:
                self._fail(f"invariant 2: {will_be} live or owed, the ceiling is {self.ceiling}")
        was, will_be = change.running_before + change.owed_before, len(facts.running) + facts.owed
        if self.rollout is None or self.rollout.max_running is None or will_be <= was:
            return
        if will_be > (cap := self.rollout.max_running.rounded_up(self.desired)):
            self._fail(f"invariant 2: {will_be} running or owed, the cap is {cap}")

    def _check_requests(self, change: Change) -> None:
        """Check invariant 3: an instance that leaves or is reloaded holds no request."""
        group = self.truth.group
        for one in change.died:
            held = change.after[one].held
            if self.truth.instances[one].state is InstanceState.SHUTTING_DOWN and held:
                self._fail(f"invariant 3: {one} terminated while registered on {sorted(held)}")
        managed = frozenset() if group is None else frozenset(group.settings.keys)
        for one in change.turned(Lifecycle.TERMINATING):
            if change.before[one].held - managed:
                self._fail(f"invariant 3: {one} terminated while registered where its group does not drain it")
        for one in change.commands:
            held = change.after[one].held
            if held:
                self._fail(f"invariant 3: {one} reloaded while registered on {sorted(held)}")

    def _check_touched(self, rollout: Rollout, change: Change) -> None:
        """Check invariant 4: awsroll touches only instances that it may touch."""
        touched = {*change.died, *change.commands, *change.deregistered}
        for lifecycle in (Lifecycle.TERMINATING, Lifecycle.ENTERING_STANDBY, Lifecycle.PENDING):
            touched |= {one for one in change.turned(lifecycle) if change.before[one].lifecycle is not None}
        for one in sorted(touched):
            self._check_ours(rollout, one, change)

    def _check_ours(self, rollout: Rollout, one: str, change: Change) -> None:
        instance = self.truth.instances[one]
        if instance.is_new:
            return
        if instance.foreign:
            self._fail(f"invariant 4: {one} is not of the fleet")
        if instance.protected and rollout.protected is not SkipPolicy.REPLACE:
            self._fail(f"invariant 4: {one} is protected")
        stands_by = change.before[one].lifecycle in _STANDBY and one in self.truth.somebody.stood_by
        if stands_by and rollout.standby is not SkipPolicy.REPLACE:
            self._fail(f"invariant 4: {one} is in standby")

    def _fail(self, what: str) -> None:
        message = f"{what}\n--- history ---\n{self.world.history()}"
        raise UnsafeError(message)
