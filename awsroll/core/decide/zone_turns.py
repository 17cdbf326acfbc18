"""One zone at a time: whose turn it is, and what may be touched meanwhile.

The zones of a rollout come in the order of `Gates.zones`, the smallest first, and each ends at a gate. A group launches
into its smallest zone, so what it launches by itself comes into the zone in turn or into one that has had its turn. A
zone that the preflight has not seen, because it had nothing to replace, comes last.

While a zone waits for its turn, no server of it is touched, and it gets no server of the new version. A dead member
there is replaced by its group while the rollout is at rest, from the old version.
"""

from collections.abc import Iterable

from awsroll.core.classify.capacity import Bounds, Capacity, desired_capacity
from awsroll.core.classify.view import View
from awsroll.core.model.amount import MOST
from awsroll.core.model.observation import FleetKind, Instance
from awsroll.core.model.rollout import Rollout


def zone_in_turn(view: View) -> str:
    """Return the zone in turn; empty if the zones do not come one by one, or nothing is left to replace."""
    gates, passed = view.rollout.gates, view.status.gate.passed
    if not gates.by_zone:
        return ""
    if passed < len(gates.zones):
        return gates.zones[passed]
    in_flight = (view.by_id[name].zone for name in sorted(view.leaving) if name in view.by_id)
    return next(in_flight, "") or min(_to_replace(view), default="")


def candidates_in_turn(view: View) -> tuple[Instance, ...]:
    """Return the candidates of the zone in turn; all, unless the zones come one by one."""
    if not view.rollout.gates.by_zone:
        return view.candidates
    zone = zone_in_turn(view)
    return tuple(one for one in view.candidates if one.zone == zone)


def in_turns(rollout: Rollout, servers: Iterable[Instance]) -> tuple[Instance, ...]:
    """Sort servers by the turn of their zone, if the zones come one by one; otherwise leave their order as it is."""
    turns = {zone: turn for turn, zone in enumerate(rollout.gates.zones)}
    return tuple(sorted(servers, key=lambda one: turns.get(one.zone, len(turns))))


def is_replaced(view: View, zone: str) -> bool:
    """Return whether no server of a zone is left to replace."""
    return zone not in _to_replace(view)


def launches_in_turn(view: View) -> int:
    """Return how many servers of the zone in turn have no successor yet; no limit if each launch has its own slot."""
    if view.rollout.kind is FleetKind.STANDALONE:
        return MOST
    staying = sum(1 for one in view.live if one.instance_id not in view.leaving and not view.is_in_standby(one))
    extra = max(0, staying - desired_capacity(view))
    return max(0, len(candidates_in_turn(view)) - extra)


def room_in_zone(view: View, capacity: Capacity, zone: str) -> int:
    """Return how many serving servers may leave a zone without crossing its own floor.

    Its floor is its size less max unavailable, which is a share of the zone if it is a percentage. Its size is what
    serves there, what should, and what is in flight, without a surplus.

    Worked example: max unavailable 50 %, a zone of 4, one of which is in flight: 3 serve, the size is 4, the floor 2,
    and one may leave.
    """
    serving = sum(1 for one in view.serving if one.zone == zone)
    ill = sum(1 for one in view.candidates if one.zone == zone and not view.is_serving(one))
    size = serving + ill + capacity.in_flight - max(0, capacity.live - capacity.limits.desired)
    return serving - max(0, size - zone_unavailable(view.rollout, capacity.limits, max(0, size)))


def zone_unavailable(rollout: Rollout, limits: Bounds, size: int) -> int:
    """Return how many servers of a zone of this size may be out: max unavailable of the fleet, and its share."""
    most = limits.max_unavailable
    return min(most, max(rollout.max_unavailable.rounded_down(size), int(most > 0)))


def zones_to_come(view: View) -> frozenset[str]:
    """Return the zones whose turn has not come; none, unless the zones come one by one."""
    if not view.rollout.gates.by_zone:
        return frozenset()
    zones, passed = view.rollout.gates.zones, view.status.gate.passed
    others = _to_replace(view) - set(zones)
    if passed < len(zones):
        return frozenset(zones[passed + 1 :]) | others
    return frozenset(_to_replace(view) - {zone_in_turn(view)})


def _to_replace(view: View) -> frozenset[str]:
    skipped = {one.instance_id for one in view.skipped}
    return frozenset(one.zone for one in (*view.outdated, *view.candidates) if one.instance_id not in skipped)
