"""How the record of a rollout begins, resumes after a stop, and reopens for a rollback."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.core.decide.gates import restart_approval_timer
from awsroll.core.model.finding import Check
from awsroll.core.model.status import Outcome
from awsroll.core.observe.rollback import reopen
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.budget_room import take_share
from awsroll.driver.conflicts import (
    check_not_halted,
    check_tagged,
    check_unfinished,
    raise_unfinished,
    unreadable_warnings,
)
from awsroll.driver.known_observation import KnownObservation, has_nothing_to_do
from awsroll.driver.session import Session
from awsroll.errors import FleetError, RolloutEndedError
from awsroll.ports import Record

if TYPE_CHECKING:
    from awsroll.preflight import Prepared
    from awsroll.preflight.findings import Findings
    from awsroll.report import RolloutPlan


def prepare_record(
    session: Session,
    request: "RolloutSpec | RolloutPlan",
    *,
    rollout_id: str = "",
    findings: "Findings | None" = None,
) -> "Prepared":
    """Check a request or a plan against its fleet. If the fleet is refused, name an unfinished rollout on it.

    Raises:
        SpecError, FleetError, FleetLockedError, AwsError: if the rollout may not start; nothing was changed.
    """
    # A step of a running rollout needs none of these checks, and starts faster without them.
    from awsroll.driver.record_room import check_room  # noqa: PLC0415 - see above
    from awsroll.driver.start_checks import check_plan, check_request  # noqa: PLC0415 - see above
    from awsroll.preflight.findings import Findings  # noqa: PLC0415 - see above

    findings = Findings() if findings is None else findings
    try:
        if isinstance(request, RolloutSpec):
            prepared = check_request(session, request, rollout_id=rollout_id, findings=findings)
        else:
            prepared = check_plan(session, request, rollout_id=rollout_id, findings=findings)
    except FleetError as error:
        spec = request if isinstance(request, RolloutSpec) else request.request
        if spec is not None:
            with findings.checking(Check.UNFINISHED):
                raise_unfinished(session.store, spec, session.aws.region, error)
        raise
    with findings.checking(Check.CAPACITY):
        check_room(session.store, prepared.rollout, prepared.status)
    with findings.checking(Check.UNFINISHED):
        for message in unreadable_warnings(session.store):  # of rollouts whose record and fleet are unknown
            findings.warn_unchecked(message)
    return replace(prepared, findings=findings.reported())


def create_record(session: Session, prepared: "Prepared", *, known: KnownObservation | None = None) -> Record:
    """Write the first record of a checked rollout; its fleet is held. The time of the rollout begins now.

    Args:
        session: the call that starts the rollout.
        prepared: the checked rollout.
        known: what the checks have observed; with nothing to do, it is not read again.

    Raises:
        FleetError, FleetLockedError: if an earlier rollout on this fleet has not ended; nothing was changed.
        HaltedError: if the rollouts of the store are halted; nothing was changed.
        BudgetFullError: if the budget of the store has no room; nothing was changed.
    """
    from awsroll.driver.start_checks import check_observed_fleet, tagged_rollouts  # noqa: PLC0415 - see prepare_record

    check_not_halted(session.store)
    check_unfinished(session.store, prepared.rollout)
    take_share(session.store, prepared.rollout, session.clock)
    if known is None or not _decides(session, prepared, known):
        session.label(prepared.rollout).check()
        check_tagged(session.store, prepared.rollout, lambda: tagged_rollouts(session, prepared))
        known = check_observed_fleet(session, prepared)
    session.known = known
    now = session.aws.now()
    status = replace(prepared.status, started_at=now, progress_at=now)
    record = session.store.save(Record(rollout=prepared.rollout, status=status))
    session.note_changes(prepared.changes or ())
    session.emit_rollout("rollout.created", record.rollout)
    session.emit_warnings(prepared)
    return record


def _decides(session: Session, prepared: "Prepared", known: KnownObservation) -> bool:
    """Return whether an observation shows that a rollout has nothing to do, and is young enough to decide that."""
    idle = has_nothing_to_do(prepared.rollout, known.observation, prepared.status)
    return idle and known.is_usable(session.clock.monotonic())


def resume_record(record: Record, at: datetime) -> Record:
    """Return the record of a rollout that runs again after a stop.

    Nothing drove the rollout during the stop: its timers for progress, hooks and approvals start again.
    """
    settings = replace(record.status.settings, abandoned=())
    status = replace(
        record.status, outcome=Outcome.RUNNING, reason="", progress_at=at, must_rest=False, settings=settings
    )
    calls = tuple(replace(call, since=at) for call in status.hooks.announced)
    return replace(
        record,
        status=restart_approval_timer(
            record.rollout, replace(status, hooks=replace(status.hooks, announced=calls)), at
        ),
    )


def reopen_record(session: Session, record: Record) -> Record:
    """Return the record of an ended rollout that rolls back now; its fleet is held, and nothing is written.

    Raises:
        FleetError, FleetLockedError: if the fleet runs another version or another rollout since; nothing was changed.
    """
    from awsroll.driver.start_checks import check_version_in_use  # noqa: PLC0415 - see prepare_record

    check_unfinished(session.store, record.rollout)
    record = replace(record, status=reopen(record.status, session.aws.now()))
    check_version_in_use(session, record)
    return record


def ended_error(record: Record) -> RolloutEndedError:
    """Return the error for a request to a rollout that has ended."""
    rollout_id, outcome = record.rollout.rollout_id, record.status.outcome
    return RolloutEndedError(f"rollout {rollout_id} has ended ({outcome}); it takes no further commands")
