"""The way in: which instances to launch, in which zone, from which version.

A launch is announced in the status with its whole request before it is made, and made again with the same token until
its outcome is known; only then may the next number be used. A group that may not surge launches by itself: its members
are only watched.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from awsroll.core.aws_limits import CLIENT_TOKEN_LIFETIME, MEMBERS_LAUNCHED
from awsroll.core.classify.capacity import Capacity, vacancies
from awsroll.core.classify.desired import moved, shortfall
from awsroll.core.classify.replacement import replacement_tags
from awsroll.core.classify.view import View
from awsroll.core.decide.gates import launches_left
from awsroll.core.decide.victims import order
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action, Reason
from awsroll.core.model.observation import FleetKind, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Call, CallKind, Launch, Slots, Status
from awsroll.core.observe.refusals import excuse_failures
from awsroll.core.observe.settle import RETRY_LAUNCH_SECONDS
from awsroll.core.observe.short_zones import with_capacity

_AFTER_A_REFUSAL = timedelta(seconds=RETRY_LAUNCH_SECONDS)
_AROUND_A_CALL = timedelta(minutes=2)  # clocks that differ, and a call that was made right after the last look


def adopt_old_launches(view: View) -> Status:
    """Settle launches of a group that are too old to be made again, or may not be: only what the look shows can tell.

    LaunchInstances takes no tags. So the instances of such a launch are members on the goal, in its zone, launched
    while a driver that could have made the call was alive, and no more of them than desired has moved. Where the look
    shows none, the launch had no effect.
    """
    status, group = view.status, view.observation.group
    if group is None or status.desired is None or status.observed_at is None:
        return status
    for launch in status.launches:
        room = group.desired - status.desired.expected
        is_repeatable = _is_young(view, launch) and not launch.refused
        if launch.settled or is_repeatable or room <= 0:
            continue
        found = _launched_by(replace(view, status=status), launch)[: min(room, launch.count)]
        if found:
            made = replace(launch, settled=True, instance_ids=found)
            launches = tuple(made if one.number == launch.number else one for one in status.launches)
            status = moved(replace(status, launches=launches), len(found), view.observation.at)
    return status


def _launched_by(view: View, launch: Launch) -> tuple[str, ...]:
    first, last = launch.at - _AROUND_A_CALL, (view.status.observed_at or launch.at) + _AROUND_A_CALL
    return tuple(
        one.instance_id
        for one in view.current
        if one.instance_id not in view.launched
        and launch.zone in ("", one.zone)
        and one.launched_at is not None
        and first <= one.launched_at <= last
    )


def _is_young(view: View, launch: Launch) -> bool:
    return view.observation.at - launch.at < CLIENT_TOKEN_LIFETIME


def settle_launches(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Make the launches again whose outcome is not known: same token, same request, so the same instances."""
    status = view.status
    known = tuple(one for one in status.launches if one.settled)
    unsettled = tuple(one for one in status.launches if not one.settled)
    again = tuple(replace(one, repeated=True) for one in unsettled if _may_have_been_made(view, one))
    refused = [one.refused for one in unsettled if one.refused and not _may_have_been_made(view, one)]
    if refused:
        at = view.observation.at
        shortage = replace(
            status.shortage,
            since=status.shortage.since or at,
            reason=refused[-1],
            launch_after=at + _AFTER_A_REFUSAL,
        )
        status = replace(status, shortage=shortage)
    return replace(status, launches=(*known, *again)), tuple(_action(view, one) for one in again)


def _may_have_been_made(view: View, launch: Launch) -> bool:
    """Tell whether a launch may have had its effect; a refused one that no look has shown in time has had none."""
    settled_in = timedelta(seconds=view.rollout.limits.settle_seconds)
    return _is_young(view, launch) and not (launch.refused and view.observation.at - launch.at >= settled_in)


def _action(view: View, launch: Launch) -> Action:
    if view.rollout.kind is FleetKind.STANDALONE:
        return act.LaunchInstance(launch=launch, reason=Reason.REPLACING_VACANCY)
    return act.LaunchInGroup(group=view.rollout.group, launch=launch, reason=Reason.SURGING)


def launch(view: View, capacity: Capacity) -> tuple[Status, tuple[Action, ...]]:
    """Decide on new launches, as many as the ceiling and the goal allow."""
    status, at = view.status, view.observation.at
    if view.rollout.reloads:  # launches nothing, but owes the group what its standby moves have taken
        missing = shortfall(view)
        return _raise_desired(view, missing) if missing else (status, ())
    count = capacity.launches_allowed
    if count == 0 or (status.shortage.launch_after is not None and at < status.shortage.launch_after):
        return status, ()
    if view.rollout.kind is FleetKind.STANDALONE:
        return _launch_standalone(view, count, launches_left(view, capacity))
    count = min(count, launches_left(view, capacity))
    if status.desired is not None:  # members that ended unnoticed are replaced by ending them, not by a larger surge
        count = min(count, capacity.limits.ceiling - status.desired.expected)
    if capacity.limits.max_surge == 0 or count <= 0:
        return status, ()
    group = view.observation.group
    if group is not None and group.can_launch_instances:
        return _launch_in_group(view, count)
    return _raise_desired(view, count)


def client_token(rollout: Rollout, number: int) -> str:
    """Return the token of a rollout's launch: the same for the same launch, at most 64 ASCII characters."""
    return f"awsroll-{rollout.rollout_id}-{number}"


def _launch_standalone(view: View, count: int, on_goal: int) -> tuple[Status, tuple[Action, ...]]:
    """Launch `count` instances, the first `on_goal` of them on the goal version.

    Beyond the next gate nothing is touched: a place that is empty there gets an instance of its own baseline.
    """
    status, actions, empty = view.status, [], set(vacancies(view))
    for number, name in enumerate(_predecessors(view)[:count]):
        within = number < on_goal
        template = _template_for(view, name, on_goal=within)
        if template is None or (not within and name not in empty):
            continue
        request = _request(replace(view, status=status), name, template)
        counters = replace(status.counters, launches=request.number)
        status = replace(status, launches=(*status.launches, request), counters=counters)
        ended = name not in view.by_id or view.is_gone(view.by_id[name])
        reason = Reason.REPLACING_VACANCY if ended else Reason.SURGING
        actions.append(act.LaunchInstance(launch=request, reason=reason))
    return status, tuple(actions)


def _template_for(view: View, name: str, *, on_goal: bool) -> TemplateVersion | None:
    """Return what the place of `name` gets: the goal; on the way back, or beyond a gate, what it came from."""
    place = next(place for place in view.status.slots if name in place.instance_ids)
    if on_goal and not view.status.rolling_back:
        return view.rollout.template
    own = place.template if place.template != view.original.template else None
    return own or view.original.baseline_template


def _predecessors(view: View) -> tuple[str, ...]:
    """Return the occupants whose place gets a new instance next: empty places first, then in the order of going."""
    taken = {one.replaces for one in view.status.launches}
    empty = vacancies(view)
    leaving = [view.by_id[name] for name in view.status.retiring if name in view.by_id]
    waiting = (*leaving, *order(view, view.candidates))
    going = tuple(
        one.instance_id
        for one in waiting
        if one.instance_id in view.slots and one.instance_id not in taken and one.instance_id not in empty
    )
    return (*empty, *going)


def _request(view: View, name: str, template: TemplateVersion) -> Launch:
    place = next(place for place in view.status.slots if name in place.instance_ids)
    number = view.status.counters.launches + 1
    return Launch(
        number=number,
        token=client_token(view.rollout, number),
        at=view.observation.at,
        zone=place.zone,
        subnet_id=place.subnet_id,
        template=template,
        replaces=name,
        targets=place.targets,
        tags=_tags(view, name, place, template),
    )


def _tags(view: View, name: str, place: Slots, template: TemplateVersion) -> tuple[tuple[str, str], ...]:
    """Return the predecessor's user tags and our own. Of one that is long gone, a neighbour's common tags are kept."""
    before = view.by_id.get(name)
    theirs = before.tags if before is not None and before.tags else _common_tags(view, place)
    return replacement_tags(view.rollout, theirs, replaces=name, template=template)


def _common_tags(view: View, place: Slots) -> tuple[tuple[str, str], ...]:
    neighbours = [set(view.by_id[one].tags) for one in place.instance_ids if one in view.by_id and view.by_id[one].tags]
    return tuple(sorted(set.intersection(*neighbours))) if neighbours else ()


def _launch_in_group(view: View, count: int) -> tuple[Status, tuple[Action, ...]]:
    group = view.observation.group
    if group is None:
        return view.status, ()
    status, actions, subnets = view.status, [], dict(group.zones)
    for zone, wanted in sorted(_zones(view, count, with_capacity(view, tuple(subnets))).items()):
        number = status.counters.launches + 1
        request = Launch(
            number=number,
            token=client_token(view.rollout, number),
            at=view.observation.at,
            count=min(wanted, MEMBERS_LAUNCHED),
            zone=zone,
            subnet_id=subnets.get(zone, ""),
            template=view.rollout.template,
        )
        counters = replace(status.counters, launches=number)
        status = replace(status, launches=(*status.launches, request), counters=counters)
        actions.append(act.LaunchInGroup(group=group.name, launch=request, reason=Reason.SURGING))
    return status, tuple(actions)


def _zones(view: View, count: int, known: tuple[str, ...]) -> "Counter[str]":
    """Choose a zone for each of `count` launches: those of the next instances to go, among the group's own zones.

    Instances that are there beyond the desired capacity stand for some of those already: an earlier part of the surge.
    """
    covered = _unmatched(view)
    zones = [one.zone for one in order(view, view.candidates) if one.zone in known]
    going: list[str] = []
    for zone in zones:
        if covered[zone]:
            covered[zone] -= 1
        else:
            going.append(zone)
    leaving = Counter(going[:count])
    live = Counter(one.zone for one in view.live)
    for _ in range(count - leaving.total()):
        emptiest = min(known, key=lambda zone: (live[zone] + leaving[zone], zone), default="")
        leaving[emptiest] += 1
    return leaving


def _unmatched(view: View) -> "Counter[str]":
    """Count, by zone, the newest instances on the goal whose old ones have not been chosen to go yet."""
    goal = len(view.live) if view.status.desired is None else view.status.desired.goal
    extra = sum(1 for one in view.live if one.instance_id not in view.leaving) - goal
    newest = sorted(view.current, key=lambda one: (one.launched_at or view.observation.at, one.instance_id))
    return Counter(one.zone for one in newest[len(newest) - max(0, extra) :])


def _raise_desired(view: View, count: int) -> tuple[Status, tuple[Action, ...]]:
    """Surge by desired capacity, where the group takes no `LaunchInstances`: an absolute value, up only."""
    status, group = view.status, view.observation.group
    if group is None or status.desired is None or any(call.kind is CallKind.SET_DESIRED for call in status.calls):
        return status, ()
    value = status.desired.expected + count
    call = Call(kind=CallKind.SET_DESIRED, at=view.observation.at, number=value)
    action = act.SetDesiredCapacity(
        group=group.name, value=value, expected=status.desired.expected, reason=Reason.SURGING
    )
    return replace(status, calls=(*status.calls, call)), (action,)


def note_shortage(view: View, capacity: Capacity) -> Status:
    """Start or stop the clock of instances that the group owes us, with the group's own reason."""
    status, group, at = view.status, view.observation.group, view.observation.at
    if view.rollout.kind is FleetKind.STANDALONE or group is None:
        return status
    status = excuse_failures(view, owed=capacity.inbound > 0)
    failures = [one for one in group.launch_failures if one.at >= status.started_at]
    if capacity.inbound == 0:
        waiting = status.shortage.launch_after is not None
        return status if waiting else _with_shortage(status, since=None, reason="")
    reason = failures[-1].message if failures else status.shortage.reason
    arrived = any(server.phase is ServerPhase.LAUNCHING and server.since == at for server in status.servers.values())
    since = at if arrived or status.shortage.since is None else status.shortage.since
    return _with_shortage(status, since=since, reason=reason)


def _with_shortage(status: Status, *, since: datetime | None, reason: str) -> Status:
    return replace(status, shortage=replace(status.shortage, since=since, reason=reason))
