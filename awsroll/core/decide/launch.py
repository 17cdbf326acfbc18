"""Decides which instances to launch, in which zone and from which version.

A launch is recorded with its whole request before it is made, and repeated with the same token until its outcome is
known. Only then is the next number used. A group without a surge launches by itself; awsroll only observes its members.
"""

from collections import Counter
from datetime import datetime, timedelta

from awsroll.core.aws_limits import LAUNCH_INSTANCES_TOKEN_LIFETIME, MEMBERS_LAUNCHED, RUN_INSTANCES_TOKEN_LIFETIME
from awsroll.core.aws_names import client_token
from awsroll.core.classify.capacity import Capacity, vacancies
from awsroll.core.classify.desired import moved, shortfall
from awsroll.core.classify.replacement import replacement_tags
from awsroll.core.classify.view import View
from awsroll.core.decide.gates import launches_left
from awsroll.core.decide.launch_batches import in_calls, numbered
from awsroll.core.decide.victims import order
from awsroll.core.decide.zone_turns import candidates_in_turn, zone_in_turn, zones_to_come
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import Call, CallKind, Launch
from awsroll.core.model.observation import FleetKind, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_failures
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.server_record import Slots
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Failure
from awsroll.core.observe.launch_answers import RETRY_LAUNCH_SECONDS
from awsroll.core.observe.refused_launches import excuse_failures
from awsroll.core.observe.short_zones import note_shifted_zones, with_capacity

_AFTER_A_REFUSAL = timedelta(seconds=RETRY_LAUNCH_SECONDS)
_EMPTY = "AWS answered the launch without instances and without errors"
_NOT_IN_A_ZONE = (
    "without LaunchInstances awsroll cannot say into which zone a group launches, and --zones one-by-one needs that: "
    "grant autoscaling:LaunchInstances and ec2:CreateFleet"
)
_AROUND_A_CALL = timedelta(minutes=2)  # clocks differ, and the call may have come right after the last observation


def adopt_old_launches(view: View) -> Status:
    """Settle launches of a group that can no longer be repeated, by what the observation shows.

    LaunchInstances takes no tags. So the instances of such a launch are members on the target version, in its zone,
    launched while a process that could have made the call was alive, and at most as many as desired has risen. If the
    observation shows none, the launch had no effect.
    """
    status, group = view.status, view.observation.group
    if group is None or status.desired is None or status.observed_at is None:
        return status
    for launch in status.launches:
        room = group.desired - status.desired.expected
        is_repeatable = _is_young(view, launch) and not launch.refused and not _has_stayed_empty(view, launch)
        if launch.settled or is_repeatable or room <= 0:
            continue
        members = _launched_by(view.with_status(status), launch)[: min(room, launch.count)]
        if members:
            settled = launch.settle(members)
            launches = tuple(settled if other.number == launch.number else other for other in status.launches)
            status = moved(replace(status, launches=launches), len(members), view.observation.at)
    return status


def _launched_by(view: View, launch: Launch) -> tuple[str, ...]:
    first, last = launch.at - _AROUND_A_CALL, (view.status.observed_at or launch.at) + _AROUND_A_CALL
    return tuple(
        instance.instance_id
        for instance in view.current
        if instance.instance_id not in view.launched
        and launch.zone in ("", instance.zone)
        and instance.launched_at is not None
        and first <= instance.launched_at <= last
    )


def _is_young(view: View, launch: Launch) -> bool:
    """Return whether AWS surely remembers the token of a launch, so that repeating the launch has no second effect."""
    in_group = view.rollout.kind is FleetKind.AUTO_SCALING
    lifetime = LAUNCH_INSTANCES_TOKEN_LIFETIME if in_group else RUN_INSTANCES_TOKEN_LIFETIME
    return view.observation.at - launch.at < lifetime


def _has_stayed_empty(view: View, launch: Launch) -> bool:
    """Return whether AWS has answered a launch without instances and errors for as long as a launch may take."""
    patience = timedelta(seconds=view.rollout.limits.launch_seconds)
    return launch.empty_since is not None and view.observation.at - launch.empty_since >= patience


def settle_launches(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Repeat the launches whose outcome is not known, with the same token and request, so the same instances result."""
    status = view.status
    settled = tuple(launch for launch in status.launches if launch.settled)
    unsettled = [launch for launch in status.launches if not launch.settled]
    repeated = tuple(replace(launch, repeated=True) for launch in unsettled if _may_have_been_made(view, launch))
    without = [launch for launch in unsettled if not _may_have_been_made(view, launch)]
    refusals = [launch.refused or _EMPTY for launch in without if launch.refused or launch.empty_since]
    if refusals:
        at = view.observation.at
        shortage = replace(
            status.shortage,
            since=status.shortage.since or at,
            reason=refusals[-1],
            launch_after=at + _AFTER_A_REFUSAL,
        )
        status = replace(status, shortage=shortage)
    return replace(status, launches=(*settled, *repeated)), tuple(_action(view, launch) for launch in repeated)


def _may_have_been_made(view: View, launch: Launch) -> bool:
    """Return whether a launch may have had an effect.

    A refused launch that no observation shows within `settle_seconds` had none. Neither had a launch that AWS answered
    without instances and errors for as long as a launch may take.
    """
    settled_in = timedelta(seconds=view.rollout.limits.settle_seconds)
    was_refused = bool(launch.refused) and view.observation.at - launch.at >= settled_in
    return _is_young(view, launch) and not was_refused and not _has_stayed_empty(view, launch)


def _action(view: View, launch: Launch) -> Action:
    if view.rollout.kind is FleetKind.STANDALONE:
        return act.LaunchInstance(launch=launch, reason=Reason.REPLACING_VACANCY)
    return act.LaunchInGroup(group=view.rollout.group, launch=launch, reason=Reason.SURGING)


def launch(view: View, capacity: Capacity) -> tuple[Status, tuple[Action, ...]]:
    """Propose new launches, as many as the ceiling and the target allow."""
    status, at = view.status, view.observation.at
    if (
        view.rollout.reloads
    ):  # it launches nothing, but restores the desired capacity that its standby moves have lowered
        missing = shortfall(view)
        return _raise_desired(view, missing) if missing else (status, ())
    count = capacity.launches_allowed
    if count == 0 or (status.shortage.launch_after is not None and at < status.shortage.launch_after):
        return status, ()
    if view.rollout.kind is FleetKind.STANDALONE:
        return _launch_standalone(view, count, launches_left(view, capacity))
    count = min(count, launches_left(view, capacity))
    if status.desired is not None:  # ended members are replaced by terminating them, not by a larger surge
        count = min(count, capacity.limits.ceiling - status.desired.expected)
    return (status, ()) if capacity.limits.max_surge == 0 or count <= 0 else _surge(view, count)


def _surge(view: View, count: int) -> tuple[Status, tuple[Action, ...]]:
    """Launch members, or raise the desired capacity; only the former if the zones come one by one."""
    status, group, at = view.status, view.observation.group, view.observation.at
    if group is not None and group.can_launch_instances and not status.launches_denied:
        return _launch_in_group(view, count)
    if view.rollout.gates.by_zone:
        return add_failures(status, Failure(instance_id="", cause=_NOT_IN_A_ZONE, at=at, final=True)), ()
    return _raise_desired(view, count)


def _launch_standalone(view: View, count: int, on_target: int) -> tuple[Status, tuple[Action, ...]]:
    """Launch `count` instances, the first `on_target` of them on the target version.

    Beyond the next gate no old server is replaced: an empty slot gets an instance of its baseline.
    """
    requests, empty, shared = list[Launch](), set(vacancies(view)), _SharedTags(view)
    made, to_come = 0, zones_to_come(view)
    for name in _predecessors(view)[:count]:
        before_gate = made < on_target and view.shapes[name].zone not in to_come
        made += before_gate
        template = _template_for(view, name, on_target=before_gate)
        if template is not None and (before_gate or name in empty):
            requests.append(_request(view, name, template, shared))
    before = view.status.counters.launches
    launches = list[Launch]()
    for batch in in_calls(view, requests):
        launches += numbered(view, batch, before + len(launches) + 1)
    counters = replace(view.status.counters, launches=before + len(launches))
    status = replace(view.status, launches=(*view.status.launches, *launches), counters=counters)
    return status, tuple(act.LaunchInstance(launch=one, reason=_reason(view, one)) for one in launches)


def _reason(view: View, launch: Launch) -> Reason:
    before = view.by_id.get(launch.replaces)
    is_out = before is None or view.is_gone(before) or view.is_taken_out(before)
    return Reason.REPLACING_VACANCY if is_out else Reason.SURGING


def _template_for(view: View, name: str, *, on_target: bool) -> TemplateVersion | None:
    """Return the version for the slot of `name`: the target; in a rollback, or beyond a gate, the slot's baseline."""
    slots = view.shapes[name]
    if on_target and not view.status.rolling_back:
        return view.rollout.template
    baseline = slots.template if slots.template != view.original.template else None
    return baseline or view.original.baseline_template


def _predecessors(view: View) -> tuple[str, ...]:
    """Return the instances whose slot gets a new instance next: empty slots first, then in the order of leaving."""
    taken = {launch.replaces for launch in view.status.launches}
    empty = dict.fromkeys(vacancies(view))
    leaving = [view.by_id[name] for name in view.status.retiring if name in view.by_id]
    ids = (instance.instance_id for instance in (*leaving, *order(view, candidates_in_turn(view))))
    return (*empty, *(name for name in ids if name in view.slots and name not in taken and name not in empty))


def _request(view: View, name: str, template: TemplateVersion, shared: "_SharedTags") -> Launch:
    """Return the launch for the slot of `name`, still without a number and a token."""
    slots = view.shapes[name]
    return Launch(
        number=0,
        token="",
        at=view.observation.at,
        zone=slots.zone,
        subnet_id=slots.subnet_id,
        template=template,
        replaces=name,
        targets=slots.targets,
        tags=_tags(view, name, shared, template),
    )


def _tags(view: View, name: str, shared: "_SharedTags", template: TemplateVersion) -> tuple[tuple[str, str], ...]:
    """Return the predecessor's user tags and awsroll's tags.

    If EC2 no longer shows the predecessor, the tags that the other instances of its slots share take their place.
    """
    before = view.by_id.get(name)
    tags = before.tags if before is not None and before.tags else shared.of(view.shapes[name])
    return replacement_tags(view.rollout, tags, replaces=name, template=template)


class _SharedTags:
    """The tags that all instances of the same slots share, computed once for many launches."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[Slots, tuple[tuple[str, str], ...]] = {}

    def of(self, slots: Slots) -> tuple[tuple[str, str], ...]:
        """Return the shared tags of some slots."""
        if slots not in self._known:
            neighbours = (self._view.by_id[name] for name in slots.instance_ids if name in self._view.by_id)
            tags = [set(instance.tags) for instance in neighbours if instance.tags]
            self._known[slots] = tuple(sorted(set.intersection(*tags))) if tags else ()
        return self._known[slots]


def _launch_in_group(view: View, count: int) -> tuple[Status, tuple[Action, ...]]:
    group = view.observation.group
    if group is None:
        return view.status, ()
    status, actions, subnets = view.status, [], dict(group.zones)
    if zone := zone_in_turn(view):
        subnets = {zone: subnets.get(zone, "")}
    for zone, wanted in sorted(_zones(view, count, with_capacity(view, tuple(subnets))).items()):
        number = status.counters.launches + 1
        request = Launch(
            number=number,
            token=client_token(view.rollout.rollout_id, number, zone),
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
    """Choose a zone for each of `count` launches: the emptiest; of equal ones, a zone where an instance is to leave.

    So the surplus never unbalances the group, which would rebalance itself at the next gate. An earlier part of the
    surge already replaces some of the instances to leave, so it is subtracted.

    Worked example: old instances are in a, b, a, and one new instance in b; three launches are due. Zone a has two
    instances, b has two, c has none. So two launches go to c, and the third to a: the new instance covers the one in b.
    """
    uncovered = Counter(instance.zone for instance in view.candidates) - _unmatched(view)
    members, chosen = Counter(instance.zone for instance in view.live), Counter[str]()
    for _ in range(count):
        zone = min(
            known, key=lambda zone: (members[zone] + chosen[zone], uncovered[zone] <= chosen[zone], zone), default=""
        )
        chosen[zone] += 1
    return chosen


def _unmatched(view: View) -> "Counter[str]":
    """Count, by zone, the newest instances on the target version whose predecessors are not leaving yet."""
    goal = len(view.live) if view.status.desired is None else view.status.desired.goal
    extra = sum(1 for instance in view.live if instance.instance_id not in view.leaving) - goal
    newest = sorted(
        view.current, key=lambda instance: (instance.launched_at or view.observation.at, instance.instance_id)
    )
    return Counter(instance.zone for instance in newest[len(newest) - max(0, extra) :])


def _raise_desired(view: View, count: int) -> tuple[Status, tuple[Action, ...]]:
    """Surge by a higher desired capacity if the group does not accept `LaunchInstances`; never lower it."""
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
    """Start or stop the clock of instances that the group has yet to launch, with the reason that the group gives."""
    status, group, at = view.status, view.observation.group, view.observation.at
    if view.rollout.kind is FleetKind.STANDALONE or group is None:
        return status
    status = note_shifted_zones(view, excuse_failures(view, owed=capacity.inbound > 0))
    failures = [failure for failure in group.launch_failures if failure.at >= status.started_at]
    if capacity.inbound == 0:
        waiting = status.shortage.launch_after is not None
        return status if waiting else _with_shortage(status, since=None, reason="")
    reason = failures[-1].message if failures else status.shortage.reason
    arrived = any(server.phase is ServerPhase.LAUNCHING and server.since == at for server in status.servers.values())
    since = at if arrived or status.shortage.since is None else status.shortage.since
    return _with_shortage(status, since=since, reason=reason)


def _with_shortage(status: Status, *, since: datetime | None, reason: str) -> Status:
    return replace(status, shortage=replace(status.shortage, since=since, reason=reason))
