"""Chooses which servers leave next: as many as the window and the floor allow, in the order of `victims`.

A server that does not serve costs no capacity, so only the window holds it back. A server that serves leaves only while
more serve than the floor asks for. Double-half keeps every old server until all the new ones serve.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from awsroll.core.classify.capacity import Capacity, vacancies
from awsroll.core.classify.desired import is_moving, surplus
from awsroll.core.classify.view import View
from awsroll.core.decide.gates import is_closed, touches_left
from awsroll.core.decide.leaving_order import surplus_order
from awsroll.core.decide.recall import healthy, recall, to_recall
from awsroll.core.decide.victims import order
from awsroll.core.decide.zone_turns import room_in_zone, zone_in_turn, zones_to_come
from awsroll.core.lifecycle import ServerChanges
from awsroll.core.model.amount import MOST
from awsroll.core.model.observation import FleetKind, Instance, TargetKey
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Status
from awsroll.core.observe.rollback import drop_launched


def select(view: View, capacity: Capacity) -> Status:
    """Choose the next servers to leave (or to be reloaded)."""
    if names := to_recall(view, capacity):
        return recall(view, names)
    if view.rollout.strategy is Strategy.DOUBLE_HALF and not _all_new_serve(view, capacity):
        has_failed = any(_needs_no_gate(view, instance) for instance in view.candidates)
        failed = [one for one in _in_order(view) if _needs_no_gate(view, one)] if has_failed else []
        if picks := _pick(view, capacity, failed):
            return _choose(view, picks)  # they hold the slots of the servers to come
        return _choose(view, _old_surplus(view, capacity), replaced=False)
    if picks := _pick(view, capacity, _in_order(view) if _may_pick(view, capacity) else ()):
        return _choose(view, picks, reloads=view.rollout.reloads)
    if not (picks := _surplus_picks(view, capacity)):
        return _choose(view, _unneeded_kept(view, capacity), replaced=False)
    return drop_launched(_choose(view, picks), {instance.instance_id for instance in picks})  # no launch awaits them


def _choose(view: View, picks: list[Instance], *, reloads: bool = False, replaced: bool = True) -> Status:
    """Have servers leave; those that are not `replaced` leave like failed ones, without a successor."""
    changes, at = ServerChanges(view.status), view.observation.at
    for instance in picks:
        ended = view.is_still_listed(instance)  # its group replaces it once it is terminated there
        changes.move(
            instance.instance_id,
            ServerPhase.DRAINING,
            at=at,
            reason=_why_chosen(view, instance),
            failed=ended or not replaced or view.has_failed(instance),
            reloading=reloads and not ended,
            served=len(instance.targets) > 1 and (view.is_serving(instance) or view.is_coming_back(instance)),
            targets=tuple(sorted(target.key for target in instance.targets)),
            was_in_standby=view.is_in_standby(instance),
        )
    return replace(changes.status, progress_at=at) if picks else view.status


def _why_chosen(view: View, instance: Instance) -> str:
    if view.is_still_listed(instance):
        return "ended"
    if view.has_failed(instance):
        return "failed"
    return "surplus" if view.is_current(instance) else "outdated"


def can_pick(view: View, capacity: Capacity) -> bool:
    """Return whether a candidate may leave now."""
    return bool(_pick(view, capacity, _in_order(view)))


def _all_new_serve(view: View, capacity: Capacity) -> bool:
    """Return whether double-half may begin to retire, or has begun: then a straggler holds back only its own share."""
    servers = view.status.servers
    retiring = any(not servers[name].failed for name in view.status.retiring)  # what has failed leaves before
    if retiring or view.status.kept or view.status.counters.replaced:
        return True
    return capacity.current_serving >= capacity.goal_current and capacity.inbound == 0


def _old_surplus(view: View, capacity: Capacity) -> list[Instance]:
    """Return the old members of a double-half beyond the desired capacity.

    A new server was lost at a gate, and the group has launched the baseline in its place. Such a member takes the room
    of a new server, and none may leave before all new servers serve. So it would stop the rollout.
    """
    if is_closed(view.status) or is_moving(view.status) or view.leaving:
        return []
    old = [instance for instance in view.candidates if not view.is_in_standby(instance)]
    count = min(surplus(view), len(old) - capacity.limits.desired, capacity.room)
    newest = surplus_order(old, lambda instance: (view.is_serving(instance),))
    return list(newest[: max(0, count)])


def _unneeded_kept(view: View, capacity: Capacity) -> list[Instance]:
    """Return kept members that a rollback does not need, if they take the room of a replacement.

    While the rollout rested, the group has launched the old version in the place of a new server. This member must be
    replaced too, and it is one more server to go back to.
    """
    if view.rollout.kind is FleetKind.STANDALONE or not capacity.blocks_launches or view.leaving:
        return []
    kept = [view.by_id[name] for name in view.status.kept if name in view.by_id]
    old = [instance for instance in view.candidates if view.is_serving(instance)]
    return kept[: max(0, len(kept) + len(old) - capacity.limits.desired)] if old else []


def _needs_no_gate(view: View, instance: Instance) -> bool:
    """Return whether the server leaves even beyond the next gate: it has failed or ended."""
    return _has_failed(view, instance) or view.is_still_listed(instance)


def _has_failed(view: View, instance: Instance) -> bool:
    return view.has_failed(instance) and not view.rollout.reloads


def _in_turn(view: View) -> Iterator[Instance]:
    """Yield the candidates that may leave if the zones come one by one: the failed ones, and those of the zone in turn.

    A dead member leaves any zone while the group launches the old version.
    """
    to_come, blocked = zones_to_come(view), view.status.blocked
    rests = view.status.gate.closed_since is not None or (blocked is not None and blocked.rests)
    for one in view.candidates:
        if one.zone not in to_come or _has_failed(view, one) or (rests and view.is_still_listed(one)):
            yield one


@dataclass(slots=True)
class _Allowance:
    """How much may still be taken out in this step.

    Worked example: 10 servers, 2 at a time, checkpoint 50 %, all serve: window 2, room 2, touches 5. The first healthy
    server that is picked costs one of each; a server that does not serve costs no room; a failed replacement, which has
    held its place in the window since its launch, costs neither window nor touches. In a group each server costs one
    replacement, which the group launches while the server drains.

    A server that is healthy and does not count as capacity takes requests too: its group has marked it, or it has
    failed. So it leaves only while enough healthy servers stay: `spare`.
    """

    window: int
    room: int
    spare: int
    touches: int
    replacements: int
    zones: Counter[str] | None = None  # serving servers by zone, if each zone must keep one
    in_zone: int = MOST  # serving servers that the floor of the zone in turn lets go
    by_target: Counter[TargetKey] = field(default_factory=Counter)  # the same for each target that only some have

    def empties_zone(self, zone: str) -> bool:
        """Return whether the last serving server of a zone would leave that must keep one."""
        return self.zones is not None and self.zones[zone] <= 1

    def lacks_room_at_target(self, instance: Instance) -> bool:
        """Return whether a target that only a part of the fleet has would serve with too few servers."""
        return any(self.by_target[target.key] <= 0 for target in instance.targets if target.key in self.by_target)

    def take(self, instance: Instance, *, serves: bool, healthy: bool, touched: bool, failed: bool) -> None:
        self.room -= serves
        self.spare -= healthy
        self.replacements -= 1
        self.touches -= touched
        self.window -= not failed
        self.in_zone -= serves
        if serves:
            self.by_target.subtract(target.key for target in instance.targets if target.key in self.by_target)
        if serves and self.zones is not None:
            self.zones[instance.zone] -= 1


def _may_pick(view: View, capacity: Capacity) -> bool:
    """Return whether `_pick` can pick anything: in most steps the window is full, and nothing must be sorted."""
    if capacity.window_left > 0:
        return True
    blocked = bool(vacancies(view)) and capacity.blocks_launches
    return any(_has_failed(view, one) or (blocked and not view.is_serving(one)) for one in view.candidates)


def _pick(view: View, capacity: Capacity, candidates: tuple[Instance, ...] | list[Instance]) -> list[Instance]:
    """Pick candidates in order, as far as window, floor and the next gate allow.

    A server that does not serve need not wait for the window where an empty slot fills it and the ceiling keeps that
    slot empty: nothing else could make room.
    """
    zones = Counter(instance.zone for instance in view.serving) if view.rollout.keeps_zones else None
    left = _Allowance(
        window=capacity.window_left,
        room=capacity.room,
        spare=healthy(view) - capacity.limits.floor,
        touches=touches_left(view, capacity),
        replacements=_replacements_left(view, capacity),
        zones=zones,
        in_zone=room_in_zone(view, capacity, zone_in_turn(view)) if view.rollout.gates.by_zone else MOST,
        by_target=_room_by_target(view, capacity),
    )
    blocked = bool(vacancies(view)) and capacity.blocks_launches
    held = _holds_back(view, capacity)
    picks: list[Instance] = []
    for instance in candidates:
        if held and _takes_requests(instance):
            continue
        failed, serves, answers = _has_failed(view, instance), view.is_serving(instance), view.is_healthy(instance)
        touched = not _needs_no_gate(view, instance)
        outside_window = left.window <= 0 and not failed and (serves or not blocked)
        no_room = serves and (left.room == 0 or left.in_zone <= 0 or left.empties_zone(instance.zone))
        no_room = no_room or (answers and left.spare <= 0) or (serves and left.lacks_room_at_target(instance))
        spent = (touched and left.touches == 0) or left.replacements <= 0
        if no_room or spent or outside_window:
            continue
        picks.append(instance)
        left.take(instance, serves=serves, healthy=answers, touched=touched, failed=failed)
    return picks


def _room_by_target(view: View, capacity: Capacity) -> Counter[TargetKey]:
    """Return how many serving servers each target can spare that only a part of the fleet has by itself.

    In a group these are the target groups that the group does not manage: a member that the group launches serves, and
    is in none of them. A member that stays, and was in none of them before the rollout, lowers the floor. In a
    standalone fleet they are all targets, if the servers are registered in different ones.

    Worked example: 2 servers on port 80, the first also on port 81, none may be out. A rollback has launched a server
    for the first slot. Three serve on port 80, and the one failed server on port 81 may not leave before it serves.
    """
    hold: Counter[TargetKey] = Counter()
    if len({shape.targets for shape in view.status.slots}) > 1:
        hold.update(key for keys in view.slots.values() for key in keys)
    for key in view.rollout.extra_targets:
        hold[key] = capacity.limits.desired - sum(1 for one in view.skipped if one.target(key) is None)
    room, unavailable = Counter[TargetKey](), capacity.limits.desired - capacity.limits.floor
    for key, count in hold.items():
        serve = sum(1 for instance in view.serving if instance.target(key) is not None)
        room[key] = serve - max(0, count - unavailable)
    return room


def _holds_back(view: View, capacity: Capacity) -> bool:
    """Return whether no server may leave that takes any request: too few serve, and a server is coming back.

    This also holds for a server that does not count as capacity, such as one that its group has marked unhealthy. Once
    the other one is back, it may leave.
    """
    return capacity.serving < capacity.limits.floor and view.awaits_return


def _takes_requests(instance: Instance) -> bool:
    return any(target.takes_requests for target in instance.targets)


def _replacements_left(view: View, capacity: Capacity) -> int:
    """Return how many further members may leave before the group would run more servers than `max_running`.

    The group launches a replacement at once for each member that leaves beyond the surplus.

    Worked example: desired 10, cap 12, 11 run because one drains, and one member was chosen that has yet to leave. Its
    replacement will be the twelfth, so no other member may leave until the drain has ended.
    """
    if view.rollout.kind is FleetKind.STANDALONE or view.rollout.reloads:
        return len(view.candidates)
    to_leave = sum(1 for name in view.leaving if name in view.by_id and view.is_live(view.by_id[name]))
    return capacity.limits.left_to_run(capacity.running) + surplus(view) - to_leave


def _in_order(view: View) -> tuple[Instance, ...]:
    """Return the candidates in order; a standalone server whose replacement already serves leaves before the others."""
    ordered = order(view, _in_turn(view))
    if view.rollout.kind is not FleetKind.STANDALONE:
        return ordered
    serving = set(view.status.serving)
    relieved = {
        launch.replaces
        for launch in view.status.launches
        if launch.instance_ids and set(launch.instance_ids) <= serving
    }
    waiting = {launch.replaces for launch in view.status.launches} - relieved
    free = [instance for instance in ordered if instance.instance_id not in waiting or not view.is_serving(instance)]
    return tuple(sorted(free, key=lambda instance: instance.instance_id not in relieved))


def _surplus_picks(view: View, capacity: Capacity) -> list[Instance]:
    """Pick what the fleet has too many of once nothing outdated is left (someone lowered desired).

    Members that must leave but are not in service yet are part of it: they leave once they are in service.
    """
    if view.candidates or view.leaving or is_moving(view.status):
        return []
    extra = excess(view, capacity) - len(view.outdated) + len(view.skipped)
    # A server that is healthy but not verified takes requests too: it leaves only while the floor can spare it.
    held = _holds_back(view, capacity)
    free = [instance for instance in view.current if not (held and _takes_requests(instance))]
    new = surplus_order(free, lambda instance: (view.is_serving(instance), view.is_in_service(instance)))
    idle = sum(1 for instance in new if not view.is_in_service(instance))
    room = max(0, sum(1 for instance in view.live if view.is_in_service(instance)) - capacity.limits.floor)
    return list(new[: max(0, min(extra, idle + room))])


def excess(view: View, capacity: Capacity) -> int:
    """Return how many members a group has, by our raising desired, beyond what it should have."""
    if view.rollout.kind is FleetKind.STANDALONE:
        return 0
    return max(0, min(surplus(view), len(view.live) - capacity.limits.desired))
