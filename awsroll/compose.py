"""The one place where the parts are put together: session, fleet, store, clock, controller.

The command line and the library's public calls come through here. It decides nothing about a fleet.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from awsroll.aws.connection import Connection
from awsroll.clock import SystemClock
from awsroll.controller import Controller
from awsroll.core.fingerprint import differences
from awsroll.core.plan import pause
from awsroll.core.rollout import Rollout
from awsroll.core.spec import RolloutSpec
from awsroll.core.status import Mode, Outcome
from awsroll.errors import AwsrollError, FleetError, SpecError, StateError
from awsroll.events import Tee
from awsroll.fleets import fleet_of
from awsroll.ports import Clock, Fleet, Record, Sink, Store
from awsroll.preflight import Prepared, prepare
from awsroll.report import ApiCalls, Report, RolloutPlan, RolloutSummary, build_report, forecast, summarize
from awsroll.stores import LocalStore


class NotConfirmedError(SpecError):
    """The person who was asked did not want to go on."""


def _never() -> bool:
    return False


def _always(_: Prepared) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a rollout runs in; everything has a default.

    Attributes:
        session: a boto3 session; None: boto3's default one.
        endpoint_url: where every AWS call goes instead of to AWS; None leaves that to boto3.
        store: where the record is kept; None: the default directory.
        clock: the only way to wait; None: the real one.
        sink: who is told what happens; None: nobody.
        stop_requested: asked between steps; once true, the rollout is left at a safe point, as `interrupted`.
        confirm: asked after the checks, before anything is changed.
    """

    session: Any = None
    endpoint_url: str | None = None
    store: Store | None = None
    clock: Clock | None = None
    sink: Sink | None = None
    stop_requested: Callable[[], bool] = _never
    confirm: Callable[[Prepared], bool] = _always


def open_session(*, profile: str | None = None, region: str | None = None) -> Any:
    """Return a boto3 session.

    Raises:
        SpecError: if there is no such profile, or boto3 knows no such region.
    """
    import boto3  # noqa: PLC0415 - takes longer to import than all the rest
    from botocore.exceptions import BotoCoreError, ProfileNotFound  # noqa: PLC0415 - see above

    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        other = os.environ.get("AWS_REGION")  # the AWS CLI and other SDKs know it, boto3 does not
        if session.region_name or not other:
            return session
        return boto3.Session(profile_name=profile, region_name=other)
    except ProfileNotFound as error:
        known = ", ".join(boto3.Session().available_profiles) or "none"
        problem = (
            f"there is no AWS profile {profile!r} (known: {known}): give one of them, or set it up with the AWS CLI"
        )
        raise SpecError(problem) from error
    except BotoCoreError as error:
        problem = f"the AWS configuration cannot be used: {error}"
        raise SpecError(problem) from error


def start(request: RolloutSpec | RolloutPlan, surroundings: Surroundings) -> Report:
    """Roll a fleet to its new version: check, save the record, drive it to an end.

    Args:
        request: what to do; or a plan, which is carried out exactly as it was made.
        surroundings: what it runs in.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it, or the fleet is no more as it was planned
            for; nothing was changed.
        FleetLockedError: if another rollout holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    run = _Run(surroundings)
    prepared = run.prepare_planned(request) if isinstance(request, RolloutPlan) else run.prepare(request)
    if not surroundings.confirm(prepared):
        problem = "not confirmed: nothing was changed"
        raise NotConfirmedError(problem)
    with run.driving(prepared.rollout):
        record = run.store.save(Record(rollout=prepared.rollout, status=prepared.status))
        run.tell("rollout.created", record)
        run.warn(prepared)
        return run.drive(record)


def go_on(
    rollout_id: str, surroundings: Surroundings, *, poll: float | None = None, settle_time: float | None = None
) -> Report:
    """Go on with a rollout that was interrupted or waits; of one that has ended, return the report again.

    Raises:
        StateError: if its record is missing or cannot be used.
        FleetLockedError: if another process drives it, or another rollout holds its fleet.
    """
    run = _Run(surroundings)
    rollout = run.store.load(rollout_id).rollout
    with run.driving(rollout):
        record = run.store.load(rollout_id)  # again: it may have been driven until a moment ago
        if record.status.mode is Mode.ENDED:
            return build_report(record, at=run.clock.now())
        run.check_account(rollout)
        record = _retimed(_woken(record, run.clock.now()), poll=poll, settle_time=settle_time)
        run.tell("rollout.resumed", record)
        return run.drive(record)


def look_ahead(spec: RolloutSpec, surroundings: Surroundings) -> RolloutPlan:
    """Return what a rollout would do, without doing it.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it.
        AwsError: if AWS refused or did not answer.
    """
    run = _Run(surroundings)
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


class _Run:
    """One call of the library: the surroundings with their defaults filled in."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.store = surroundings.store or LocalStore()
        self.clock = surroundings.clock or SystemClock()
        self._sink = surroundings.sink or Tee()
        self._stop_requested = surroundings.stop_requested
        self._session = surroundings.session
        self._endpoint_url = surroundings.endpoint_url
        self.aws = self._connect(region=None)

    def prepare(self, spec: RolloutSpec) -> Prepared:
        return prepare(spec, self.aws)

    def prepare_planned(self, plan: RolloutPlan) -> Prepared:
        """Prepare what was planned, in the region of the plan, and refuse if the fleet is not as it was then."""
        if plan.request is None or plan.fingerprint is None:
            problem = "this plan holds no request: make one with `awsroll.plan`, or `awsroll plan ... --out FILE`"
            raise SpecError(problem)
        self.aws = self._connect(region=plan.fingerprint.region or None)
        prepared = self.prepare(plan.request)
        changes = differences(plan.fingerprint, prepared.fingerprint)
        if changes:
            advice = f"{plan.fleet} is not as it was planned for; nothing was changed: look at it and plan anew"
            raise FleetError(*changes, advice)
        return prepared

    def fleet(self, rollout: Rollout) -> Fleet:
        return fleet_of(rollout, self.aws, warn=self._warn)

    def _warn(self, message: str) -> None:
        self._sink.event("aws.fallback", self.clock.now(), message=message)

    def check_account(self, rollout: Rollout) -> None:
        """Talk to the region of a record from now on, and make sure that it is the same account."""
        self.aws = self._connect(region=rollout.region or None)
        account = self.aws.sts.account() if rollout.account else ""
        if account != rollout.account:
            problem = (
                f"rollout {rollout.rollout_id} is of account {rollout.account}, these credentials are of {account}: "
                "nothing was changed; give the --profile it was started with"
            )
            raise FleetError(problem)

    def _connect(self, *, region: str | None) -> Connection:
        session = open_session() if self._session is None else self._session
        return Connection(session, clock=self.clock, endpoint_url=self._endpoint_url, region=region)

    def driving(self, rollout: Rollout) -> AbstractContextManager[object]:
        return self.store.drive(rollout) if isinstance(self.store, LocalStore) else nullcontext()

    def tell(self, event: str, record: Record, **more: object) -> None:
        rollout = record.rollout
        self._sink.event(
            event,
            self.clock.now(),
            rollout_id=rollout.rollout_id,
            fleet=rollout.fleet,
            strategy=rollout.strategy.value,
            from_version=rollout.from_version,
            to_version=rollout.to_version,
            **more,
        )

    def warn(self, prepared: Prepared) -> None:
        for finding in prepared.findings:
            self._sink.event("preflight.warning", self.clock.now(), message=finding.message)

    def drive(self, record: Record) -> Report:
        controller = Controller(
            record, fleet=self.fleet(record.rollout), store=self.store, clock=self.clock, sink=self._sink
        )
        try:
            status = controller.run(self._stop_requested)
        except AwsrollError as error:
            # Something was changed already, so this is no refusal: it waits for a person, as it stands.
            status = pause(controller.status, f"{error}; the fleet was left as it is")
            with suppress(StateError):
                self.store.save(replace(controller.record, status=status))
        return self.report(replace(record, status=status), at=self.clock.now())

    def report(self, record: Record, *, at: datetime) -> Report:
        calls = self.aws.calls
        counted = ApiCalls(total=calls.total, mutating=calls.mutating, by_operation=dict(calls.by_operation))
        return build_report(record, at=at, api_calls=counted)


def _woken(record: Record, at: datetime) -> Record:
    # The time in which nobody drove it is no time without progress.
    return replace(record, status=replace(record.status, outcome=Outcome.RUNNING, reason="", progress_at=at))


def _retimed(record: Record, *, poll: float | None, settle_time: float | None) -> Record:
    limits = record.rollout.limits
    limits = replace(
        limits,
        poll_seconds=limits.poll_seconds if poll is None else poll,
        settle_seconds=limits.settle_seconds if settle_time is None else settle_time,
    )
    return replace(record, rollout=replace(record.rollout, limits=limits))


def _summary(store: Store, record: Record) -> RolloutSummary:
    driven = isinstance(store, LocalStore) and store.driver(record.rollout.rollout_id) is not None
    return summarize(record, is_driven=driven)
