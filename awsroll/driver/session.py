"""One call of the library: its AWS connection, store, lease, label and sink, and the rollout driven with them.

`operations` says what each public call does. This module connects the parts; it decides nothing about a fleet.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, assert_never

from awsroll.aws.connection import Connection
from awsroll.aws.sessions import open_session
from awsroll.core.model.hooks import HookKind
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode
from awsroll.core.model.template_change import TemplateChange
from awsroll.driver.audit_recorder import AuditRecorder
from awsroll.driver.caller_name import local_name
from awsroll.driver.context import Context
from awsroll.driver.decision_recorder import DecisionRecorder
from awsroll.driver.gate_answers import Approver
from awsroll.driver.given_fleet import clock_for, given_fleet, label_class, store_for
from awsroll.driver.lease_guard import GuardedClock, GuardedStore
from awsroll.driver.timeline_recorder import TimelineRecorder
from awsroll.errors import FleetError, SpecError
from awsroll.events import Tee
from awsroll.fleets import fleet_of
from awsroll.fleets.label import Label
from awsroll.hooks import HookRunner
from awsroll.hooks.callables import bind_callables
from awsroll.ports import Fleet, Lease, Record, Sink
from awsroll.stores import Lease as StoredLease, Lock, RecordStore
from awsroll.stores.lock_expiry import length_of
from awsroll.telemetry import sinks_with

if TYPE_CHECKING:
    from awsroll.driver.known_observation import KnownObservation
    from awsroll.driver.reconciler import Controller
    from awsroll.notifications.notifier import Notifier
    from awsroll.preflight import Prepared
    from awsroll.report import Report

_RENEWAL_SLICES = 6  # of a lease: how often a sleep checks whether the lease is due
_FOLLOW_SECONDS = 0.5  # between two reads of a record that another process writes


class Session:
    """One call of the library, with the defaults of its context filled in."""

    def __init__(self, context: Context) -> None:
        self.given = given_fleet(context.session)
        self.store = store_for(context)
        self._own_clock = clock_for(context)
        self.clock = GuardedClock(self._own_clock)
        self.hooks = context.hooks
        self._lease: Lease | None = None
        self._recorder = TimelineRecorder(self.clock, self._warn)
        self._decisions = DecisionRecorder(self.clock, context.record, self._warn)
        self._audit = AuditRecorder(self._warn)
        self._sink: Sink = Tee(self._recorder, self._audit, *sinks_with(context.sink))
        self.stop_requested = context.stop_requested
        self._approver = Approver(approves=context.approve, waits=context.wait_for_approval)
        self._boto_session = context.session
        self._endpoint_url = context.endpoint_url
        self._context = context
        self.known: KnownObservation | None = None  # what the first step need not observe again
        self._notes = self.store  # also while the fleet is held: keys of notices, and the timeline of other processes
        self._place = "no store" if context.store is None else "a custom store"
        self._fleets: dict[str, Fleet] = {}
        self.aws = self._connection(region=None)
        self.own_region = self.aws.region

    # --- AWS ----------------------------------------------------------------------------------------------------------

    def connect(self, region: str) -> None:
        """Send the AWS calls to this region from now on; empty: the region of the boto3 session."""
        self.aws = self._connection(region=region or None)
        self._fleets = {}

    def check_account(self, rollout: Rollout) -> None:
        """Connect to the region of a rollout, and check that the credentials belong to its account.

        Raises:
            FleetError: if they belong to another account; nothing was changed.
        """
        self.connect(rollout.region)
        account = self.aws.sts.account() if rollout.account else ""
        if account != rollout.account:
            problem = (
                f"rollout {rollout.rollout_id} belongs to account {rollout.account}, these credentials to {account}; "
                "nothing was changed. Pass the --profile that it was started with"
            )
            raise FleetError(problem)

    def _connection(self, *, region: str | None) -> Connection:
        boto_session = open_session() if self._boto_session is None else self._boto_session
        connection = Connection(boto_session, clock=self.clock, endpoint_url=self._endpoint_url, region=region)
        connection.hold(self._lease)
        return connection

    def fleet(self, rollout: Rollout) -> Fleet:
        """Return the fleet of a rollout: one for each, because it remembers the settings that it has read."""
        if self.given is None and rollout.rollout_id not in self._fleets:
            self._fleets[rollout.rollout_id] = fleet_of(
                rollout, self.aws, warn=lambda message: self.emit("aws.fallback", message=message)
            )
        return self.given or self._fleets[rollout.rollout_id]

    # --- the lease and the label --------------------------------------------------------------------------------------

    def record_store(self) -> RecordStore:
        """Return the store, if it has locks.

        Raises:
            SpecError: if it has none: a step cannot hold its fleet.
        """
        if not isinstance(self.store, RecordStore):
            problem = "steps need a store with locks: a directory, s3://BUCKET/PREFIX or dynamodb://TABLE"
            raise SpecError(problem)
        return self.store

    @contextmanager
    def hold(self, rollout: Rollout, *, again: bool = False, takes_steps: bool = False) -> Iterator[StoredLease | None]:
        """Hold the fleet during the block: without the lease nothing is changed or written.

        A store of another class has no locks. Its owner must make sure that one process drives a rollout.

        Args:
            rollout: the rollout of the fleet.
            again: the rollout is resumed: wait for the lease of an earlier driver to expire.
            takes_steps: take over the lease that an earlier step extended for the next step.
        """
        if not isinstance(self.store, RecordStore):
            yield None
            return
        store, on_wait = self.store, self.report_wait if again else None
        arn = self._context.execution if takes_steps else self.aws.sts.known_caller
        with store.drive(rollout, clock=self.clock, on_wait=on_wait, takes_steps=takes_steps, arn=arn) as lease:
            self._place = store.label
            self.store, self._lease = GuardedStore(store, lease), lease
            self._recorder.keep_in(store.timeline(rollout.rollout_id))
            place = self._context.execution or lease.holder.process.host
            self._audit.keep_in(store.history(), rollout, by=self.aws.sts.known_caller or local_name(), place=place)
            self._decisions.keep_in(store.decisions(rollout.rollout_id), takes_steps=takes_steps)
            self.aws.hold(lease)
            renewed = partial(self._renew, lease)
            try:
                with self.clock.calling(renewed, every_seconds=lease.seconds / _RENEWAL_SLICES):
                    yield lease
            finally:
                self.store = store  # without the lease, this call may only begin to hold the fleet again

    def _renew(self, lease: StoredLease) -> None:
        """Renew the lease if it is due, and emit a warning once if the store cannot be written."""
        before = lease.problem
        lease.renew_if_due()
        if lease.problem and not before:
            self.emit("rollout.warning", message=f"the lease of the fleet cannot be renewed: {lease.problem}")

    def check_locks(self, rollout: Rollout) -> None:
        """Check that no other driver holds the fleet in the store.

        Raises:
            FleetLockedError: if another rollout holds the fleet; nothing was changed.
        """
        if isinstance(self.store, RecordStore):
            self.store.check_free(rollout, clock=self.clock)
            self._place = self.store.label

    def report_wait(self, lock: Lock) -> None:
        """Emit the event that this process waits for the lease of another process to expire."""
        left = (lock.expires_at - self.clock.now()).total_seconds()
        seconds = round(left if lock.awaits_next_step else min(left, length_of(lock)))
        message = f"waiting up to {seconds} s until the lease of {lock.holder} expires"
        self.emit("lease.awaited", message=message, seconds=seconds)

    def label(self, rollout: Rollout, *, warn: Callable[[str], None] | None = None) -> Label:
        """Return the label that shows this rollout to processes with another store.

        Args:
            rollout: the rollout.
            warn: receives a warning if the label cannot be read or written; None: an event is emitted.
        """
        return label_class(self.given)(
            self.aws,
            rollout,
            place=self._place,
            warn=warn or self._warn,
        )

    # --- events -------------------------------------------------------------------------------------------------------

    def emit(self, event: str, **fields: object) -> None:
        """Emit an event at the current time."""
        self._sink.event(event, self.clock.now(), **fields)

    def _warn(self, message: str) -> None:
        self.emit("rollout.warning", message=message)

    def emit_rollout(self, event: str, rollout: Rollout) -> None:
        """Emit an event about the rollout itself: which fleet, from which version to which."""
        self.emit(
            event,
            rollout_id=rollout.rollout_id,
            fleet=rollout.fleet,
            strategy=rollout.strategy.value,
            from_version=rollout.from_version,
            to_version=rollout.to_version,
            from_name=rollout.from_name,
            to_name=rollout.to_name,
        )

    def note_changes(self, changes: Sequence[TemplateChange]) -> None:
        """Have the history say how the launch template versions differ."""
        self._audit.changes = tuple(map(str, changes))

    def note_record(self, record: Record) -> None:
        """Have the history name a record that this call has saved without a controller."""
        self._audit.follow(lambda: record)

    def emit_warnings(self, prepared: "Prepared") -> None:
        """Emit the warnings of the checks."""
        for message in prepared.warnings:
            self.emit("preflight.warning", message=message)

    # --- driving ------------------------------------------------------------------------------------------------------

    def controller(self, record: Record) -> "tuple[Controller, HookRunner]":
        """Return the controller of a rollout and the runner of its hooks. The caller ends the hooks."""
        from awsroll.driver.reconciler import Controller  # noqa: PLC0415 - `awsroll plan` starts faster without

        controller = Controller(
            record, fleet=self.fleet(record.rollout), store=self.store, clock=self.clock, sink=self._sink
        )
        controller.approver, controller.known = self._approver, self.known
        self._audit.follow(lambda: controller.record)
        controller.planner, controller.answered = self._decisions.plan, self._decisions.answered
        self._recorder.begin(record.status.started_at, self.aws.calls)
        callables = bind_callables(record.rollout, self.hooks)
        hooks = HookRunner(self.aws, callables=callables, in_background=self.clock.is_real_time)
        controller.hooks = hooks
        return controller, hooks

    def end_hooks(self, hooks: HookRunner) -> None:
        """End the hooks that still run, and emit an event for each. What is recorded is written up to here."""
        for run in hooks.close():
            match run.hook.kind:
                case HookKind.COMMAND:
                    message = "was still running and was ended; `awsroll resume` runs it again"
                case (
                    HookKind.FUNCTION
                    | HookKind.SCRIPT
                    | HookKind.CALLABLE
                    | HookKind.URL
                    | HookKind.METRIC
                    | HookKind.ANOMALIES
                ):
                    message = "is still running and cannot be ended from here; `awsroll resume` runs it again"
                case _:
                    assert_never(run.hook.kind)
            self.emit("hook.left", hook=run.hook.name, run=run.call.number, message=message)
        self._recorder.finish()
        self._decisions.finish()

    def notifier(self, rollout: Rollout) -> "Notifier":
        """Return the notifier of a rollout, for the destinations that the caller named."""
        from awsroll.driver.notifying import notifier_for  # noqa: PLC0415 - see `controller`

        return notifier_for(rollout.rollout_id, self._context, self._notes, clock=self._own_clock, warn=self._warn)

    def notify(self, record: Record) -> None:
        """Send the notices of a rollout that are due. What cannot be sent is a warning."""
        notifier = self.notifier(record.rollout)
        try:
            notifier.tell(record.rollout, record.status, record.status.user_requests, self.clock.now())
        finally:
            notifier.close()

    def follow(self, rollout_id: str) -> Record | None:
        """Wait while another process drives a rollout; return the record, or None if it did not end the rollout."""
        if not isinstance(self.store, RecordStore):
            return None
        while self.store.driver(rollout_id) is not None:
            self.clock.sleep(_FOLLOW_SECONDS)
            if self.stop_requested():
                break
        record = self.store.load(rollout_id)
        is_current = record.status.user_requests == self.store.user_requests(rollout_id)
        return record if record.status.mode is Mode.ENDED and is_current else None

    def report(self, record: Record, *, at: datetime) -> "Report":
        """Return the report, with the AWS calls of this process and of those that drove the rollout before it."""
        from awsroll.driver.read_story import report_of  # noqa: PLC0415 - a step makes no report
        from awsroll.report import ApiCalls, build_report  # noqa: PLC0415 - see above

        calls = self.aws.calls
        own = ApiCalls(total=calls.total, mutating=calls.mutating, by_operation=dict(calls.by_operation))
        if not self._recorder.continues:
            return build_report(record, at=at, api_calls=own)
        return report_of(record, self._notes, at=at, own_calls=own)

    def report_of_others(self, record: Record) -> "Report":
        """Return the report of a rollout that other processes have driven, with the number of their AWS calls."""
        from awsroll.driver.read_story import report_of  # noqa: PLC0415 - a step makes no report

        return report_of(record, self._notes, at=self.clock.now())
