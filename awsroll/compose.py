"""The one place where the parts are put together: session, fleet, store, clock, controller.

The command line and the library's public calls come through here. It decides nothing about a fleet.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from awsroll.aws.connection import Connection
from awsroll.clock import SystemClock
from awsroll.controller import Controller
from awsroll.core.plan import pause
from awsroll.core.rollout import Rollout
from awsroll.core.spec import RolloutSpec
from awsroll.core.status import Mode, Outcome
from awsroll.errors import AwsrollError, FleetError, LeaseLostError, SpecError, StateError
from awsroll.events import Tee
from awsroll.fleets import fleet_of
from awsroll.fleets.label import Label
from awsroll.holding import HeldClock, HeldStore
from awsroll.opening import open_session
from awsroll.ports import Clock, Fleet, Lease, Record, Sink, Store
from awsroll.preflight import Prepared, prepare
from awsroll.report import ApiCalls, Report, RolloutPlan, RolloutSummary, build_report, forecast, summarize
from awsroll.stores import LocalStore, Lock, RecordStore


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


def start(spec: RolloutSpec, surroundings: Surroundings) -> Report:
    """Roll a fleet to its new version: check, save the record, drive it to an end.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it; nothing was changed.
        FleetLockedError: if another rollout holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    run = _Run(surroundings)
    prepared = run.prepare(spec)
    if not surroundings.confirm(prepared):
        problem = "not confirmed: nothing was changed"
        raise NotConfirmedError(problem)
    with run.holding(prepared.rollout):
        run.label(prepared.rollout).check()
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
    with run.holding(rollout, again=True):
        record = run.store.load(rollout_id)  # again: it may have been driven until a moment ago
        if record.status.mode is Mode.ENDED:
            return build_report(record, at=run.clock.now())
        run.check_account(rollout)
        run.label(rollout).check()
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
    return forecast(prepared.rollout, observation, prepared.status, findings=prepared.findings)


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
        self.store: Store = surroundings.store or LocalStore()
        self.clock = HeldClock(surroundings.clock or SystemClock())
        self._lease: Lease | None = None
        self._sink = surroundings.sink or Tee()
        self._stop_requested = surroundings.stop_requested
        self._session = surroundings.session
        self._endpoint_url = surroundings.endpoint_url
        self._place = "a store of its own"
        self.aws = self._connect(region=None)

    def prepare(self, spec: RolloutSpec) -> Prepared:
        return prepare(spec, self.aws)

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
        connection = Connection(session, clock=self.clock, endpoint_url=self._endpoint_url, region=region)
        connection.hold(self._lease)
        return connection

    @contextmanager
    def holding(self, rollout: Rollout, *, again: bool = False) -> Iterator[None]:
        """Hold the fleet while the block lasts: nothing is changed or written without the lease.

        A store that is not ours keeps records alone; whoever brings it sees to it that there is one driver.
        """
        if not isinstance(self.store, RecordStore):
            yield
            return
        store, on_wait = self.store, self._tell_wait if again else None
        with store.drive(rollout, clock=self.clock, on_wait=on_wait) as lease:
            self._place = store.label
            self.store, self._lease = HeldStore(store, lease), lease
            self.aws.hold(lease)
            with self.clock.keeping(lease.renew_if_due, seconds=lease.seconds / 3):
                yield

    def _tell_wait(self, lock: Lock) -> None:
        seconds = round((lock.expires_at - self.clock.now()).total_seconds())
        message = f"waiting up to {seconds} s for the lease of {lock.holder} to run out"
        self._sink.event("lease.awaited", self.clock.now(), message=message, seconds=seconds)

    def label(self, rollout: Rollout) -> Label:
        return Label(self.aws, rollout, place=self._place, warn=self._warn_about_label)

    def _warn_about_label(self, message: str) -> None:
        self._sink.event("rollout.warning", self.clock.now(), message=message)

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
        label = self.label(record.rollout)
        try:
            with self.clock.keeping(label.refresh_if_due):
                label.put()
                status = controller.run(self._stop_requested)
        except LeaseLostError as error:
            # Whoever holds the fleet now writes its record: this process makes no further call.
            status = pause(controller.status, str(error))
            self._sink.event("rollout.paused", self.clock.now(), reason=status.reason)
        except AwsrollError as error:
            # Something was changed already, so this is no refusal: it waits for a person, as it stands.
            status = pause(controller.status, f"{error}; the fleet was left as it is")
            with suppress(AwsrollError):
                self.store.save(replace(controller.record, status=status))
        finally:
            label.remove()
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
    if record.status.mode is Mode.ENDED or not isinstance(store, RecordStore):
        return summarize(record, is_driven=False)
    with suppress(StateError):  # a lock that cannot be read hides no rollout; `resume` says what is wrong with it
        return summarize(record, is_driven=store.driver(record.rollout.rollout_id) is not None)
    return summarize(record, is_driven=False)
