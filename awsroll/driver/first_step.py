"""Check the request of a rollout that is driven by steps, and write its first record.

Both functions may be repeated, or called twice at once: the truth is in the store. `driver/steps.py` makes the steps.
"""

from awsroll.driver.context import Context
from awsroll.driver.record_lifecycle import create_record, prepare_record
from awsroll.driver.session import Session
from awsroll.driver.step_hooks import unfit_hooks
from awsroll.driver.step_status import LOCKED_SECONDS, StepStatus, step_status_of
from awsroll.errors import FleetError, FleetLockedError, RolloutNotFoundError, SpecError, StepInProgressError
from awsroll.ports import Record
from awsroll.stores import RecordStore, RolloutRequest


def start_rollout(request: RolloutRequest, context: Context, *, rollout_id: str = "") -> StepStatus:
    """Check a request and write the record of its rollout. Called again with the same id, return its status.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it, or another rollout has this id; nothing
            was changed.
        FleetLockedError: if another rollout holds the fleet; nothing was changed.
        StepInProgressError: if an earlier call for this rollout has not finished: try again.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    session = Session(context)
    store = session.record_store()
    if rollout_id and (existing := _existing(store, rollout_id, request)) is not None:
        return step_status_of(existing, wait_seconds=1)
    prepared = prepare_record(session, request.request, rollout_id=rollout_id)
    rollout = prepared.rollout
    if problems := unfit_hooks(rollout):
        raise FleetError(*problems)
    try:
        with session.hold(rollout, takes_steps=True) as lease:
            store.put_note(rollout.rollout_id, request)
            record = create_record(session, prepared)
            if lease is not None:
                lease.extend_for_next_step(LOCKED_SECONDS)
    except FleetLockedError as error:
        if not store.is_held(rollout, clock=session.clock):
            raise
        raise _in_progress(rollout.rollout_id, error) from error
    session.notify(record)
    return step_status_of(record, wait_seconds=1)


def check_rollout(request: RolloutRequest, context: Context, *, rollout_id: str) -> StepStatus:
    """Check a request as `start_rollout` does, and write nothing. A rollout that was started before answers its status.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it, or another rollout has this id.
        FleetLockedError: if another rollout holds the fleet or has not ended.
        AwsError: if AWS refused or did not answer.
    """
    session = Session(context)
    if (existing := _existing(session.record_store(), rollout_id, request)) is not None:
        return step_status_of(existing, wait_seconds=1)
    from awsroll.driver.readiness import check_ready  # noqa: PLC0415 - a step makes no checks: it starts faster

    prepared = check_ready(session, request.request, rollout_id=rollout_id).prepared
    if problems := unfit_hooks(prepared.rollout):
        raise FleetError(*problems)
    return step_status_of(Record(rollout=prepared.rollout, status=prepared.status), wait_seconds=1)


def _existing(store: RecordStore, rollout_id: str, request: RolloutRequest) -> Record | None:
    """Return the record of the rollout that this request started; None if there is no record yet."""
    try:
        record = store.load(rollout_id)
    except RolloutNotFoundError:
        return None
    if store.note(rollout_id, RolloutRequest) != request:
        problem = (
            f"rollout {rollout_id} was started by another request, at {record.status.started_at:%Y-%m-%d %H:%M:%SZ}; "
            "nothing was changed. Use another id (another name for the execution)"
        )
        raise SpecError(problem)
    return record


def _in_progress(rollout_id: str, error: FleetLockedError) -> StepInProgressError:
    problem = f"an earlier step of rollout {rollout_id} has not finished, or has just died. Try again: {error}"
    return StepInProgressError(problem)
