"""Whether a rollout may start: the checks that `awsroll plan`, `awsroll doctor` and `awsroll roll` share.

All three commands call `check_ready`, so they give the same answer. `roll` repeats the last checks once it holds the
fleet (`record_lifecycle.create_record`), because another rollout may have started meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from awsroll.core.classify.estimates import seconds_to_drain
from awsroll.core.model.destinations import without_secrets
from awsroll.core.model.finding import Check, CheckResult
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.budget_room import check_room
from awsroll.driver.conflicts import check_not_halted, check_tagged, check_unfinished
from awsroll.driver.known_observation import KnownObservation
from awsroll.driver.read_history import read_history
from awsroll.driver.record_lifecycle import prepare_record
from awsroll.driver.session import Session
from awsroll.driver.start_checks import (
    check_observation,
    check_plan,
    check_request,
    connect_for,
    tagged_rollouts,
)
from awsroll.errors import AwsrollError
from awsroll.preflight import Prepared
from awsroll.preflight.findings import Findings
from awsroll.report.estimate import NO_HISTORY
from awsroll.report.forecast import RolloutPlan, forecast

_SOON_SECONDS = 30.0  # a fleet that was checked within this time is not checked again


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A rollout that may start, its plan, and the observation of its fleet."""

    prepared: Prepared
    plan: RolloutPlan
    known: KnownObservation


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What `awsroll doctor` reports.

    Attributes:
        checks: each check that was made, with its result.
        plan: the plan of the rollout; None if it may not start.
        error: the error that `awsroll roll` would end with; None if the rollout may start.
    """

    checks: tuple[CheckResult, ...]
    plan: RolloutPlan | None = None
    error: AwsrollError | None = None


def check_ready(  # noqa: PLR0913 - three commands share the checks, and differ in what they read
    session: Session,
    request: RolloutSpec | RolloutPlan,
    *,
    rollout_id: str = "",
    findings: Findings | None = None,
    reads_store: bool = True,
    reads_history: bool = False,
) -> Ready:
    """Make every check of a rollout, also for other rollouts and what they left. Change nothing.

    Args:
        session: the call that starts it.
        request: the request, or a plan to carry out.
        rollout_id: the id of the new rollout; empty: generate one.
        findings: receives what the checks find; None: a new collection.
        reads_store: look for other rollouts in the store too. Otherwise only the label on the fleet shows them.
        reads_history: estimate the duration from past rollouts and launches too.

    Raises:
        SpecError, FleetError, FleetLockedError, AwsError: if the rollout may not start.
    """
    if isinstance(request, RolloutPlan):
        connect_for(session, request)
    if isinstance(request, RolloutSpec):  # a plan may be saved and shown
        request = replace(request, notify=without_secrets(request.notify))
    findings = Findings() if findings is None else findings
    with session.aws.reading_once():
        prepared, known = _checked(session, request, rollout_id, findings, reads_store=reads_store)
    rollout, observation = prepared.rollout, known.observation
    drain = seconds_to_drain(rollout, observation.target_groups)
    history = read_history(session, rollout, drain) if reads_history else NO_HISTORY
    planned = forecast(rollout, observation, prepared.status, findings=prepared.findings, history=history)
    asked = request.asked if isinstance(request, RolloutPlan) else request
    return Ready(
        prepared=prepared,
        plan=replace(
            planned,
            asked=asked,
            request=prepared.request,
            fingerprint=prepared.fingerprint,
            template_changes=prepared.changes,
        ),
        known=known,
    )


def _checked(
    session: Session, request: RolloutSpec | RolloutPlan, rollout_id: str, findings: Findings, *, reads_store: bool
) -> tuple[Prepared, KnownObservation]:
    """Make the checks of `check_ready`; return the rollout and what they observed last."""
    if reads_store:
        prepared = prepare_record(session, request, rollout_id=rollout_id, findings=findings)
    elif isinstance(request, RolloutPlan):
        prepared = check_plan(session, request, rollout_id=rollout_id, findings=findings)
    else:
        prepared = check_request(session, request, rollout_id=rollout_id, findings=findings)
    rollout = prepared.rollout
    if reads_store:
        with findings.checking(Check.HALT):
            check_not_halted(session.store)
        with findings.checking(Check.BUDGET):
            check_room(session.store, rollout, session.clock, findings.warn)
        with findings.checking(Check.LOCKS):
            session.check_locks(rollout)
    with findings.checking(Check.LABEL):
        session.label(rollout, warn=findings.warn_unchecked).check()
    if reads_store:
        with findings.checking(Check.UNFINISHED):
            check_unfinished(session.store, rollout)
            check_tagged(session.store, rollout, lambda: tagged_rollouts(session, prepared))
    with findings.checking(Check.SAVED_SETTINGS):
        observed_at = session.clock.monotonic()
        observation = session.fleet(rollout).observe(rollout, prepared.status)
        check_observation(rollout, observation)
    known = KnownObservation(observation=observation, at=observed_at, allows_changes=False)
    return replace(prepared, findings=findings.reported()), known


def confirm_ready(session: Session, ready: Ready, confirm: Callable[[RolloutPlan], bool]) -> Prepared | None:
    """Return the rollout to start once a person has confirmed its plan; None if the person declined.

    The fleet is checked again if the person took long.

    Raises:
        SpecError, FleetError: if the fleet has changed meanwhile; nothing was changed.
    """
    asked_at = session.clock.monotonic()
    if not confirm(ready.plan):
        return None
    if session.clock.monotonic() - asked_at < _SOON_SECONDS:
        return ready.prepared
    again = check_plan(session, ready.plan, rollout_id=ready.prepared.rollout.rollout_id)
    return replace(again, findings=ready.prepared.findings)


def diagnose(session: Session, request: RolloutSpec, *, reads_store: bool) -> Diagnosis:
    """Make every check of a rollout, and return each with its result. Change nothing."""
    findings = Findings()
    try:
        ready = check_ready(session, request, findings=findings, reads_store=reads_store)
    except AwsrollError as error:
        return Diagnosis(checks=findings.results(), error=error)
    return Diagnosis(checks=findings.results(), plan=ready.plan)
