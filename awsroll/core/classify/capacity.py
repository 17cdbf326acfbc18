"""How many instances may run, must serve, and are on their way: all sums of a rollout in one place.

With `desired` the number the fleet should have:

    ceiling = desired + max surge          live instances never exceed it by our doing
    floor   = desired - max unavailable    serving instances never fall below it by our doing
    window  = max surge + max unavailable  how many servers may be in flight at a time

Worked example, 10 servers, 2 at a time: floor 8, ceiling 10, window 2. Two are chosen: serving 8, room 0. One
replacement serves: serving 9, room 1, in flight 1: the next server goes, and the straggler holds its own place only.
Launch first, 2 at a time: floor 10, ceiling 12. Two are launched; when one of them serves, serving is 11, room 1.
"""

from dataclasses import dataclass

from awsroll.core.classify.desired import raised_unseen
from awsroll.core.classify.view import View
from awsroll.core.model.observation import FleetKind, Instance, InstanceState, Lifecycle
from awsroll.core.model.rollout import Rollout, Strategy
from awsroll.core.model.status import TERMINATING_CALLS, Launch


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The three bounds for one desired capacity."""

    desired: int
    max_unavailable: int
    max_surge: int

    @property
    def floor(self) -> int:
        """The lowest serving capacity that we may cause."""
        return max(0, self.desired - self.max_unavailable)

    @property
    def ceiling(self) -> int:
        """The highest number of live instances that we may cause."""
        return self.desired + self.max_surge

    @property
    def window(self) -> int:
        """How many servers may be in flight at a time."""
        return self.max_unavailable + self.max_surge


def bounds(rollout: Rollout, desired: int) -> Bounds:
    """Resolve the rollout's amounts: unavailable rounds down, surge up; both 0 by rounding means 1 unavailable."""
    surge = rollout.max_surge.rounded_up(desired)
    unavailable = min(rollout.max_unavailable.rounded_down(desired), desired)
    if surge == 0 and unavailable == 0:
        unavailable = min(1, desired)
    return Bounds(desired=desired, max_unavailable=unavailable, max_surge=surge)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The sums of one look.

    Attributes:
        limits: the bounds for the capacity that the fleet should have.
        live: instances that run, with those that are certain to come.
        inbound: instances that the group owes and no look shows yet.
        serving: instances that count as capacity.
        current: live instances on the goal, with those certain to come.
        current_serving: of those, how many count as capacity.
        goal_current: how many there should be of those in the end.
        in_flight: servers that are being replaced or reloaded.
    """

    limits: Bounds
    live: int
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
    def places_in_window(self) -> int:
        """How many further servers may come in flight now."""
        return max(0, self.limits.window - self.in_flight)

    @property
    def launches_allowed(self) -> int:
        """How many further instances should be launched now, within the ceiling."""
        return max(0, min(self.goal_current - self.current, self.limits.ceiling - self.live))


def desired_capacity(view: View) -> int:
    """Return how many servers the fleet should have: the group's goal, or the places of a standalone fleet."""
    if view.status.desired is not None:
        return view.status.desired.goal
    return len(view.occupants)


def measure(view: View) -> Capacity:
    """Count one look."""
    desired = desired_capacity(view)
    serving_ids = {one.instance_id for one in view.serving}
    unseen = sum(1 for launch in view.status.launches for one in launch.instance_ids if _may_come(view, launch, one))
    inbound = _inbound(view, unseen)
    # Launches without an answer may have had their effect: until that is known, they count.
    unseen += sum(launch.count for launch in view.status.launches if not launch.settled)
    unverified = sum(1 for one in view.current if _counts_as_incoming(view, one, serving_ids))
    leaving = sum(1 for one in view.chosen if one in view.by_id and view.is_live(view.by_id[one]))
    kept = sum(1 for one in view.skipped if not view.is_away(one))
    brings_new = view.rollout.strategy is not Strategy.RELOAD
    return Capacity(
        limits=bounds(view.rollout, desired),
        live=len(view.live) + inbound + unseen,
        inbound=inbound,
        serving=len(view.serving),
        current=sum(1 for one in view.current if not view.is_away(one)) + unseen + (inbound if brings_new else 0),
        current_serving=sum(1 for one in view.current if one.instance_id in serving_ids),
        goal_current=max(0, desired - kept),
        in_flight=leaving + unverified + unseen + inbound + len(vacancies(view)),
    )


def _may_come(view: View, launch: Launch, name: str) -> bool:
    """Tell whether a launched instance is on its way although neither EC2 nor its group shows it yet."""
    one = view.by_id.get(name)
    if one is None:
        return True
    young = (view.observation.at - launch.at).total_seconds() < view.rollout.limits.launch_seconds
    return young and one.state is InstanceState.MISSING and not view.is_member(one)


def vacancies(view: View) -> tuple[str, ...]:
    """Return the occupants of a standalone fleet's places that have left and for which nothing has been launched.

    They have ended, or they are kept for a way back and their successor has failed.
    """
    taken = {launch.replaces for launch in view.status.launches}
    return tuple(
        one
        for one in view.occupants
        if one not in taken and (one not in view.by_id or view.is_gone(view.by_id[one]) or one in view.status.kept)
    )


def _counts_as_incoming(view: View, instance: Instance, serving_ids: set[str]) -> bool:
    settled = instance.instance_id in serving_ids or instance.instance_id in view.chosen
    return not settled and not view.is_away(instance)  # what a person holds in standby is not on its way anywhere


def _inbound(view: View, unseen: int) -> int:
    """Count what the group still has to launch to reach its desired capacity (standby members do not count to it).

    A capacity that we have raised counts before a look shows it, and a member that we have ended counts no more;
    launched ones that no look shows are part of it.
    """
    group = view.observation.group
    if view.rollout.kind is not FleetKind.AUTO_SCALING or group is None:
        return 0
    told = {call.instance_id for call in view.status.calls if call.answered and call.kind in TERMINATING_CALLS}
    counted = (one for one in view.live if one.lifecycle in (Lifecycle.PENDING, Lifecycle.IN_SERVICE))
    present = sum(1 for one in counted if one.instance_id not in told)
    present += sum(1 for one in view.observation.instances if view.is_ghost(one) and not view.is_away(one))
    return max(0, group.desired - present, raised_unseen(view) - present - unseen)
