"""The public functions of `import awsroll`, with plain arguments. Each calls the operation of the same name.

    import awsroll

    spec = awsroll.RolloutSpec(asg="web", concurrent="25%", launch_first=True)
    report = awsroll.roll(spec)
    assert report.succeeded, report.reason

A refused call raises an `AwsrollError`. A rollout that has started always returns its report.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from awsroll.aws import sessions
from awsroll.core.model.value_errors import shown
from awsroll.core.repair.leftovers import Leftover
from awsroll.core.request.instructions import Instruction, as_given
from awsroll.core.request.spec import RolloutSpec, spec_of
from awsroll.core.request.waves import FleetSpec, FleetsSpec
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.errors import SpecError
from awsroll.events import LogLines
from awsroll.hooks.callables import GivenHooks, as_python_hooks
from awsroll.ports import Clock, Sink, Store
from awsroll.repairs import release as release_operation, repair as repair_operation
from awsroll.repairs.release import Released
from awsroll.report import FleetsPlan, FleetsReport, Report, RolloutPlan, RolloutSummary
from awsroll.stores import RecordStore, opening
from awsroll.waves import FleetsRun

if TYPE_CHECKING:
    import boto3

Given = TypeVar("Given")

ConfirmInstructions: TypeAlias = Callable[[Sequence[Instruction]], bool]
"""Called with what a record makes this process run or use; returns whether the caller accepts all of it."""


def roll(  # noqa: PLR0913 - a user may pass each of these
    request: RolloutSpec | RolloutPlan,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    approve: Callable[[int], bool] | None = None,
    hooks: GivenHooks | None = None,
) -> Report:
    """Roll a fleet to its new version; return its report when the rollout has ended.

    Args:
        request: the request; or the result of `plan`, which is carried out in its region and to its pinned version,
            and refused if the fleet has changed since (a change of health alone is allowed).
        session: the boto3 session; None: boto3's default session.
        store: where the record is saved: a store, or an address as for `--state`; None: a directory under the user's
            state home.
        clock: the clock to wait on; None: the system clock.
        sink: receives every event; None: the logger `awsroll` of the standard library.
        approve: called at each checkpoint that needs approval, with its number from 1; None: `awsroll approve` opens
            the gate.
        hooks: Python callables: one for each point, `{"after_healthy": check}`, or a list of `PythonHook`. Each
            receives a `HookEvent`; an exception is a failure of the rollout.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it; nothing was changed.
        FleetLockedError: if another rollout holds the fleet or has not ended; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    context = Context(
        session=session,
        store=_opened(store, session),
        clock=clock,
        sink=_sink(sink),
        approve=approve,
        hooks=as_python_hooks(hooks),
    )
    return operations.roll(_given(request, RolloutSpec, RolloutPlan), context)


def resume(  # noqa: PLR0913 - see `roll`
    rollout_id: str,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    hooks: GivenHooks | None = None,
    request: RolloutSpec | FleetSpec | None = None,
    confirm_instructions: ConfirmInstructions | None = None,
) -> Report:
    """Resume a rollout that was interrupted or paused; return its report. An ended rollout only returns its report.

    The record of a rollout cannot make this process run a command, a function or a script, assume a role or call
    another region by itself: give the `request` again, or confirm.

    Args:
        rollout_id: the rollout.
        session: the boto3 session; None: boto3's default session.
        store: the store of the record, as for `roll`.
        clock: the clock to wait on; None: the system clock.
        sink: receives every event; None: the logger `awsroll` of the standard library.
        hooks: the Python callables with which the rollout was started.
        request: the request with which the rollout was started; a `FleetSpec` also names its region and its role.
        confirm_instructions: called with what else the record makes this process run or use, before anything is
            changed; return whether to accept it. None: refuse.

    Raises:
        UnconfirmedError: if the record makes this process run or use something that was neither given nor confirmed;
            nothing was changed.
        SpecError: if the rollout was started with Python callables as `hooks` and they are not given again.
        StateError: if its record is missing or cannot be used.
        FleetLockedError: if another process drives it.
    """
    context = Context(
        session=session, store=_opened(store, session), clock=clock, sink=_sink(sink), hooks=as_python_hooks(hooks)
    )
    return operations.resume(rollout_id, _with_instructions(context, request, confirm_instructions))


def rollback(  # noqa: PLR0913 - see `roll`
    rollout_id: str,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    request: RolloutSpec | FleetSpec | None = None,
    confirm_instructions: ConfirmInstructions | None = None,
) -> Report:
    """Roll the fleet back to its baseline: while the rollout runs, after it was stopped, or after it succeeded.

    If a process drives the rollout, that process rolls it back and this call waits for it. Otherwise this call does.

    `request` and `confirm_instructions` are those of `resume`; only a call that drives the rollout itself needs them.

    Raises:
        UnconfirmedError: as for `resume`; nothing was changed.
        SpecError, FleetError: if there is no version to roll back to; nothing was changed.
        StateError: if its record is missing or cannot be used.
        FleetLockedError: if another rollout holds the fleet.
    """
    context = Context(session=session, store=_opened(store, session), clock=clock, sink=_sink(sink))
    return operations.rollback(rollout_id, _with_instructions(context, request, confirm_instructions))


def abort(  # noqa: PLR0913 - see `roll`
    rollout_id: str,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    request: RolloutSpec | FleetSpec | None = None,
    confirm_instructions: ConfirmInstructions | None = None,
) -> Report:
    """Abort a rollout: settle what is in flight, restore the settings, leave the fleet mixed; return its report.

    If a process drives the rollout, that process aborts it and this call waits for it. Otherwise this call does.

    `request` and `confirm_instructions` are those of `resume`; only a call that drives the rollout itself needs them.

    Raises:
        UnconfirmedError: as for `resume`; nothing was changed.
        StateError: if its record is missing or cannot be used, or it has ended.
        FleetLockedError: if another rollout holds the fleet.
    """
    context = Context(session=session, store=_opened(store, session), clock=clock, sink=_sink(sink))
    return operations.abort(rollout_id, _with_instructions(context, request, confirm_instructions))


def pause(rollout_id: str, *, store: Store | str | None = None) -> RolloutSummary:
    """Ask a rollout to pause at its next safe point; `resume` continues it.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
    """
    return operations.pause(rollout_id, _opened(store))


def approve(rollout_id: str, *, checkpoint: int | None = None, store: Store | str | None = None) -> RolloutSummary:
    """Approve the checkpoint that a rollout waits at; return its summary, with that checkpoint as `approval`.

    Args:
        rollout_id: the rollout.
        checkpoint: the number of the checkpoint, from 1, to be sure which one is approved; None: the one that waits.
        store: where the record is saved: a store, or an address as for `--state`.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        NoApprovalAwaitedError: if the checkpoint does not wait for an answer, or has one already; nothing was changed.
    """
    return operations.approve(rollout_id, _opened(store), checkpoint)


def reject(rollout_id: str, *, checkpoint: int | None = None, store: Store | str | None = None) -> RolloutSummary:
    """Reject the checkpoint that a rollout waits at: the rollout fails, and `on_failure` applies. See `approve`.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        NoApprovalAwaitedError: if the checkpoint does not wait for an answer, or has one already; nothing was changed.
    """
    return operations.reject(rollout_id, _opened(store), checkpoint)


def repair(  # noqa: PLR0913 - the target, and the arguments of every call
    rollout_id: str = "",
    *,
    asg: str = "",
    target_group: Sequence[str] = (),
    confirm: Callable[[Sequence[Leftover]], bool] = bool,
    confirm_instance: Callable[[Leftover], bool] = lambda _: False,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    request: RolloutSpec | FleetSpec | None = None,
    confirm_instructions: ConfirmInstructions | None = None,
) -> repair_operation.Repaired:
    """Find what a dead rollout left changed on a fleet, and restore it: from its record, or from tags on the fleet.

    Args:
        rollout_id: the rollout, if its record exists.
        asg: the Auto Scaling group, by name or ARN.
        target_group: for servers registered by hand: the target groups, by name or ARN. With a fleet and a
            `rollout_id`, the repair uses tags alone if the record cannot be used.
        confirm: called with what was found; return whether to restore it. Default: restore.
        confirm_instance: called with each finding that only tags on an instance show, for example a launched server
            without a registration; return whether to act on this instance. Default: leave it. Anyone with
            `ec2:CreateTags` can set these tags.
        session: the boto3 session; None: boto3's default session.
        store: where records are saved: a store, or an address as for `--state`.
        clock: the clock to wait on; None: the system clock.
        sink: receives every event; None: the logger `awsroll` of the standard library.
        request: as for `resume`, if the record of the rollout is used.
        confirm_instructions: as for `resume`.

    Raises:
        UnconfirmedError: as for `resume`; nothing was changed.
        SpecError, FleetError: if there is no such fleet, or it changed after `confirm`; nothing was changed.
        StateError: if the record is missing or cannot be used, and no fleet is given.
        FleetLockedError: if a live process holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    named = spec_of({"asg": asg, "target_group": target_group})
    target = repair_operation.RepairTarget(rollout_id=rollout_id, asg=named.asg, target_group=named.target_group)
    context = Context(session=session, store=_opened(store, session), clock=clock, sink=_sink(sink))
    context = _with_instructions(context, request, confirm_instructions)
    return repair_operation.repair(target, context, confirm=confirm, confirm_instance=confirm_instance)


def release(  # noqa: PLR0913 - see `roll`
    rollout_id: str,
    *,
    confirm: Callable[[Released], bool] = lambda _: True,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    request: RolloutSpec | FleetSpec | None = None,
    confirm_instructions: ConfirmInstructions | None = None,
) -> Released:
    """Free a fleet from a rollout that neither `abort` nor `repair` can end. Nothing on the fleet is restored.

    Frees the locks, the tag that names the holder, and the open entry of the rollout, also if its record is missing or
    cannot be used. The result says what is not restored; `repair` can restore saved settings later.

    Args:
        rollout_id: the rollout.
        confirm: called with what is not restored; return whether to release the fleet. Default: release it.
        session: the boto3 session; None: boto3's default session.
        store: where records are saved: a store, or an address as for `--state`.
        clock: the clock to wait on; None: the system clock.
        sink: receives every event; None: the logger `awsroll` of the standard library.
        request: as for `resume`; only its region and its role are used.
        confirm_instructions: as for `resume`.

    Raises:
        UnconfirmedError: as for `resume`; nothing was changed.
        RolloutNotFoundError: if nothing in the store names the rollout.
        FleetLockedError: if a process still drives the rollout; nothing was changed.
        StateError: if the store cannot be written.
    """
    context = Context(session=session, store=_opened(store, session), clock=clock, sink=_sink(sink))
    context = _with_instructions(context, request, confirm_instructions)
    return release_operation.release(rollout_id, context, confirm=confirm)


def plan(
    spec: RolloutSpec,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
) -> RolloutPlan:
    """Return what a rollout would do: order, capacity, approximate duration, findings of the checks. Change nothing.

    Pass the plan to `roll` to carry it out. `save_plan` and `load_plan` keep it in a file.

    Args:
        spec: the request.
        session: the boto3 session; None: boto3's default session.
        store: the store of `roll`: a rollout that holds the fleet there, or has not ended, is reported. None: only the
            label on the fleet shows a rollout that holds it.
        clock: the clock; None: the system clock.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it.
        FleetLockedError: if another rollout holds the fleet or has not ended.
        AwsError: if AWS refused or did not answer.
    """
    known = None if store is None else _opened(store, session)
    return operations.plan(_given(spec, RolloutSpec), Context(session=session, store=known, clock=clock))


def plan_fleets(
    fleets: FleetsSpec,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
) -> FleetsPlan:
    """Return what rolling many fleets would do; check every fleet with the role that it names. Change nothing.

    Raises:
        SpecError, FleetError, FleetLockedError, AwsError: as `roll_fleets` would raise, for all fleets at once.
    """
    context = Context(session=session, store=_opened(store, session), clock=clock)
    return FleetsRun(_given(fleets, FleetsSpec), context).check()


def roll_fleets(
    fleets: FleetsSpec,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
) -> FleetsReport:
    """Roll many fleets wave by wave, in parallel within a wave; return when all have ended or a wave has failed.

    Every fleet is checked before the first rollout starts. Called again with the same fleets, the call continues: it
    skips a fleet that runs its new version, and resumes an unfinished rollout of the same request.

    Args:
        fleets: the waves; `load_fleets` reads them from a file.
        session: assumes the roles that fleets name, and rolls fleets without a role; None: boto3's default session.
        store: where the records are saved: a store, or an address as for `--state`.
        clock: the clock to wait on, used by several threads; None: the system clock.
        sink: receives every event with `fleet_name` and `wave`; one thread calls it at a time. None: as for `roll`.

    Raises:
        SpecError, FleetError: if a request or a fleet does not allow it; nothing was changed.
        FleetLockedError: if another rollout holds a fleet, or an unfinished rollout of another request is on it.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    context = Context(session=session, store=_opened(store, session), clock=clock, sink=_sink(sink))
    run = FleetsRun(_given(fleets, FleetsSpec), context)
    run.check()
    return run.roll()


def status(rollout_id: str, *, store: Store | str | None = None) -> RolloutSummary:
    """Return the summary of a rollout, from its record.

    Raises:
        StateError: if its record is missing or cannot be used.
    """
    return operations.status(rollout_id, _opened(store))


def rollouts(*, store: Store | str | None = None) -> tuple[RolloutSummary, ...]:
    """Return the summaries of the rollouts in a store, newest first."""
    return operations.list_rollouts(_opened(store))


def open_store(
    address: str | None = None, *, session: "boto3.Session | Any" = None, sign_key: str | None = None
) -> RecordStore:
    """Return a store: a directory, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`. Nothing is read or written yet.

    Args:
        address: as for `--state`; None: a directory under the user's state home.
        session: the boto3 session; None: boto3's default session.
        sign_key: the key that signs and verifies records, as for `--sign-key`: a KMS key, or `file:PATH`.

    Raises:
        SpecError: if the address or the key is not valid.
    """
    opened = sessions.open_session if session is None else lambda: session
    return opening.open_store(address, session=opened, sign_key=sign_key)


def _with_instructions(
    context: Context, request: RolloutSpec | FleetSpec | None, confirm: ConfirmInstructions | None
) -> Context:
    requests = () if request is None else (as_given(request),)
    return replace(context, requests=requests, confirm_instructions=confirm)


def _opened(store: Store | str | None, session: Any = None) -> Store:
    return open_store(store, session=session) if store is None or isinstance(store, str) else store


def _sink(sink: Sink | None) -> Sink:
    return LogLines() if sink is None else sink


def _given(value: Given, *kinds: type) -> Given:
    """Return a request if it has one of the classes.

    Raises:
        SpecError: if it has another class.
    """
    if not isinstance(value, kinds):
        problem = f"pass a {' or a '.join(kind.__name__ for kind in kinds)}, not {shown(value)}"
        raise SpecError(problem)
    return value
