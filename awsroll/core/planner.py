"""Decides what to do next, from the request, one look, and what was kept: pure, so that it can be proven.

`plan` is the whole of it. It first brings the record up to the look (settle calls without an answer, clocks, launches,
places, desired capacity, deadlines), then asks each concern for the writes it would make now, and takes those of one
kind, in this order: settle > prepare > register > launch > drain and terminate or reload > finish. Then the fleet is
looked at again. Nothing is remembered of where a rollout "was": every plan is made anew from what is seen.
"""

from dataclasses import replace
from datetime import timedelta

from awsroll.core.classify import desired
from awsroll.core.classify.capacity import Capacity, measure
from awsroll.core.classify.draining import CONFIRM_SECONDS
from awsroll.core.classify.view import View
from awsroll.core.decide import gates, settings
from awsroll.core.decide.bring_back import bring_back
from awsroll.core.decide.finish import finish
from awsroll.core.decide.launch import adopt_old_launches, launch, note_shortage, settle_launches
from awsroll.core.decide.register import register
from awsroll.core.decide.reload import check_commands, reload
from awsroll.core.decide.retire import retire
from awsroll.core.decide.selection import excess, select, undecided
from awsroll.core.model.actions import Action, Answer, Reason, Result
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Hold, Plan, add_failures, pause, seconds_until_next_observation
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.rollout import Rollout, SkipPolicy
from awsroll.core.model.status import Failure, Mode, Outcome, Status
from awsroll.core.observe import clocks, deadlines, hook_runs, membership
from awsroll.core.observe.settle import settle, settle_by_observation
from awsroll.core.observe.verdict import decide_on_failure


def plan(rollout: Rollout, observation: Observation, status: Status) -> Plan:
    """Decide the next step of a rollout.

    Args:
        rollout: the request.
        observation: what was just seen; its `at` is the only "now".
        status: what was kept from the step before.

    Returns:
        The actions to carry out (all of one kind, possibly none), the status to save before doing so, and when to look
        again. An ended or paused rollout gets no actions.
    """
    view = View(rollout, observation, status)
    if status.mode is Mode.ENDED or status.outcome is not Outcome.RUNNING:
        return Plan(actions=(), status=status)
    before = status
    view = _look(view)
    if before.observed_at is None and not before.backwards:
        view = _remember_found(view)
    capacity = measure(view)
    view = _count(view, capacity)
    for check in (deadlines.check_deadlines, gates.check_alarms, decide_on_failure):
        view = replace(view, status=check(view))
    if view.status.backwards is not before.backwards or view.status.outcome is not Outcome.RUNNING:
        return Plan(actions=(), status=view.status)
    status, actions = settle_launches(view)
    if actions:
        return Plan(actions=actions, status=status, holds=(Hold(reason=Reason.SETTLING),), requeue_seconds=2)
    view = replace(view, status=status)
    if view.status.mode is Mode.ROLLING:
        status, proposals = _roll(view, capacity)
    else:
        status, proposals = finish(view)
    return _planned(replace(view, status=status), proposals, turned=_has_turned(before, status))


def _has_turned(before: Status, after: Status) -> bool:
    """Tell whether the next look is due at once: something was decided that the next plan is to follow."""
    gate_moved = (before.gate_since is None) is not (after.gate_since is None)
    return before.mode is not after.mode or gate_moved or before.baked is not after.baked


def _look(view: View) -> View:
    """Bring the record up to what is seen."""
    for update in (
        deadlines.check_deaths,
        settle_by_observation,
        adopt_old_launches,
        hook_runs.settle_hooks,
        clocks.advance,
        membership.refresh,
        desired.read,
        check_commands,
    ):
        view = replace(view, status=update(view))
    return view


def _remember_found(view: View) -> View:
    """Keep, at the first look, which instances were on the goal version before anything was done."""
    found = tuple(sorted(one.instance_id for one in view.current))
    return replace(view, status=replace(view.status, found=found))


def _count(view: View, capacity: Capacity) -> View:
    status = note_shortage(view, capacity)
    lowest = status.counters.lowest_serving
    counters = replace(
        status.counters,
        lowest_serving=capacity.serving if lowest is None else min(lowest, capacity.serving),
        highest_live=max(status.counters.highest_live, capacity.live),
        skipped=len(view.skipped),
    )
    return replace(view, status=replace(status, counters=counters))


def _roll(view: View, capacity: Capacity) -> tuple[Status, Proposals]:
    """Propose the next writes of one kind, in the order of preference."""
    before = Proposals()
    if not view.status.backwards and hook_runs.awaits(view, before, HookPoint.BEFORE_ROLLOUT):
        return view.status, before
    status, gate = gates.pass_gate(view)
    view = replace(view, status=status)
    status, writes = settings.prepare(view, capacity.limits, at_rest=_is_at_rest(view, capacity))
    view, proposals = replace(view, status=status), Proposals(writes=list(writes))
    if writes:
        return status, proposals
    arriving = register(view, _arriving(view))
    status = bring_back(view, arriving, Reason.ROLLING_BACK)
    view = replace(view, status=status)
    if arriving.writes:
        return view.status, arriving
    status, writes = launch(view, capacity)
    if writes:
        return status, Proposals(writes=list(writes))
    view = replace(view, status=status)
    status = select(view, capacity)
    view = replace(view, status=status)
    if waiting := undecided(view, capacity):
        return status, Proposals(waiting={Reason.SETTLING: sorted(waiting)})
    status, proposals = _take_out(view)
    proposals.hooks += [*arriving.hooks, *gate.hooks]
    for reason, ids in arriving.waiting.items():
        for one in ids:
            proposals.wait(reason, one)
    busy = proposals.writes or proposals.waiting or status.reloading or status.retiring
    return (status, proposals) if busy else _wait_or_complete(replace(view, status=status), capacity, gate)


def _take_out(view: View) -> tuple[Status, Proposals]:
    """Propose the next step for what is on its way out, or through a reload; dead members of a group are ended."""
    if not view.rollout.reloads:
        return retire(view)
    status, proposals = reload(view)
    if proposals.writes or not status.retiring:
        return status, proposals
    status, ending = retire(replace(view, status=status))
    ending.hooks += proposals.hooks
    for reason, ids in proposals.waiting.items():
        for one in ids:
            ending.wait(reason, one)
    return status, ending


def _is_at_rest(view: View, capacity: Capacity) -> bool:
    """Tell whether nothing may be touched now and nothing is in flight, so that the group's own launches matter."""
    status = view.status
    moving = capacity.in_flight or status.retiring or status.reloading or status.returning
    return status.gate_since is not None or (bool(status.pausing) and not moving)


def _arriving(view: View) -> tuple[str, ...]:
    """Return current and just launched instances that do not serve yet and are not in other hands."""
    busy = {*view.chosen, *view.status.serving, *view.status.returning}
    return tuple(
        one.instance_id
        for one in view.live
        if (view.is_current(one) or one.instance_id in view.launched)
        and one.instance_id not in busy
        and not view.is_away(one)
    )


def _wait_or_complete(view: View, capacity: Capacity, proposals: Proposals) -> tuple[Status, Proposals]:
    """Nothing can be done and nothing is in flight: wait at a gate, pause, bake, or call it complete."""
    if view.status.pausing and not (capacity.inbound or view.status.calls):
        return replace(pause(view.status, view.status.pausing), pausing=""), proposals
    if proposals.waiting:
        return view.status, proposals
    if not (capacity.inbound or view.status.calls):  # what the group still owes is below the gate
        view = replace(view, status=gates.reach(view, capacity))
    if view.status.gate_since is not None:
        return view.status, proposals
    return _complete(view, capacity, proposals)


def _complete(view: View, capacity: Capacity, proposals: Proposals) -> tuple[Status, Proposals]:
    status, at = view.status, view.observation.at
    waiting = tuple(one for one in view.skipped if not _is_ignored(view.rollout, away=view.is_away(one)))
    to_go = view.candidates or len(view.outdated) > len(view.skipped)  # pending ones are no candidates yet
    to_go = to_go or excess(view, capacity) > 0
    if to_go or capacity.inbound or capacity.current_serving < capacity.goal_current or status.calls:
        proposals.waiting.setdefault(Reason.CAPACITY, [])
        return replace(status, baking_since=None), proposals
    if waiting:
        since = status.skipped_since or at
        status = replace(status, skipped_since=since, progress_at=at)
        if (at - since).total_seconds() >= view.rollout.limits.skipped_seconds:
            names = ", ".join(one.instance_id for one in waiting)
            cause = f"still protected or in standby after {view.rollout.limits.skipped_seconds:g} s: {names}"
            return add_failures(status, Failure(instance_id="", cause=cause, at=at, final=True)), proposals
        proposals.waiting[Reason.SKIPPED] = [one.instance_id for one in waiting]
        return status, proposals
    status, baking = gates.bake(view)
    if baking.waiting:
        return status, baking
    if status.kept:
        return replace(status, kept=(), retiring=(*status.retiring, *status.kept)), proposals
    return replace(status, mode=Mode.COMPLETING), proposals


def _is_ignored(rollout: Rollout, *, away: bool) -> bool:
    return (rollout.standby if away else rollout.protected) is SkipPolicy.IGNORE


def _planned(view: View, proposals: Proposals, *, turned: bool) -> Plan:
    """Take the writes of one kind, take back what was announced of the others, and say when to look again."""
    actions = _one_kind(proposals.writes)
    others = tuple(Result(action=one, answer=Answer.STALE) for one in proposals.writes if one not in actions)
    view = replace(view, status=settle(view.status, others, view.observation.at))
    status, runs = hook_runs.begin(view, proposals)
    holds = tuple(_with_deadline(view, hold) for hold in proposals.holds())
    seconds = 0.0 if actions or turned else _patience(view, holds)
    return Plan(actions=actions, status=status, holds=holds, requeue_seconds=seconds, hooks=runs)


def _with_deadline(view: View, hold: Hold) -> Hold:
    flights = [view.status.flights[name] for name in hold.instance_ids if name in view.status.flights]
    ends = [flight.since + timedelta(seconds=clocks.deadline_seconds(view, flight.step)) for flight in flights]
    return replace(hold, until=min(ends, default=None))


def _one_kind(writes: list[Action]) -> tuple[Action, ...]:
    return tuple(one for one in writes if type(one) is type(writes[0]))


def _patience(view: View, holds: tuple[Hold, ...]) -> float:
    """Return when to look again: as fits what is awaited, at once when a drain that we began is to be over."""
    at, delays = view.observation.at, view.observation.target_groups
    delay = max((group.deregistration_delay_seconds for group in delays), default=0)
    ends = [
        delay - (at - flight.deregistered_at).total_seconds()
        for flight in view.status.flights.values()
        if flight.deregistered_at is not None
    ]
    ends += [seconds for seconds in (gates.seconds_until_open(view),) if seconds is not None]
    soonest = min((seconds for seconds in ends if seconds > 0), default=None)
    if any(flight.gone_since is not None and flight.deregistered_at for flight in view.status.flights.values()):
        soonest = CONFIRM_SECONDS
    return seconds_until_next_observation(holds, poll=view.rollout.limits.poll_seconds, soonest=soonest)
