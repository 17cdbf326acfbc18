"""What each public call does: start, resume, look ahead, ask something of a rollout, tell what is known.

The command line and the library's calls come through here. How the parts are put together is `running`'s.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from awsroll.core.decide.gates import restart_approval_timer
from awsroll.core.model.rollout import Pace, Rollout
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.observe.verdict import reopen, why_not_back
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.assumed_role import as_ordered
from awsroll.driver.conflicts import check_unfinished, explain_refusal
from awsroll.driver.session import Context, NotConfirmedError, Run
from awsroll.driver.task_token import let_go_on
from awsroll.errors import AwsrollError, FleetError, FleetLockedError, RolloutEndedError, SpecError, StateError
from awsroll.ports import Record, Store
from awsroll.preflight import Prepared
from awsroll.report import Report, RolloutPlan, RolloutSummary, build_report, forecast, summarize
from awsroll.stores import RecordStore

__all__ = [
    "Context",
    "NotConfirmedError",
    "admit",
    "approve",
    "ask",
    "go_back",
    "go_on",
    "hear_at_once",
    "known_rollout",
    "known_rollouts",
    "look_ahead",
    "nothing_left",
    "open_again",
    "prepared_for",
    "resumed",
    "settle_and_stop",
    "start",
]


SAME_PACE = Pace()


def start(request: RolloutSpec | RolloutPlan, context: Context, *, rollout_id: str = "") -> Report:
    """Roll a fleet to its new version: check, save the record, drive it to an end.

    Args:
        request: what to do; or a plan, which is carried out exactly as it was made.
        context: what it runs in.
        rollout_id: names the rollout; empty: a new id is made.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it, or the fleet is no more as it was planned
            for; nothing was changed.
        FleetLockedError: if another rollout holds the fleet, or has not come to an end; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    run = Run(context)
    prepared = prepared_for(run, request, rollout_id=rollout_id)
    if not context.confirm(prepared):
        problem = "not confirmed: nothing was changed"
        raise NotConfirmedError(problem)
    with run.holding(prepared.rollout):
        return run.drive(admit(run, prepared))


def admit(run: Run, prepared: Prepared) -> Record:
    """Write the record of a rollout that was checked, if nothing else holds its fleet; the fleet is held.

    Raises:
        FleetError, FleetLockedError: if an earlier rollout has left the fleet in the middle; nothing was changed.
    """
    run.label(prepared.rollout).check()
    check_unfinished(run.store, prepared.rollout)
    run.check_as_found(prepared)
    record = run.store.save(Record(rollout=prepared.rollout, status=prepared.status))
    run.tell("rollout.created", record)
    run.warn(prepared)
    return record


def prepared_for(run: Run, request: RolloutSpec | RolloutPlan, *, rollout_id: str = "") -> Prepared:
    """Check a request against its fleet; one that is refused because a rollout was left there is told so.

    Raises:
        SpecError, FleetError, FleetLockedError, AwsError: as in `start`; nothing was changed.
    """
    try:
        if isinstance(request, RolloutPlan):
            return run.prepare_planned(request)
        return run.prepare(request, rollout_id=rollout_id)
    except FleetError as error:
        spec = request.request if isinstance(request, RolloutPlan) else request
        if spec is not None:
            explain_refusal(run.store, spec, run.aws.region, error)
        raise


def go_on(rollout_id: str, context: Context, pace: Pace = SAME_PACE) -> Report:
    """Go on with a rollout that was interrupted or waits; of one that has ended, return the report again.

    Raises:
        StateError: if its record is missing or cannot be used.
        FleetLockedError: if another process drives it, or another rollout holds its fleet.
    """
    run = Run(context)
    known = _retimed(run.store.load(rollout_id), pace)
    if known.status.mode is not Mode.ENDED:
        run = Run(as_ordered(rollout_id, context))
    rollout = known.rollout
    if run.store.user_requests(rollout_id).pause:  # whoever still drives it towards its pause hears that it is off
        run.store.change_user_requests(rollout_id, lambda said: replace(said, pause=False))
    with run.holding(rollout, again=True):
        record = run.store.load(rollout_id)  # again: it may have been driven until a moment ago
        if record.status.mode is Mode.ENDED:
            _tidy(run, rollout)
            return build_report(record, at=run.clock.now())
        run.check_hooks(record)
        run.check_account(rollout)
        run.store.change_user_requests(rollout_id, lambda said: replace(said, pause=False, rejected=False))
        run.label(rollout).check()
        record = _retimed(resumed(record, run.clock.now()), pace)
        run.tell("rollout.resumed", record)
        return run.drive(record)


def _tidy(run: Run, rollout: Rollout) -> None:
    """Take away what a process left that died right after it had recorded the end; the report needs no AWS."""
    with suppress(AwsrollError):
        run.check_account(rollout)
        run.label(rollout).remove_left()


def ask(rollout_id: str, change: Callable[[UserRequests], UserRequests], store: Store) -> RolloutSummary:
    """Leave a wish for whoever drives a rollout, now or later; return where it stands.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
    """
    record = store.load(rollout_id)
    if record.status.mode is Mode.ENDED:
        raise nothing_left(record)
    store.change_user_requests(rollout_id, change)
    return _summary(store, record)


def nothing_left(record: Record) -> RolloutEndedError:
    """Return the error of asking something of a rollout that has ended."""
    rollout_id, outcome = record.rollout.rollout_id, record.status.outcome
    return RolloutEndedError(f"rollout {rollout_id} has ended ({outcome}): nothing is left to ask of it")


def approve(rollout_id: str, store: Store) -> RolloutSummary:
    """Approve the gate that a rollout waits at, or the next one that it comes to.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
    """
    number = store.load(rollout_id).status.passed + 1
    return ask(rollout_id, lambda said: said.approving(number), store)


def hear_at_once(rollout_id: str, context: Context) -> None:
    """Have a state machine that waits for a person look now at what was asked; it does so soon by itself."""
    _wake(Run(context), rollout_id)


def _wake(run: Run, rollout_id: str) -> None:
    with suppress(AwsrollError):
        let_go_on(rollout_id, run.store, run.aws)


def settle_and_stop(rollout_id: str, context: Context, pace: Pace = SAME_PACE) -> Report:
    """Abort a rollout: settle what is in flight, restore the settings, leave the fleet mixed; return the report.

    Whoever drives it does so; if nobody does, this call.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
    """
    run = Run(context)
    ask(rollout_id, lambda said: replace(said, abort=True), run.store)
    _wake(run, rollout_id)
    report = run.follow(rollout_id)
    if report is None and run.store.load(rollout_id).status.mode is not Mode.ENDED:
        return _take_over(rollout_id, context, pace)
    return report or build_report(run.store.load(rollout_id), at=run.clock.now())


def go_back(rollout_id: str, context: Context, pace: Pace = SAME_PACE) -> Report:
    """Take the fleet of a rollout back to its baseline: while it runs, after it was stopped, or after it has succeeded.

    Whoever drives it does so; if nobody does, this call. Of one that was rolled back, the report is returned again.

    Raises:
        StateError: if its record is missing or cannot be used.
        SpecError: if there is nothing to go back to.
        FleetLockedError: if another rollout holds its fleet, or has not come to an end.
    """
    run = Run(context)
    record = run.store.load(rollout_id)
    problem = why_not_back(record.rollout)
    if problem:
        raise SpecError(problem)
    if record.status.outcome is Outcome.ROLLED_BACK:
        with suppress(FleetLockedError), run.holding(record.rollout):  # whoever holds it has a label of his own there
            _tidy(run, record.rollout)
        return build_report(record, at=run.clock.now())
    run.store.change_user_requests(rollout_id, UserRequests.going_back)
    _wake(run, rollout_id)
    return run.follow(rollout_id) or _take_over(rollout_id, context, pace)


def _take_over(rollout_id: str, context: Context, pace: Pace) -> Report:
    """Drive a rollout that nobody drives, also one that has ended: a wish of people says where to."""
    run = Run(as_ordered(rollout_id, context))
    rollout = _retimed(run.store.load(rollout_id), pace).rollout
    with run.holding(rollout, again=True):
        record = run.store.load(rollout_id)
        run.check_account(rollout)
        run.label(rollout).check()
        run.store.change_user_requests(rollout_id, lambda said: replace(said, pause=False))
        if record.status.mode is Mode.ENDED:
            record = open_again(run, record)
        record = _retimed(resumed(record, run.clock.now()), pace)
        run.tell("rollout.resumed", record)
        return run.drive(record)


def open_again(run: Run, record: Record) -> Record:
    """Return the record of a rollout that has ended as one that goes back; its fleet is held, nothing is written.

    Raises:
        FleetError, FleetLockedError: if its fleet has moved on since; nothing was changed.
    """
    check_unfinished(run.store, record.rollout)
    record = replace(record, status=reopen(record.status, run.clock.now()))
    run.check_still_there(record)
    return record


def look_ahead(spec: RolloutSpec, context: Context) -> RolloutPlan:
    """Return what a rollout would do, without doing it.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it.
        AwsError: if AWS refused or did not answer.
    """
    run = Run(context)
    prepared = run.prepare(spec)
    observation = run.fleet(prepared.rollout).observe(prepared.rollout, prepared.status)
    plan = forecast(prepared.rollout, observation, prepared.status, findings=prepared.findings)
    return replace(plan, asked=spec, request=prepared.request, fingerprint=prepared.fingerprint)


def known_rollouts(store: Store) -> tuple[RolloutSummary, ...]:
    """Return the rollouts of a store, newest first."""
    return tuple(_summary(store, record) for record in store.list())


def known_rollout(rollout_id: str, store: Store) -> RolloutSummary:
    """Return where one rollout stands.

    Raises:
        StateError: if its record is missing or cannot be used.
    """
    return _summary(store, store.load(rollout_id))


def resumed(record: Record, at: datetime) -> Record:
    """Return the record of a rollout that goes on after a rest."""
    # The time in which nobody drove it is no time without progress, none of a hook's, and none in which a person could
    # be heard.
    status = replace(record.status, outcome=Outcome.RUNNING, reason="", progress_at=at)
    calls = tuple(replace(call, since=at) for call in status.hook_calls)
    return replace(record, status=restart_approval_timer(record.rollout, replace(status, hook_calls=calls), at))


def _retimed(record: Record, pace: Pace) -> Record:
    return replace(record, rollout=replace(record.rollout, limits=record.rollout.limits.paced(pace)))


def _summary(store: Store, record: Record) -> RolloutSummary:
    if record.status.mode is Mode.ENDED or not isinstance(store, RecordStore):
        return summarize(record, is_driven=False)
    with suppress(StateError):  # a lock that cannot be read hides no rollout; `resume` says what is wrong with it
        return summarize(record, is_driven=store.driver(record.rollout.rollout_id) is not None)
    return summarize(record, is_driven=False)
