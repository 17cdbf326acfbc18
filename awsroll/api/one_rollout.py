"""Roll one fleet: start, steer, plan and look up a rollout. Each function calls the operation of the same name."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from awsroll.api.given import ConfirmInstructions, checked, opened_store, sink_or_log, with_instructions
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec
from awsroll.driver import operations, user_commands
from awsroll.driver.context import Context
from awsroll.hooks.callables import GivenHooks, as_python_hooks
from awsroll.ports import Clock, Sink, Store
from awsroll.report import Report, RolloutPlan, RolloutSummary

if TYPE_CHECKING:
    import boto3


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
        session: the boto3 session; None: boto3's default session. A test passes an `awsroll.testing.FakeFleet`, which
            brings its own clock and store; so do `plan`, `resume`, `rollback` and `abort`.
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
        store=opened_store(store, session),
        clock=clock,
        sink=sink_or_log(sink),
        approve=approve,
        hooks=as_python_hooks(hooks),
    )
    return operations.roll(checked(request, RolloutSpec, RolloutPlan), context)


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
        session=session,
        store=opened_store(store, session),
        clock=clock,
        sink=sink_or_log(sink),
        hooks=as_python_hooks(hooks),
    )
    return operations.resume(rollout_id, with_instructions(context, request, confirm_instructions))


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
    context = Context(session=session, store=opened_store(store, session), clock=clock, sink=sink_or_log(sink))
    return operations.rollback(rollout_id, with_instructions(context, request, confirm_instructions))


def abort(  # noqa: PLR0913 - see `roll`
    rollout_id: str,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    request: RolloutSpec | FleetSpec | None = None,
    confirm_instructions: ConfirmInstructions | None = None,
    confirm_unrestored: Callable[[Sequence[str]], bool] = lambda _: False,
) -> Report:
    """Abort a rollout: settle what is in flight, restore the settings, leave the fleet mixed; return its report.

    If a process drives the rollout, that process aborts it and this call waits for it. Otherwise this call does.

    `request` and `confirm_instructions` are those of `resume`; only a call that drives the rollout itself needs them.
    `confirm_unrestored` is called if AWS refuses the access to the fleet, with the refusal and what stays changed, one
    line each. If it returns True, the rollout ends without restoring anything; `repair` can restore it later.

    Raises:
        UnconfirmedError: as for `resume`; nothing was changed.
        FleetError: if AWS refuses the role of the rollout, and `confirm_unrestored` returns False.
        StateError: if its record is missing or cannot be used, or it has ended.
        FleetLockedError: if another rollout holds the fleet.
    """
    context = Context(
        session=session,
        store=opened_store(store, session),
        clock=clock,
        sink=sink_or_log(sink),
        confirm_unrestored=confirm_unrestored,
    )
    return operations.abort(rollout_id, with_instructions(context, request, confirm_instructions))


def pause(rollout_id: str, *, store: Store | str | None = None) -> RolloutSummary:
    """Ask a rollout to pause at its next safe point; `resume` continues it.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
    """
    return operations.pause(rollout_id, opened_store(store))


def approve(
    rollout_id: str, *, checkpoint: int | None = None, store: Store | str | None = None, by: str = ""
) -> RolloutSummary:
    """Approve the checkpoint that a rollout waits at; return its summary, with that checkpoint as `approval`.

    Args:
        rollout_id: the rollout.
        checkpoint: the number of the checkpoint, from 1, to be sure which one is approved; None: the one that waits.
        store: where the record is saved: a store, or an address as for `--state`.
        by: who approves, for the record and the report; empty: the user and the host of this process.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        NoApprovalAwaitedError: if the checkpoint does not wait for an answer, or has one already; nothing was changed.
    """
    return operations.approve(rollout_id, opened_store(store), checkpoint, by=by)


def reject(
    rollout_id: str, *, checkpoint: int | None = None, store: Store | str | None = None, by: str = ""
) -> RolloutSummary:
    """Reject the checkpoint that a rollout waits at: the rollout fails, and `on_failure` applies. See `approve`.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        NoApprovalAwaitedError: if the checkpoint does not wait for an answer, or has one already; nothing was changed.
    """
    return operations.reject(rollout_id, opened_store(store), checkpoint, by=by)


def override_freeze(rollout_id: str, reason: str, *, store: Store | str | None = None, by: str = "") -> RolloutSummary:
    """Let a rollout that waits for a window, or for the end of a freeze, continue; return its summary.

    Args:
        rollout_id: the rollout.
        reason: why; the record and the report keep it.
        store: where the record is saved: a store, or an address as for `--state`.
        by: who decides that, for the record and the report; empty: the user and the host of this process.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        SpecError: if it follows no windows and no freezes, or there is no reason; nothing was changed.
    """
    return user_commands.override_freeze(rollout_id, opened_store(store), reason, by=by)


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
    known = None if store is None else opened_store(store, session)
    return operations.plan(checked(spec, RolloutSpec), Context(session=session, store=known, clock=clock))


def status(rollout_id: str, *, store: Store | str | None = None) -> RolloutSummary:
    """Return the summary of a rollout, from its record.

    Raises:
        StateError: if its record is missing or cannot be used.
    """
    return operations.status(rollout_id, opened_store(store))


def rollouts(*, store: Store | str | None = None) -> tuple[RolloutSummary, ...]:
    """Return the summaries of the rollouts in a store, newest first."""
    return operations.list_rollouts(opened_store(store))
