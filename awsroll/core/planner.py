"""Decides what to do next from the request, one observation, and the record. Pure, so that it can be proven.

Read this file first. `plan` first brings the record up to the observation: calls without an answer, phases and clocks,
launches, slots, desired capacity, deadlines. Then it asks each concern for the writes that it would make now, and takes
the writes of one kind, in this order:

    settle > prepare settings > register > launch > take out (retire or reload) > finish

After that the fleet is observed again. A plan does not depend on earlier plans, only on what is observed and recorded.
"""

from datetime import timedelta

from awsroll.core.classify import desired
from awsroll.core.classify.capacity import Capacity, measure
from awsroll.core.classify.view import View
from awsroll.core.decide import blocks, gates, rehearsal, settings
from awsroll.core.decide.bring_back import bring_back
from awsroll.core.decide.control_server import is_bake_due
from awsroll.core.decide.finish import finish
from awsroll.core.decide.health_marks import clear_before_care, clear_for_serving, warn_of_marks
from awsroll.core.decide.launch import adopt_old_launches, launch, note_shortage, settle_launches
from awsroll.core.decide.next_look import seconds_until_next_look
from awsroll.core.decide.nothing_to_do import complete_at_once, has_nothing_to_do
from awsroll.core.decide.recall import undecided
from awsroll.core.decide.register import register, tag_launched
from awsroll.core.decide.reload import check_commands, reload
from awsroll.core.decide.rest import rest_in_pause, rest_of
from awsroll.core.decide.retire import retire
from awsroll.core.decide.routing import advice, changed_routing, without_gone
from awsroll.core.decide.selection import excess, select
from awsroll.core.decide.settings import Rest
from awsroll.core.lifecycle import IllegalMoveError, ServerChanges, note, phase_of
from awsroll.core.model.action_results import PUT_OFF, Answer, Result
from awsroll.core.model.actions import Action
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import Instance, Observation
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import Hold, Plan, add_failures, pause
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import SkipPolicy
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Failure, Owner, Rehearsal
from awsroll.core.observe import clocks, deadlines, hook_runs, judging, membership
from awsroll.core.observe.learn_rhythm import learn
from awsroll.core.observe.settle import settle, settle_by_observation
from awsroll.core.observe.status_checks import check_status_checks, is_trust_due
from awsroll.core.observe.verdict import decide_on_failure

_SETTLE_SECONDS = 2.0  # between two attempts to settle a launch without an answer
_ARRIVING = (ServerPhase.NONE, ServerPhase.LAUNCHING, ServerPhase.VERIFYING)


def plan(rollout: Rollout, observation: Observation, status: Status) -> Plan:
    """Decide the next step of a rollout.

    Args:
        rollout: the request.
        observation: what was just observed; its `at` is the only "now".
        status: the record as it was saved last.

    Returns:
        The actions to carry out (all of one kind, possibly none), the record to save before that, and when to observe
        again. An ended or paused rollout gets no actions. A move that the lifecycle does not allow pauses the rollout,
        and nothing is done.
    """
    try:
        return decide(rollout, observation, status)
    except IllegalMoveError as error:
        cause = f"awsroll found a contradiction in its own record and did nothing: {error}"
        failed = add_failures(status, Failure(instance_id="", cause=cause, at=observation.at, final=True))
        advice = (
            f"The fleet was left as it is. Report this with the record, then try `awsroll resume {rollout.rollout_id}`"
        )
        return Plan(actions=(), status=pause(replace(failed, judged=len(failed.failures)), f"{cause}. {advice}"))


def decide(rollout: Rollout, observation: Observation, status: Status) -> Plan:
    """Decide the next step, as `plan` does.

    Raises:
        IllegalMoveError: if a part of the planner moves a server in a way that the lifecycle does not allow.
    """
    changed = changed_routing(rollout, observation)
    rollout, before = without_gone(rollout, observation, replace(status, events=()))
    if before.must_rest and before.outcome is Outcome.PAUSED:
        return rest_in_pause(View(rollout, observation, before))
    if before.mode is Mode.ENDED or before.outcome is not Outcome.RUNNING:
        return Plan(actions=(), status=before)
    if changed and before.mode is Mode.ROLLING and not before.user_requests.abort:
        rests = rollout.group not in observation.gone
        return Plan(actions=(), status=pause(before, f"{changed}. {advice(rollout)}", rests=rests))
    view = _bring_up_to_date(View(rollout, observation, before))
    capacity = measure(view)
    view = _count(view, capacity)
    checks = (
        deadlines.check_deadlines,
        gates.check_alarms,
        judging.note_flags,
        gates.check_judge,
        check_status_checks,
        decide_on_failure,
    )
    for check in checks:
        view = view.with_status(check(view))
    if view.status.rolling_back is not before.rolling_back or view.status.outcome is not Outcome.RUNNING:
        return Plan(actions=(), status=view.status)
    status, actions = settle_launches(view)
    if actions:
        hold = Hold(reason=Reason.SETTLING)
        return Plan(actions=actions, status=status, holds=(hold,), requeue_seconds=_SETTLE_SECONDS)
    view = view.with_status(status)
    status, proposals = _roll(view, capacity) if status.mode is Mode.ROLLING else finish(view)
    return _planned(view.with_status(status), proposals, turned=_has_turned(before, status))


def _has_turned(before: Status, after: Status) -> bool:
    """Return whether the next observation is due at once: the next plan follows from what was decided."""
    gate_moved = (before.gate.closed_since is None) is not (after.gate.closed_since is None)
    waits = after.gate.closed_since is not None or after.gate.baking_since is not None or after.retiring
    asks = before.checking_since is None and after.checking_since is not None and not waits
    turned = before.mode is not after.mode or before.rolling_back is not after.rolling_back
    return turned or gate_moved or before.gate.baked is not after.gate.baked or asks


def _bring_up_to_date(view: View) -> View:
    before = view.status
    first = before.observed_at is None and not before.rolling_back
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
        view = view.with_status(update(view))
    view = view.with_status(learn(view, before))
    if not first:
        return view
    current = tuple(sorted(instance.instance_id for instance in view.current))
    begin = Rehearsal.FORTH if view.original.gates.rehearses else Rehearsal.NONE
    return view.with_status(replace(view.status, current_at_start=current, rehearsal=begin))


def _count(view: View, capacity: Capacity) -> View:
    status = note_shortage(view, capacity)
    lowest = status.counters.lowest_serving
    counters = replace(
        status.counters,
        lowest_serving=capacity.serving if lowest is None else min(lowest, capacity.serving),
        highest_live=max(status.counters.highest_live, capacity.live),
        highest_running=max(status.counters.highest_running, capacity.running),
        skipped=len(view.skipped),
    )
    asked = status.checking_since or view.observation.at
    checking_since = asked if is_trust_due(view.with_status(status), capacity) else None
    return view.with_status(replace(status, counters=counters, checking_since=checking_since))


# --- rolling ----------------------------------------------------------------------------------------------------------


def _roll(view: View, capacity: Capacity) -> tuple[Status, Proposals]:
    """Propose the next writes of one kind, in the order of preference.

    A concern that has writes ends the step. The order of the calls below is the order of preference.
    """
    first = Proposals()
    if has_nothing_to_do(view, capacity):
        return complete_at_once(view), first
    view = view.with_status(blocks.note_block(view, capacity))
    starts = not view.status.rolling_back and view.status.blocked is None
    if starts and hook_runs.awaits(view, first, HookPoint.BEFORE_ROLLOUT):
        return view.status, first
    status, gate = gates.pass_gate(view)
    if status.rolling_back is not view.status.rolling_back:
        return status, first
    return _roll_on(view.with_status(status), capacity, gate)


def _roll_on(view: View, capacity: Capacity, gate: Proposals) -> tuple[Status, Proposals]:
    rest, status = rest_of(view, capacity), view.status
    if rest is not Rest.NONE and (marks := clear_before_care(view)):
        return status, Proposals(writes=list(marks))
    status, writes = settings.prepare(view, capacity.limits, rest)
    if writes:
        return status, Proposals(writes=list(writes))
    view = view.with_status(status)
    if marks := clear_for_serving(view):
        return warn_of_marks(view), Proposals(writes=list(marks))
    return _roll_servers(view, capacity, gate)


def _roll_servers(view: View, capacity: Capacity, gate: Proposals) -> tuple[Status, Proposals]:
    arriving = register(view, _arriving(view))
    view = view.with_status(bring_back(view, arriving, Reason.ROLLING_BACK))
    arriving.writes += tag_launched(view)  # after the registrations, which servers wait for
    if arriving.writes:
        return view.status, arriving
    status, writes = launch(view, capacity)
    if writes:
        return status, Proposals(writes=list(writes))
    view = view.with_status(select(view.with_status(status), capacity))
    if waiting := undecided(view, capacity):
        return view.status, Proposals(waits={Reason.SETTLING: sorted(waiting)})
    status, proposals = _take_out(view)
    proposals.waits_of(arriving)
    proposals.hooks += [*arriving.hooks, *gate.hooks]
    if proposals.writes or proposals.is_waiting or status.reloading or status.retiring:
        return status, proposals
    return _wait_or_complete(view.with_status(status), capacity, gate)


def _take_out(view: View) -> tuple[Status, Proposals]:
    """Propose the next step for servers on their way out or through a reload. Dead members of a group are retired."""
    if not view.rollout.reloads:
        return retire(view)
    status, proposals = reload(view)
    if proposals.writes or not status.retiring:
        return status, proposals
    status, retiring = retire(view.with_status(status))
    retiring.hooks += proposals.hooks
    retiring.waits_of(proposals)
    return status, retiring


def _arriving(view: View) -> tuple[str, ...]:
    """Return current and just launched servers that do not serve yet and have no other task."""
    return tuple(instance.instance_id for instance in view.live if _is_arriving(view, instance))


def _is_arriving(view: View, instance: Instance) -> bool:
    name = instance.instance_id
    new = view.is_current(instance) or name in view.launched
    idle = name not in view.leaving and phase_of(view.status, name) in _ARRIVING
    return new and idle and not view.is_in_standby(instance)


# --- the end ----------------------------------------------------------------------------------------------------------


def _wait_or_complete(view: View, capacity: Capacity, proposals: Proposals) -> tuple[Status, Proposals]:
    """Decide what follows when nothing can be done and nothing is in flight: pause, wait at a gate, or complete."""
    owed = capacity.inbound or view.status.calls
    if not owed and not proposals.is_waiting:  # what the group still owes is below the gate
        view = view.with_status(gates.reach(view, capacity))
    if view.status.pausing and not owed:
        return replace(pause(view.status, view.status.pausing), pausing=""), proposals
    if proposals.is_waiting:
        return view.status, proposals
    is_closed = view.status.gate.closed_since is not None
    if view.status.blocked is not None and not owed and not is_closed:
        proposals.wait(Reason.BLOCKED)
    if is_closed or proposals.is_waiting:
        return view.status, proposals
    return _wait_for_servers(view, capacity, proposals)


def _wait_for_servers(view: View, capacity: Capacity, proposals: Proposals) -> tuple[Status, Proposals]:
    """Bake beside the control server, wait for servers that must still go or come, or complete."""
    owed = capacity.inbound or view.status.calls
    if is_bake_due(view, capacity) and not owed:
        return gates.watch(view)
    if _is_unfinished(view, capacity):
        proposals.wait(Reason.CAPACITY)
        status = view.status
        return replace(status, gate=replace(status.gate, baking_since=None)), proposals
    if skipped := _waited_for(view):
        return _wait_for_skipped(view, skipped, proposals)
    return _complete(view, proposals)


def _is_unfinished(view: View, capacity: Capacity) -> bool:
    """Return whether servers must still leave, or come and serve."""
    to_go = view.candidates or len(view.outdated) > len(view.skipped)  # a pending member is no candidate yet
    owed = capacity.inbound or view.status.calls
    return bool(to_go or owed or excess(view, capacity) > 0 or capacity.current_serving < capacity.goal_current)


def _waited_for(view: View) -> tuple[Instance, ...]:
    """Return the protected and standby servers that the rollout must wait for."""

    def is_ignored(instance: Instance) -> bool:
        policy = view.rollout.standby if view.is_in_standby(instance) else view.rollout.protected
        return policy is SkipPolicy.IGNORE

    return tuple(instance for instance in view.skipped if not is_ignored(instance))


def _wait_for_skipped(view: View, skipped: tuple[Instance, ...], proposals: Proposals) -> tuple[Status, Proposals]:
    at, limit = view.observation.at, view.rollout.limits.skipped_seconds
    since = view.status.skipped_since or at
    status = replace(view.status, skipped_since=since, progress_at=at)
    names = [instance.instance_id for instance in skipped]
    if (at - since).total_seconds() >= limit:
        cause = f"still protected or in standby after {limit:g} s: {', '.join(names)}"
        failure = Failure(instance_id="", cause=cause, at=at, owner=Owner.OTHERS, final=True)
        return add_failures(status, failure), proposals
    proposals.wait(Reason.SKIPPED, *names)
    return status, proposals


def _complete(view: View, proposals: Proposals) -> tuple[Status, Proposals]:
    """Bake, then retire the servers that were kept, then restore the settings."""
    if view.status.rehearsal is Rehearsal.BACK:
        return rehearsal.prove(view)
    status, baking = gates.bake(view)
    if baking.is_waiting:
        return status, baking
    if status.kept:
        changes = ServerChanges(status)
        for name in status.kept:
            changes.move(name, ServerPhase.DRAINING, at=view.observation.at, reason="the bake time is over")
        return changes.status, proposals
    completing = replace(status, mode=Mode.COMPLETING)
    fields: dict[str, str | int] = {"outcome": str(status.outcome), "reason": status.reason}
    return note(completing, Event(name=EventName.COMPLETING, fields=fields)), proposals


# --- the plan ---------------------------------------------------------------------------------------------------------


def _planned(view: View, proposals: Proposals, *, turned: bool) -> Plan:
    """Take the writes of one kind, withdraw what was announced of the others, and decide when to observe again."""
    actions = _one_kind(proposals.writes)
    withdrawn = (write for write in proposals.writes if type(write) is not type(actions[0]))
    others = tuple(Result(action=write, answer=Answer.STALE, code=PUT_OFF) for write in withdrawn)
    view = view.with_status(settle(view.status, others, view.observation.at))
    judging.propose_samples(view, proposals)
    status, runs = hook_runs.begin(view, proposals)
    holds = tuple(_with_deadline(view, hold) for hold in proposals.holds())
    seconds = 0.0 if actions or turned else seconds_until_next_look(view, holds)
    return Plan(actions=actions, status=status, holds=holds, requeue_seconds=seconds, hooks=runs)


def _one_kind(writes: list[Action]) -> tuple[Action, ...]:
    return tuple(write for write in writes if type(write) is type(writes[0]))


def _with_deadline(view: View, hold: Hold) -> Hold:
    servers = (view.status.in_flight(name) for name in hold.instance_ids)
    limits = ((server.since, clocks.deadline_seconds(view, server.phase)) for server in servers if server is not None)
    ends = [since + timedelta(seconds=seconds) for since, seconds in limits if seconds != float("inf")]
    return replace(hold, until=min(ends, default=None))
