"""One call of the library: the surroundings with their defaults filled in, and the rollout driven in them.

`compose` says what each public call does; how a session, a store, a lease, a label and a controller are put together
for it is here. It decides nothing about a fleet.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from awsroll.aws.connection import Connection
from awsroll.aws.sessions import open_session
from awsroll.clock import SystemClock
from awsroll.core.classify.view import View
from awsroll.core.model.fingerprint import differences
from awsroll.core.model.plan import pause
from awsroll.core.model.rollout import Rollout, version_of
from awsroll.core.model.status import Mode
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.lease_guard import HeldClock, HeldStore
from awsroll.driver.reconciler import Approver, Controller
from awsroll.errors import AwsrollError, FleetError, LeaseLostError, SpecError
from awsroll.events import Tee
from awsroll.fleets import fleet_of
from awsroll.fleets.label import Label
from awsroll.hooks import HookRunner, PythonHook
from awsroll.hooks.callables import bound, check_bound, named_callables
from awsroll.ports import Clock, Fleet, Lease, Record, Sink, Store
from awsroll.preflight import Prepared, prepare
from awsroll.preflight.hook_checks import refused_points
from awsroll.report import ApiCalls, Report, RolloutPlan, build_report
from awsroll.stores import Lease as Kept, LocalStore, Lock, RecordStore

_FOLLOWED_SECONDS = 0.5  # between two looks at a rollout that another process drives


class NotConfirmedError(SpecError):
    """The person who was asked did not want to go on."""


def _never() -> bool:
    return False


def _always(_: Prepared) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a rollout runs in; everything has a default.

    Attributes:
        session: a boto3 session; None: boto3's default one.
        endpoint_url: where every AWS call goes instead of to AWS; None leaves that to boto3.
        store: where the record is kept; None: the default directory.
        clock: the only way to wait; None: the real one.
        sink: who is told what happens; None: nobody.
        stop_requested: asked between steps; once true, the rollout is left at a safe point, as `interrupted`.
        confirm: asked after the checks, before anything is changed.
        approve: asked at each gate that needs a person, with the number of the checkpoint from 1; None: `awsroll
            approve` answers.
        wait_for_approval: False: pause at such a gate instead of waiting there.
        hooks: Python callables to run at points of the rollout; for one that goes on: again those it was started with.
    """

    session: Any = None
    endpoint_url: str | None = None
    store: Store | None = None
    clock: Clock | None = None
    sink: Sink | None = None
    stop_requested: Callable[[], bool] = _never
    confirm: Callable[[Prepared], bool] = _always
    approve: Callable[[int], bool] | None = None
    wait_for_approval: bool = True
    hooks: tuple[PythonHook, ...] = ()


class Run:
    """One call of the library: the surroundings with their defaults filled in."""

    def __init__(self, context: Context) -> None:
        self.store: Store = context.store or LocalStore()
        self.clock = HeldClock(context.clock or SystemClock())
        self._lease: Lease | None = None
        self._sink = context.sink or Tee()
        self._stop_requested = context.stop_requested
        self._hooks = context.hooks
        self._is_real_time = context.clock is None or isinstance(context.clock, SystemClock)
        self._approver = Approver(approves=context.approve, waits=context.wait_for_approval)
        self._session = context.session
        self._endpoint_url = context.endpoint_url
        self._place = "a store of its own"
        self.aws = self._connect(region=None)

    def prepare(self, spec: RolloutSpec, *, rollout_id: str = "") -> Prepared:
        """Look everything up and check it; change nothing. `rollout_id`: empty: a new one is made."""
        prepared = prepare(spec, self.aws, rollout_id=rollout_id)
        callables = named_callables(self._hooks, prepared.rollout)
        if problems := refused_points(prepared.rollout, callables):
            raise FleetError(*problems)
        return replace(prepared, rollout=replace(prepared.rollout, hooks=(*prepared.rollout.hooks, *callables)))

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
        """Return the fleet that a rollout is about."""
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
    def holding(self, rollout: Rollout, *, again: bool = False, takes_steps: bool = False) -> Iterator[Kept | None]:
        """Hold the fleet while the block lasts: nothing is changed or written without the lease.

        A store that is not ours keeps records alone; whoever brings it sees to it that there is one driver.

        Args:
            rollout: whose fleet.
            again: to go on with it: a lease of an earlier driver is waited out.
            takes_steps: what an earlier step has parked is taken.
        """
        if not isinstance(self.store, RecordStore):
            yield None
            return
        store, on_wait = self.store, self._tell_wait if again else None
        with store.drive(rollout, clock=self.clock, on_wait=on_wait, takes_steps=takes_steps) as lease:
            self._place = store.label
            self.store, self._lease = HeldStore(store, lease), lease
            self.aws.hold(lease)
            with self.clock.keeping(lease.renew_if_due, seconds=lease.seconds / 3):
                yield lease

    def _tell_wait(self, lock: Lock) -> None:
        seconds = round((lock.expires_at - self.clock.now()).total_seconds())
        message = f"waiting up to {seconds} s for the lease of {lock.holder} to run out"
        self._sink.event("lease.awaited", self.clock.now(), message=message, seconds=seconds)

    def label(self, rollout: Rollout) -> Label:
        """Return the label that tells other stores of this rollout."""
        return Label(self.aws, rollout, place=self._place, warn=self._warn_about_label)

    def _warn_about_label(self, message: str) -> None:
        self._sink.event("rollout.warning", self.clock.now(), message=message)

    def tell(self, event: str, record: Record, **more: object) -> None:
        """Tell of the rollout itself: what it is about."""
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
        """Tell what the checks have found."""
        for finding in prepared.findings:
            self._sink.event("preflight.warning", self.clock.now(), message=finding.message)

    def check_hooks(self, record: Record) -> None:
        """Refuse to go on without the Python callables that the rollout was started with.

        On the way back, and while it stops, a hook that cannot run is only warned of.

        Raises:
            SpecError: if one is missing, or one is given that the rollout does not know; nothing was changed.
        """
        callables = bound(record.rollout, self._hooks)
        if record.status.mode is Mode.ROLLING and not record.status.backwards:
            check_bound(record.rollout, callables)

    def controller(self, record: Record) -> tuple[Controller, HookRunner]:
        """Return a driver of a rollout, with whoever runs its hooks: end those when it is left."""
        controller = Controller(
            record, fleet=self.fleet(record.rollout), store=self.store, clock=self.clock, sink=self._sink
        )
        controller.approver = self._approver
        hooks = HookRunner(self.aws, callables=bound(record.rollout, self._hooks), is_real_time=self._is_real_time)
        controller.hooks = hooks
        return controller, hooks

    def end_hooks(self, hooks: HookRunner) -> None:
        """End what hooks still run, and tell of it."""
        for run in hooks.close():
            message = "was still running and was ended; going on runs it again"
            if run.hook.is_callable or run.hook.function:
                message = "is still running and was left behind; going on runs it again"
            self._sink.event("hook.left", self.clock.now(), hook=run.hook.name, run=run.call.number, message=message)

    def drive(self, record: Record) -> Report:
        """Drive a rollout until it has ended, is paused, or is to be left; return its report."""
        controller, hooks = self.controller(record)
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
            self.end_hooks(hooks)
            label.remove()
        return self.report(replace(record, status=status), at=self.clock.now())

    def follow(self, rollout_id: str) -> Report | None:
        """Wait while another process drives a rollout; None when it has not come to an end there."""
        if not isinstance(self.store, RecordStore):
            return None
        while self.store.driver(rollout_id) is not None:
            self.clock.sleep(_FOLLOWED_SECONDS)
            if self._stop_requested():
                break
        record = self.store.load(rollout_id)
        heard = record.status.user_requests == self.store.user_requests(rollout_id)
        if record.status.mode is not Mode.ENDED or not heard:
            return None
        return build_report(record, at=self.clock.now())

    def check_as_found(self, prepared: Prepared) -> None:
        """Refuse a fleet whose settings a dead rollout has left changed: what they were would be lost for good.

        Raises:
            FleetError: if old values still stand as tags; nothing was changed.
        """
        rollout = prepared.rollout
        left = self.fleet(rollout).observe(rollout, prepared.status).saved_settings
        if not left:
            return
        names = ", ".join(sorted({setting for _, setting in left}))
        where = f"--asg {rollout.group}" if rollout.group else f"--target-group {rollout.target_groups[0]}"
        problem = (
            f"{rollout.fleet}: an earlier rollout has left settings changed ({names}): put them back with "
            f"`awsroll repair {where}`, or go on with that rollout by `awsroll resume`; nothing was changed"
        )
        raise FleetError(problem)

    def check_still_there(self, record: Record) -> None:
        """Refuse to go back from a version that the fleet does not run any more.

        Raises:
            FleetError: if no instance runs it; nothing was changed.
        """
        observation = self.fleet(record.rollout).observe(record.rollout, record.status)
        view = View(record.rollout, observation, record.status)
        known = {one.version for one in record.rollout.baseline}
        reloads = record.rollout.reloads
        moved_on = any(version_of(one, reloading=reloads) not in known for one in view.outdated)
        if moved_on and not any(one.instance_id not in record.status.found for one in view.current):
            version = record.rollout.to_version
            problem = f"{record.rollout.fleet}: no server runs {version} by this rollout any more; nothing was changed"
            raise FleetError(problem)

    def report(self, record: Record, *, at: datetime) -> Report:
        """Return the report, with the calls that this run has made."""
        calls = self.aws.calls
        counted = ApiCalls(total=calls.total, mutating=calls.mutating, by_operation=dict(calls.by_operation))
        return build_report(record, at=at, api_calls=counted)
