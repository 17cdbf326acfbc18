"""Computes how many instances may run, must serve, and are in flight: all sums of a rollout.

With `desired` the number of servers that the fleet should have:

    ceiling = desired + max surge          live instances never exceed it by our doing
    cap     = max running, if given        running instances, draining ones included, never exceed it by our doing
    floor   = desired - max unavailable    serving instances never fall below it by our doing
    window  = max surge + max unavailable  how many servers may be in flight at a time

Worked example, 10 servers, 2 at a time: floor 8, ceiling 10, window 2. Two are chosen: serving 8, room 0. One
replacement serves: serving 9, room 1, in flight 1. So the next server leaves, and the straggler holds only its own
slot in the window. Launch first, 2 at a time: floor 10, ceiling 12. Two are launched; when one of them serves, serving
is 11 and room is 1.

A server counts as live until its drain begins. So its replacement is launched while it drains: 2 at a time, 10 live and
up to 2 draining for each replacement that serves meanwhile. With a cap of 10, a drained server is gone first.
"""

from dataclasses import dataclass

from awsroll.core.classify.desired import raised_unseen
from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.serving import ALIVE
from awsroll.core.classify.view import View
from awsroll.core.model.amount import MOST
from awsroll.core.model.calls import LEAVING_CALLS, Launch
from awsroll.core.model.observation import FleetKind, Instance, InstanceState, Lifecycle, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds for one desired capacity. `max_running` is None if there is no cap."""

    desired: int
    max_unavailable: int
    max_surge: int
    max_running: int | None = None

    @property
    def floor(self) -> int:
        """The lowest serving capacity that we may cause."""
        return max(0, self.desired - self.max_unavailable)

    @property
    def ceiling(self) -> int:
        """The highest number of live instances that we may cause."""
        return self.desired + self.max_surge

    def left_to_run(self, running: int) -> int:
        """Return how many further instances may run beside those that run, draining ones included."""
        return MOST if self.max_running is None else max(0, self.max_running - running)

    @property
    def window(self) -> int:
        """How many servers may be in flight at a time."""
        return self.max_unavailable + self.max_surge


def bounds(rollout: Rollout, desired: int) -> Bounds:
    """Resolve the rollout's amounts: unavailable rounds down, the others up; both 0 by rounding means 1 unavailable."""
    surge = rollout.max_surge.rounded_up(desired)
    unavailable = min(rollout.max_unavailable.rounded_down(desired), desired)
    if surge == 0 and unavailable == 0:
        unavailable = min(1, desired)
    cap = None if rollout.max_running is None else rollout.max_running.rounded_up(desired)
    return Bounds(desired=desired, max_unavailable=unavailable, max_surge=surge, max_running=cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The sums of one observation.

    Attributes:
        limits: the bounds for the capacity that the fleet should have.
        live: instances that run and are not on their way out, with those that are certain to come.
        running: instances that run, draining ones included, with those that are certain to come.
        inbound: instances that the group has yet to launch and no observation shows.
        serving: instances that count as capacity.
        current: live instances on the target version, with those certain to come.
        current_serving: the number of those that count as capacity.
        goal_current: how many instances on the target version there should be in the end.
        in_flight: servers that are being replaced or reloaded.
    """

    limits: Bounds
    live: int
    running: int
    inbound: int
    serving: int
    current: int
    current_serving: int
    goal_current: int
    in_flight: int

    @property
    def room(self) -> int:
        """How many serving instances may be taken out now."""
        return max(0, self.serving - self.limits.floor)

    @property
    def window_left(self) -> int:
        """How many further servers may come in flight now."""
        return max(0, self.limits.window - self.in_flight)

    @property
    def launches_allowed(self) -> int:
        """How many further instances should be launched now, within the ceiling and the cap."""
        left = min(self.limits.ceiling - self.live, self.limits.left_to_run(self.running))
        return max(0, min(self.goal_current - self.current, left))

    @property
    def blocks_launches(self) -> bool:
        """Whether no drain that ends makes room for a launch: other servers must leave first."""
        cap = self.limits.max_running
        return self.live >= (self.limits.ceiling if cap is None else min(self.limits.ceiling, cap))


def desired_capacity(view: View) -> int:
    """Return how many servers the fleet should have: the group's goal, or the slots of a standalone fleet."""
    if view.status.desired is not None:
        return view.status.desired.goal
    return len(view.slots)


def measure(view: View) -> Capacity:
    """Count one observation.

    Worked example: a group with desired 4 replaces two members at a time. One old member drains, one new member boots,
    and the group has yet to launch one more:

        live       2 old + 1 booting + 1 inbound                                 = 4
        running    live + 1 draining                                             = 5
        serving    2 old                                                         = 2
        in flight  1 unverified + 1 inbound                                      = 2
    """
    desired = desired_capacity(view)
    unseen = _launched_unseen(view)
    inbound = _inbound(view, unseen)
    # Launches without an answer may have had their effect: until that is known, they count.
    unseen += sum(launch.count for launch in view.status.launches if not launch.settled)
    brings_new = view.rollout.strategy is not Strategy.RELOAD
    out = view.taken_out
    present = [one for one in view.current if not view.is_in_standby(one) and one.instance_id not in out]
    in_standby = sum(1 for instance in view.skipped if view.is_in_standby(instance))  # by a person
    held_back = len(view.skipped) - in_standby
    to_come, taken_out = inbound + unseen, sum(1 for name in out if view.is_live(view.by_id[name]))
    return Capacity(
        limits=bounds(view.rollout, desired),
        live=len(view.live) - taken_out - in_standby + to_come,
        running=len(view.live) + _ending_in_group(view) + set_aside_running(view) + to_come,
        inbound=inbound,
        serving=len(view.serving),
        current=len(present) + unseen + (inbound if brings_new else 0),
        current_serving=sum(1 for instance in view.current if view.is_serving(instance)),
        goal_current=max(0, desired - held_back),
        in_flight=_leaving(view) + _unverified(view, present) + unseen + inbound + len(vacancies(view)),
    )


def _launched_unseen(view: View) -> int:
    """Count launched instances that neither EC2 nor their group shows yet."""
    launches = view.status.launches
    return sum(1 for launch in launches for name in launch.instance_ids if _may_come(view, launch, name))


def _may_come(view: View, launch: Launch, name: str) -> bool:
    instance = view.by_id.get(name)
    if instance is None:
        return True
    young = (view.observation.at - launch.at).total_seconds() < view.rollout.limits.launch_seconds
    return young and instance.state is InstanceState.MISSING and not view.is_member(instance)


def _ending_in_group(view: View) -> int:
    """Count the members that their group drains and terminates: they run, and no longer count as live."""
    ending = (instance for instance in view.observation.instances if instance.lifecycle is Lifecycle.TERMINATING)
    return sum(1 for instance in ending if instance.state in ALIVE)


def set_aside_running(view: View) -> int:
    """Count the failed servers that are kept for inspection and run, as far as is known: they use quotas and money."""
    kept = (view.by_id.get(name) for name in view.set_aside)
    return sum(1 for instance in kept if instance is None or not view.is_gone(instance))


def returns_allowed(view: View) -> int:
    """Return how many servers out of traffic may be registered again now: as many as the ceiling allows.

    While the serving capacity is at its floor, no server that serves may make room. So one server returns at a time
    beyond the ceiling, and all of them when the rollout stops.
    """
    if view.rollout.kind is not FleetKind.STANDALONE or view.original.keep_old:
        return MOST
    limits = bounds(view.rollout, desired_capacity(view))
    live = [one for one in view.live if not view.is_taken_out(one) and not _is_out_of_traffic(view, one)]
    others = [one for one in live if not view.would_be_in_service(one)]
    at_floor = len(live) - len(others) <= limits.floor
    if at_floor and view.status.mode is not Mode.ROLLING:
        return MOST
    stuck = at_floor and not any(_makes_room(view, one) for one in others)
    return max(1 if stuck else 0, limits.ceiling - len(live))


def _is_out_of_traffic(view: View, instance: Instance) -> bool:
    return instance.instance_id in view.returning and not active_registrations(instance)


def _makes_room(view: View, instance: Instance) -> bool:
    """Return whether a server that does not serve soon leaves, because it must, or soon serves."""
    checked = all(target.state is not TargetState.INITIAL for target in instance.targets)
    return view.has_failed(instance) or not instance.targets or not checked


def _leaving(view: View) -> int:
    """Count the servers that leave and whose places are not free yet: `vacancies` has the others."""
    present = (view.by_id[name] for name in view.leaving if name in view.by_id)
    return sum(1 for instance in present if view.is_live(instance) and not view.is_taken_out(instance))


def _unverified(view: View, present: list[Instance]) -> int:
    """Count current instances that do not serve yet. A server that someone holds in standby does not count."""
    arriving = (instance for instance in present if instance.instance_id not in view.leaving)
    return sum(1 for instance in arriving if not view.is_serving(instance))


def vacancies(view: View) -> tuple[str, ...]:
    """Return the holders of a standalone fleet's slots that are out and for which nothing has been launched.

    They drain, have ended or are left alone, or they are kept for a rollback and their successor has failed.
    """
    status, observed = view.status, view.by_id
    taken = {launch.replaces for launch in status.launches}
    out = view.taken_out.union(status.kept, status.left_alone, view.set_aside)
    return tuple(
        name
        for name in view.slots
        if name not in taken and (name in out or name not in observed or view.is_gone(observed[name]))
    )


def _inbound(view: View, unseen: int) -> int:
    """Count what the group still has to launch to reach its desired capacity. Standby members do not count towards it.

    A capacity that we have raised counts before an observation shows it, and a member that we have terminated no longer
    counts. Launched instances that no observation shows are part of it.
    """
    group = view.observation.group
    if view.rollout.kind is not FleetKind.AUTO_SCALING or group is None:
        return 0
    ended = {call.instance_id for call in view.status.calls if call.answered and call.kind in LEAVING_CALLS}
    counted = (instance for instance in view.live if instance.lifecycle in (Lifecycle.PENDING, Lifecycle.IN_SERVICE))
    present = sum(1 for instance in counted if instance.instance_id not in ended)
    listed = (instance for instance in view.observation.instances if view.is_still_listed(instance))
    present += sum(1 for instance in listed if not view.is_in_standby(instance))
    return max(0, group.desired - present, raised_unseen(view) - present - unseen)
