"""The checks before a rollout starts, resumes or reopens. They change nothing."""

from dataclasses import replace
from typing import TYPE_CHECKING

from awsroll.core.classify.view import View
from awsroll.core.decide.routing import changed_routing
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout, version_of
from awsroll.core.model.status import Mode
from awsroll.core.request.instructions import InstructionKind, missing_from
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.known_observation import KnownObservation
from awsroll.driver.session import Session
from awsroll.errors import FleetError, SpecError
from awsroll.hooks.callables import bind_callables, check_callables_bound, name_callables
from awsroll.ports import Record
from awsroll.preflight.findings import Findings
from awsroll.preflight.lookups import fleet_option

if TYPE_CHECKING:
    from awsroll.preflight import Prepared
    from awsroll.report import RolloutPlan


def check_request(
    session: Session, spec: RolloutSpec, *, rollout_id: str = "", findings: Findings | None = None
) -> "Prepared":
    """Check a request against its fleet; return the rollout to start.

    Args:
        session: the call that starts it.
        spec: the request.
        rollout_id: the id of the new rollout; empty: generate one.
        findings: receives what the checks find; None: a new collection.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow the rollout.
    """
    from awsroll.preflight import prepare  # noqa: PLC0415 - a step needs none of these checks: it starts faster
    from awsroll.preflight.hook_checks import refused_points  # noqa: PLC0415 - the same

    if session.given is None:
        prepared = prepare(spec, session.aws, rollout_id=rollout_id, findings=findings)
    else:
        prepared = session.given.prepare_rollout(spec, rollout_id=rollout_id, findings=findings)
    callables = name_callables(session.hooks, prepared.rollout)
    if problems := refused_points(prepared.rollout, callables):
        raise FleetError(*problems)
    return replace(prepared, rollout=replace(prepared.rollout, hooks=(*prepared.rollout.hooks, *callables)))


def check_plan(
    session: Session, plan: "RolloutPlan", *, rollout_id: str = "", findings: Findings | None = None
) -> "Prepared":
    """Check that a fleet is still as it was planned for, in the region of the plan; return the rollout to start.

    Raises:
        SpecError, FleetError: if the plan has no request, or the fleet has changed.
    """
    if plan.request is None or plan.fingerprint is None:
        problem = "this plan has no request. Make a plan with `awsroll.plan` or `awsroll plan ... --out FILE`"
        raise SpecError(problem)
    connect_for(session, plan)
    prepared = check_request(session, plan.request, rollout_id=rollout_id, findings=findings)
    _check_instructions(plan, prepared)
    from awsroll.core.model.fingerprint import differences  # noqa: PLC0415 - only for a plan

    changes = differences(plan.fingerprint, prepared.fingerprint)
    if changes:
        advice = f"{plan.fleet} has changed since it was planned; nothing was changed by this call. Make a new plan"
        raise FleetError(*changes, advice)
    return prepared


def connect_for(session: Session, plan: "RolloutPlan") -> None:
    """Connect to the region of a plan, unless the session is connected to it."""
    if plan.fingerprint is not None and plan.fingerprint.region != session.aws.region:
        session.connect(plan.fingerprint.region)


def _check_instructions(plan: "RolloutPlan", prepared: "Prepared") -> None:
    """Check that the rollout of a plan runs exactly what the plan shows, beside the Python callables of this process.

    Raises:
        SpecError: if it runs anything else, or less; nothing was changed.
    """
    from awsroll.report.forecast import planned_instructions  # noqa: PLC0415 - only for a plan

    runs = planned_instructions(prepared.rollout)
    callables = tuple(each for each in runs if each.kind is InstructionKind.CALLABLE)
    added = missing_from(runs, (*plan.instructions, *callables))
    problems = [f"the request of the plan runs what the plan does not show: {each}" for each in added]
    problems += [
        f"the request of the plan does not run what the plan shows: {each}"
        for each in missing_from(plan.instructions, runs)
    ]
    if problems:
        advice = (
            "nothing was changed. The plan was edited after it was made, or is of an older version: make a new plan"
        )
        raise SpecError(*problems, advice)


def check_callables(session: Session, record: Record) -> None:
    """Check that the Python hooks of a rollout were given again.

    During a rollback, and while the rollout stops, a missing callable is only a warning.

    Raises:
        SpecError: if a hook is missing, or the rollout does not know a given hook; nothing was changed.
    """
    callables = bind_callables(record.rollout, session.hooks)
    if record.status.mode is Mode.ROLLING and not record.status.rolling_back:
        check_callables_bound(record.rollout, callables)


def check_observed_fleet(session: Session, prepared: "Prepared") -> KnownObservation:
    """Check that the fleet still exists, and that no dead rollout has left changed settings on it; return what it saw.

    Raises:
        FleetError: if the fleet has changed since the checks, or still has tags with old values; nothing was changed.
    """
    at = session.clock.monotonic()
    observation = session.fleet(prepared.rollout).observe(prepared.rollout, prepared.status)
    check_observation(prepared.rollout, observation)
    return KnownObservation(observation=observation, at=at, allows_changes=True)


def check_observation(rollout: Rollout, observation: Observation) -> None:
    """Check an observation as `check_observed_fleet` does. A new rollout would lose the old values of changed settings.

    Raises:
        FleetError: if the fleet has changed since the checks, or still has tags with old values; nothing was changed.
    """
    changed = changed_routing(rollout, observation)
    if changed:
        problem = f"{changed}; nothing was changed"
        raise FleetError(problem)
    saved = observation.saved_settings
    if not saved:
        return
    names = ", ".join(sorted({setting for _, setting in saved}))
    problem = (
        f"{rollout.fleet}: an earlier rollout left changed settings ({names}); nothing was changed. Restore them with "
        f"`awsroll repair {fleet_option(rollout)}`, or resume that rollout"
    )
    raise FleetError(problem)


def tagged_rollouts(session: Session, prepared: "Prepared") -> frozenset[str]:
    """Return the ids of the rollouts that the tags of a fleet and its servers name."""
    observation = session.fleet(prepared.rollout).observe(prepared.rollout, prepared.status)
    servers = {instance.rollout for instance in observation.instances if instance.rollout}
    return frozenset(servers | session.label(prepared.rollout).rollouts())


def check_version_in_use(session: Session, record: Record) -> None:
    """Check that the fleet still runs the version of an ended rollout, so that a rollback has something to replace.

    Raises:
        FleetError: if no instance runs that version by this rollout; nothing was changed.
    """
    rollout = record.rollout
    observation = session.fleet(rollout).observe(rollout, record.status)
    view = View(rollout, observation, record.status)
    baseline = {version.version for version in rollout.baseline}
    has_other_version = any(
        version_of(instance, reloading=rollout.reloads) not in baseline for instance in view.outdated
    )
    if has_other_version and all(instance.instance_id in record.status.current_at_start for instance in view.current):
        problem = (
            f"{rollout.fleet}: no server of this rollout runs {rollout.to_version} any longer; nothing was changed"
        )
        raise FleetError(problem)
