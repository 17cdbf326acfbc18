"""Code as users write it over the public names: nothing here runs, the type checker reads it.

`mypy` fails when a public signature becomes less precise, or lets through what must not be given.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, assert_never, assert_type

import awsroll
from awsroll import (
    FleetEnding,
    FleetSpec,
    FleetsPlan,
    FleetsReport,
    FleetsSpec,
    HookEvent,
    HookPoint,
    HookSpec,
    Instruction,
    InstructionKind,
    KeepReport,
    Leftover,
    LocalStore,
    OnFailure,
    Outcome,
    PythonHook,
    RecordStore,
    Released,
    Repaired,
    Report,
    RolloutPlan,
    RolloutSpec,
    RolloutSummary,
    RotationAction,
    SkipPolicy,
    Strategy,
    UserRequests,
    WaveSpec,
)
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status


def request() -> RolloutSpec:
    return RolloutSpec(
        asg="web",
        target_group=("api",),
        launch_template="web:$Latest",
        strategy=Strategy.REPLACE,
        concurrent="25%",
        launch_first=True,
        min_healthy_time=30,
        deregistration_delay=20,
        protected=SkipPolicy.IGNORE,
        standby=SkipPolicy.REPLACE,
        warm_pool="purge",
        poll=0.5,
        checkpoint=(1, "50%"),
        checkpoint_delay=60,
        approve_checkpoints=True,
        approval_timeout=3600,
        bake_time=300,
        alarm=("web-5xx",),
        max_failures=1,
        on_failure=OnFailure.PAUSE,
    )


def reload() -> RolloutSpec:
    return RolloutSpec(
        target_group=("web",),
        strategy=Strategy.RELOAD,
        max_unavailable=2,
        document="Deploy",
        parameter={"Mode": ["fast"]},
        app_version="2.4",
    )


def roll_with_hooks(session: Any) -> Report:
    def check(event: HookEvent) -> None:
        assert_type(event.instance_ids, tuple[str, ...])

    smoke = HookSpec(point=HookPoint.AFTER_HEALTHY, command=("./smoke",), timeout=60)
    spec = RolloutSpec(asg="web", hooks=(smoke,))
    awsroll.roll(spec, session=session, hooks={"after_healthy": check, HookPoint.ON_FAILURE: print})
    report = awsroll.roll(spec, hooks=[PythonHook(point=HookPoint.AFTER_LAUNCH, call=check, timeout=5, name="look")])
    return awsroll.resume(report.rollout_id, hooks={"after_launch": check}, request=spec)


def deploy(spec: RolloutSpec) -> str:
    try:
        awsroll.roll(spec).raise_for_status()
    except awsroll.UnsuccessfulError as error:
        return error.rollout_id
    return ""


def confirm_the_rest(rollout_id: str) -> Report:
    def accept(instructions: Sequence[Instruction]) -> bool:
        return all(each.kind is InstructionKind.REGION for each in instructions)

    try:
        return awsroll.resume(rollout_id, confirm_instructions=accept)
    except awsroll.UnconfirmedError as error:
        assert_type(error.problems, tuple[str, ...])
        return awsroll.rollback(
            rollout_id, request=FleetSpec(name="web", request=request(), role="arn:aws:iam::1:role/x")
        )


def what_must_not_be_given() -> None:
    RolloutSpec("web")  # type: ignore[call-arg]
    RolloutSpec(asg="web", strategy="replace")  # type: ignore[arg-type]
    RolloutSpec(asg="web", concurrent=0.5)  # type: ignore[arg-type]
    RolloutSpec(asg="web", asgs="web")  # type: ignore[call-arg]
    awsroll.roll("web")  # type: ignore[arg-type]
    awsroll.roll(request(), "default")  # type: ignore[call-arg]
    awsroll.save_plan(awsroll.plan(request()), "web.plan")  # type: ignore[arg-type]
    request().asg = "other"  # type: ignore[misc]


class Log:
    """A sink of the user's own."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def event(self, name: str, at: datetime, **fields: object) -> None:
        self.lines.append(f"{at:%H:%M:%S} {name} {fields}")

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        self.lines.append(f"{rollout.fleet}: {len(observation.instances)} servers, {status.mode}")


def roll(session: Any) -> Report:
    store = LocalStore(Path("state"))
    report = awsroll.roll(request(), session=session, store=store, sink=Log())
    assert_type(report, Report)
    if not report.succeeded:
        again = awsroll.resume(report.rollout_id, session=session, store=store)
        assert_type(again, Report)
    return report


def halt_and_lift() -> None:
    try:
        assert_type(awsroll.halt("incident 4711", store="s3://bucket/rollouts"), awsroll.Halt)
    except awsroll.HaltedError as error:
        assert_type(error, awsroll.HaltedError)
    except awsroll.BudgetFullError as error:
        assert_type(error, awsroll.BudgetFullError)
    assert_type(awsroll.unhalt(), awsroll.Unhalted)


def limit_and_lift() -> None:
    assert_type(awsroll.set_budget(rollouts=3, servers=20, store="dynamodb://deploys"), awsroll.Budget)
    budget = awsroll.budget(store="dynamodb://deploys")
    assert_type(budget, awsroll.Budget | None)
    if budget is not None:
        assert_type(budget.servers, int | None)
    assert_type(awsroll.remove_budget(), awsroll.Budget | None)


def roll_in_a_shared_store() -> None:
    store = awsroll.open_store("dynamodb://rollouts")
    assert_type(store, RecordStore)
    try:
        report = awsroll.roll(request(), store="s3://bucket/rollouts", approve=lambda checkpoint: checkpoint < 3)
    except awsroll.LeaseLostError as error:
        assert_type(str(error), str)
        return
    assert_type(awsroll.pause(report.rollout_id, store=store), RolloutSummary)
    assert_type(awsroll.approve(report.rollout_id, store=store), RolloutSummary)
    try:
        assert_type(awsroll.override_freeze(report.rollout_id, "incident 4711", store=store), RolloutSummary)
        assert_type(awsroll.reject(report.rollout_id, checkpoint=2, store=store), RolloutSummary)
    except awsroll.NoApprovalAwaitedError as error:
        assert_type(error, awsroll.NoApprovalAwaitedError)
    assert_type(awsroll.abort(report.rollout_id, store=store), Report)
    assert_type(awsroll.rollback(report.rollout_id, store=store), Report)
    assert_type(store.user_requests(report.rollout_id), UserRequests)


def plan_and_roll_later(path: Path) -> Report:
    plan = awsroll.plan(request())
    assert_type(plan, RolloutPlan)
    awsroll.save_plan(plan, path)
    kept = awsroll.load_plan(path)
    assert_type(kept, RolloutPlan)
    assert_type([one.instance_id for one in kept.order], list[str])
    assert_type(kept.estimated_seconds, float)
    assert_type([one.message for one in kept.findings], list[str])
    assert_type(kept.request, RolloutSpec | None)
    return awsroll.roll(kept)


def read(report: Report) -> None:
    assert_type(report.status, Outcome)
    assert_type(report.min_serving, int | None)
    assert_type(report.elapsed_s, float)
    assert_type(report.instances.replaced, int)
    assert_type([one.cause for one in report.failures], list[str])
    assert_type(report.warnings, tuple[str, ...])
    assert_type(report.api_calls.by_operation, dict[str, int])
    assert_type(report.to_json(), str)


def release() -> tuple[str, ...]:
    released = awsroll.release("web-1", confirm=lambda found: not found.unrestored)
    assert_type(released, Released)
    assert_type(released.acted, bool)
    return (*released.freed, *released.unrestored, *released.notes)


def repair(session: Any) -> tuple[Leftover, ...]:
    repaired = awsroll.repair(asg="web", session=session, confirm=lambda found: all(one.acts for one in found))
    assert_type(repaired, Repaired)
    assert_type(repaired.clean, bool)
    assert_type([str(one) for one in repaired.left], list[str])
    return awsroll.repair("web-1", target_group=("web",)).found


def roll_many(session: Any) -> FleetsReport:
    role = "arn:aws:iam::111122223333:role/deploy"
    here = FleetSpec(name="here", request=request())
    there = FleetSpec(name="there", request=request(), region="eu-west-1", role=role, external_id="shared")
    canary = WaveSpec(name="canary", fleets=(here,))
    rest = WaveSpec(name="rest", fleets=(there,), concurrency="50%", tolerated_failures=1)
    fleets = FleetsSpec(waves=(canary, rest))
    assert_type(fleets.problems(), tuple[str, ...])
    assert_type((rest.at_once, rest.may_fail), tuple[int, int])
    plan = awsroll.plan_fleets(fleets, session=session)
    assert_type(plan, FleetsPlan)
    assert_type([fleet.plan for wave in plan.waves for fleet in wave.fleets], list[RolloutPlan | None])
    return awsroll.roll_fleets(fleets, session=session, store="s3://deploys/awsroll", sink=Log())


def keep_many(fleets: FleetsSpec) -> dict[str, RotationAction]:
    planned = awsroll.keep_fleets(fleets, store=LocalStore(), dry_run=True)
    assert_type(planned, KeepReport)
    assert_type(planned.report, FleetsReport | None)
    done = awsroll.keep_fleets(fleets, again=True)
    return {name: rotation.action for name, rotation in done.rotations.items()}


def read_many(path: Path) -> list[str]:
    fleets = awsroll.load_fleets(path)
    assert_type(fleets, FleetsSpec)
    report = awsroll.roll_fleets(fleets, store=LocalStore())
    assert_type(report.status, Outcome)
    assert_type(report.succeeded, bool)
    assert_type([fleet.report for fleet in report.fleets], list[Report | None])
    return [fleet.fleet_name for fleet in report.fleets if fleet.status is FleetEnding.NOT_BEGUN]


def in_words(outcome: Outcome) -> str:
    match outcome:
        case Outcome.SUCCEEDED:
            return "done"
        case Outcome.ROLLED_BACK | Outcome.STOPPED | Outcome.PAUSED | Outcome.INTERRUPTED:
            return "look at it"
        case Outcome.RUNNING:
            return "wait"
        case _:
            assert_never(outcome)


def known() -> tuple[str, ...]:
    known = awsroll.rollouts()
    assert_type(known, tuple[RolloutSummary, ...])
    one = awsroll.status("web-1", store=LocalStore())
    assert_type(one, RolloutSummary)
    assert_type(one.started_at, datetime)
    assert_type(one.phase.value, str)
    return tuple(summary.fleet for summary in known)


def all_errors() -> str:
    try:
        awsroll.roll(request())
    except (awsroll.SpecError, awsroll.FleetError) as error:
        assert_type(error.problems, tuple[str, ...])
        return error.problems[0]
    except (awsroll.FleetLockedError, awsroll.RolloutNotFoundError) as error:
        held: awsroll.StateError = error
        return str(held)
    except awsroll.AwsError as error:
        assert_type(error.code, str)
        assert_type(error.operation, str)
        return error.code
    except awsroll.AwsrollError as error:
        return str(error)
    return ""


def shared_store() -> None:
    store = awsroll.open_store("s3://deploys/awsroll")
    assert_type(store, RecordStore)
    assert_type(
        store.change_user_requests("web-1", lambda user_requests: replace(user_requests, pause=True)), UserRequests
    )
    try:
        assert_type(awsroll.roll(request(), store="dynamodb://deploys"), Report)
    except awsroll.LeaseLostError as error:
        assert_type(error, awsroll.LeaseLostError)
