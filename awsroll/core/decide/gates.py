"""Gates: how far a rollout may go before the next checkpoint opens, and the bake time at its end.

A checkpoint sets how many servers may be touched before its gate. The gate closes once that many serve on the new
version and nothing is in flight. It opens when its delay has passed and, if the request asks for it, someone has
approved. An alarm in ALARM is a failure at any time. A rollback has no gates.

    10 servers, checkpoints 1 and 50%: replace 1; gate; replace 4; gate; replace 5; bake time; end.

In double-half a checkpoint counts the new servers: no old server leaves before all the new ones serve.
"""

from datetime import datetime, timedelta

from awsroll.core.classify.capacity import Capacity, vacancies
from awsroll.core.classify.view import View
from awsroll.core.decide.approvals import approval_event, awaited_approval
from awsroll.core.decide.control_server import most_before_bake
from awsroll.core.decide.rehearsal import turn_back
from awsroll.core.decide.zone_turns import candidates_in_turn, is_replaced, launches_in_turn
from awsroll.core.lifecycle import note
from awsroll.core.model.evidence import Evidence
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import AlarmState
from awsroll.core.model.plan import add_failures, add_warnings
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Failure, Rehearsal
from awsroll.core.model.user_requests import approval_of
from awsroll.core.observe.hook_runs import awaits, checkpoint
from awsroll.core.observe.judging import compared_words, is_judged, is_undecided, judgements, key_of, lacking
from awsroll.core.observe.status_checks import await_status_checks


def is_closed(status: Status) -> bool:
    """Return whether a gate is closed, a pause is requested or the rollout is blocked: no further server is touched."""
    return status.gate.closed_since is not None or bool(status.pausing) or status.blocked is not None


def limit(view: View, capacity: Capacity) -> int:
    """Return how many servers may be touched (replaced, reloaded or launched) before the next gate opens."""
    most = most_before_bake(view, capacity)
    checkpoint = _limit_of_checkpoint(view, capacity)
    if checkpoint is None:
        return capacity.limits.desired + capacity.limits.max_surge if most is None else most
    return checkpoint if most is None else min(checkpoint, most)


def _limit_of_checkpoint(view: View, capacity: Capacity) -> int | None:
    checkpoints = view.rollout.gates.checkpoints
    if view.status.gate.passed >= len(checkpoints):
        return None
    return max(1, checkpoints[view.status.gate.passed].rounded_down(capacity.limits.desired))


def _is_limited(view: View, capacity: Capacity) -> bool:
    return view.status.gate.passed < len(view.rollout.gates.checkpoints) or most_before_bake(view, capacity) is not None


def launches_left(view: View, capacity: Capacity) -> int:
    """Return how many further servers of the new version may be launched before the next gate."""
    if is_closed(view.status):
        return _launches_in_flight(view)
    if view.rollout.gates.by_zone:
        return min(capacity.launches_allowed, launches_in_turn(view))
    if not _is_limited(view, capacity):
        return capacity.launches_allowed
    return max(0, limit(view, capacity) - max(0, capacity.current - _current_from_start(view)))


def _launches_in_flight(view: View) -> int:
    """Return how many launches belong to what was in flight when the rollout was blocked: they bring the new version.

    At a closed gate there is none.
    """
    status = view.status
    ends = status.blocked is not None and not status.blocked.rests
    return len(vacancies(view)) if ends and status.gate.closed_since is None and not status.pausing else 0


def touches_left(view: View, capacity: Capacity) -> int:
    """Return how many further old servers may be touched before the next gate."""
    if is_closed(view.status):
        return 0
    if view.rollout.gates.by_zone:
        return len(candidates_in_turn(view))
    if not _is_limited(view, capacity):
        return len(view.candidates)
    return max(0, limit(view, capacity) - _touched(view, capacity))


def _current_from_start(view: View) -> int:
    return sum(1 for instance in view.current if view.was_current_at_start(instance.instance_id))


def _touched(view: View, capacity: Capacity) -> int:
    """Count the servers that this rollout has touched.

    Worked example: of 10 desired, 7 old servers are untouched and 1 was current at the start. So 2 were touched.
    """
    touched = view.leaving | set(view.status.failed)
    others = (instance for instance in view.outdated if instance.instance_id not in touched)
    untouched = sum(1 for instance in others if not view.is_in_standby(instance))
    return max(0, capacity.limits.desired - untouched - _current_from_start(view))


def reach(view: View, capacity: Capacity) -> Status:
    """Close the next gate if its checkpoint is reached. The caller has checked that nothing is in flight."""
    status = view.status
    if status.gate.closed_since is not None or status.gate.passed >= len(view.rollout.gates.names):
        return status
    if not _is_reached(view, capacity):
        return status
    at = view.observation.at
    reached = replace(status, gate=replace(status.gate, closed_since=at), progress_at=at)
    if status.rehearsal is Rehearsal.FORTH:
        return reached
    return note(reached, Event(name=EventName.CHECKPOINT_REACHED, fields={"number": status.gate.passed + 1}))


def _is_reached(view: View, capacity: Capacity) -> bool:
    gates = view.rollout.gates
    if gates.by_zone:
        return is_replaced(view, gates.zones[view.status.gate.passed])
    counted = _touched(view, capacity)
    if view.rollout.strategy is Strategy.DOUBLE_HALF:
        counted = max(counted, capacity.current - _current_from_start(view))
    checkpoint = _limit_of_checkpoint(view, capacity)
    return checkpoint is not None and counted >= checkpoint


def pass_gate(view: View) -> tuple[Status, Proposals]:
    """Open the closed gate if it may open; otherwise propose what it waits for."""
    status, gates, at, proposals = view.status, view.rollout.gates, view.observation.at, Proposals()
    if status.gate.closed_since is None:
        return status, proposals
    since = status.gate.closed_since
    status = replace(status, progress_at=at)  # a wait for time or for approval is not a stall
    if awaits(view, proposals, HookPoint.AT_CHECKPOINT, checkpoint(status)):
        return status, proposals
    if at - since < timedelta(seconds=gates.delay_seconds):
        proposals.wait(Reason.CHECKPOINT)
    elif is_undecided(view) and not _has_waited_for_verdict(view, since, gates.delay_seconds):
        proposals.wait(Reason.JUDGING)
    elif gates.needs_approval and status.user_requests.approved <= status.gate.passed:
        proposals.wait(Reason.APPROVAL)
        status = _check_approval_deadline(view, _asked(view, status))
    elif status.blocked is not None:
        proposals.wait(Reason.BLOCKED)
    elif status.rehearsal is Rehearsal.FORTH:
        status = turn_back(view.with_status(_noted_without_verdict(view, status, "the rehearsal went on")))
    else:
        number = status.gate.passed + 1
        status = _noted_without_verdict(view, status, f"checkpoint {number} opened")
        status = replace(status, gate=replace(status.gate, closed_since=None, asked_since=None, passed=number))
        who = status.user_requests.who(approval_of(number)) if gates.needs_approval else ""
        fields: dict[str, str | int] = {"number": number, **({"by": who} if who else {})}
        status = note(status, Event(name=EventName.CHECKPOINT_PASSED, fields=fields))
    return status, proposals


def _noted_without_verdict(view: View, status: Status, what: str) -> Status:
    """Add a warning if the judge could not tell."""
    return add_warnings(status, f"{what} without a verdict: {lacking(view)}") if is_undecided(view) else status


def _has_waited_for_verdict(view: View, since: datetime, delay_seconds: float) -> bool:
    most = view.rollout.gates.judge.wait_seconds
    return most is not None and view.observation.at - since >= timedelta(seconds=delay_seconds + most)


def _asked(view: View, status: Status) -> Status:
    """Note that the rollout waits for a person now."""
    if status.gate.asked_since is not None:
        return status
    status = replace(status, gate=replace(status.gate, asked_since=view.observation.at))
    awaited = awaited_approval(view.rollout, status, status.user_requests)
    return status if awaited is None else note(status, approval_event(awaited))


def _check_approval_deadline(view: View, status: Status) -> Status:
    """Note a failure if the gate was not approved in time."""
    gates, at, since = view.rollout.gates, view.observation.at, status.gate.closed_since
    if gates.approval_seconds is None or since is None:
        return status
    if at - since < timedelta(seconds=gates.delay_seconds + gates.approval_seconds):
        return status
    cause = f"checkpoint {status.gate.passed + 1} was not approved within {gates.approval_seconds:g} s"
    return add_failures(status, Failure(instance_id="", cause=cause, at=at, final=True))


def restart_approval_timer(rollout: Rollout, status: Status, at: datetime) -> Status:
    """Restart the approval deadline of a closed gate: the time while the rollout was not driven does not count."""
    if status.gate.closed_since is None:
        return status
    since = max(status.gate.closed_since, at - timedelta(seconds=rollout.gates.delay_seconds))
    return replace(status, gate=replace(status.gate, closed_since=since))


def bake(view: View) -> tuple[Status, Proposals]:
    """Observe the whole new fleet for the bake time, wait for its status checks, then run the last hooks."""
    status, proposals = watch(view)
    if not proposals.is_waiting:
        status = await_status_checks(view.with_status(status), proposals)
    if not proposals.is_waiting and not status.rolling_back:
        awaits(view.with_status(status), proposals, HookPoint.AFTER_ROLLOUT)
    return status, proposals


def watch(view: View) -> tuple[Status, Proposals]:
    """Observe the fleet for the bake time and, while old servers serve as well, until the judge can tell."""
    status, at, proposals = view.status, view.observation.at, Proposals()
    seconds = view.rollout.gates.bake_seconds
    if status.gate.baked or status.rolling_back or seconds == 0:
        return replace(status, gate=replace(status.gate, baked=True)), proposals
    if status.gate.baking_since is None:
        status = note(status, Event(name=EventName.BAKING))
    since = status.gate.baking_since or at
    status = replace(status, gate=replace(status.gate, baking_since=since), progress_at=at)
    if at - since < timedelta(seconds=seconds):
        proposals.wait(Reason.BAKING)
        return status, proposals
    if is_undecided(view) and not _has_waited_for_verdict(view, since, seconds):
        proposals.wait(Reason.JUDGING)
        return status, proposals
    status = _noted_without_verdict(view, status, "the bake time ended")
    return replace(status, gate=replace(status.gate, baked=True, baking_since=None)), proposals


def check_alarms(view: View) -> Status:
    """Note a failure for every alarm that is in ALARM. In a rollback alarms do not count: they are expected."""
    status, at = view.status, view.observation.at
    if status.rolling_back or status.mode is not Mode.ROLLING:
        return status
    firing = (alarm for alarm in view.observation.alarms if alarm.state is AlarmState.ALARM)
    causes = (f"alarm {alarm.name} is in ALARM: {alarm.reason}".rstrip(": ") for alarm in firing)
    return add_failures(status, *(Failure(instance_id="", cause=cause, at=at, final=True) for cause in causes))


def check_judge(view: View) -> Status:
    """Note a failure for every metric by which the target version is worse, and begin its evidence again."""
    status, at = view.status, view.observation.at
    if not is_judged(view):
        return status
    for metric, verdict in judgements(view).items():
        if verdict.rolls_back:
            status = replace(status, judge={**status.judge, key_of(status, metric): Evidence(sampled_at=at)})
            cause = f"the judge found {compared_words(view)} by {metric}: {verdict.evidence}"
            status = add_failures(status, Failure(instance_id="", cause=cause, at=at, final=True))
    return status


def seconds_until_open(view: View) -> float | None:
    """Return in how many seconds the gate's wait or the bake time ends; None if the rollout waits for neither."""
    status, gates, at = view.status, view.rollout.gates, view.observation.at
    ends = []
    if status.gate.closed_since is not None:
        waited = (at - status.gate.closed_since).total_seconds()
        ends += [gates.delay_seconds - waited, gates.delay_seconds + (gates.approval_seconds or 0) - waited]
    if status.blocked is not None and status.blocked.until is not None:
        ends.append((status.blocked.until - at).total_seconds())
    if status.gate.baking_since is not None:
        ends.append(gates.bake_seconds - (at - status.gate.baking_since).total_seconds())
    return min((seconds for seconds in ends if seconds > 0), default=None)
