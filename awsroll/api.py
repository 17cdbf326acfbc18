"""The library's calls: what `import awsroll` offers, with plain arguments.

    import awsroll

    spec = awsroll.RolloutSpec(asg="web", concurrent="25%", launch_first=True)
    report = awsroll.roll(spec)
    assert report.succeeded, report.reason

Everything raises `AwsrollError` for what is refused; a rollout that was started always returns its report.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from awsroll import waves
from awsroll.aws import sessions
from awsroll.core.repair.leftovers import Leftover
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetsSpec
from awsroll.driver import operations
from awsroll.hooks.callables import GivenHooks, listed
from awsroll.ports import Clock, Sink, Store
from awsroll.repair import repair as mending_module
from awsroll.report import FleetsPlan, FleetsReport, Report, RolloutPlan, RolloutSummary
from awsroll.stores import RecordStore, opening

if TYPE_CHECKING:
    import boto3


def roll(  # noqa: PLR0913 - each is something of its own that a user may bring
    request: RolloutSpec | RolloutPlan,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    approve: Callable[[int], bool] | None = None,
    hooks: GivenHooks | None = None,
) -> Report:
    """Roll a fleet to its new version, and return when it has come to an end.

    Args:
        request: what to do; or what `plan` returned: exactly that is done, in its region and to its pinned version, and
            refused if the fleet is no more as it was planned for (its health alone may differ).
        session: the boto3 session to use; None: boto3's default one.
        store: where the record is kept: a store, or what `--state` takes; None: a directory under the user's state
            home.
        clock: how to wait; None: really.
        sink: who is told what happens; None: nobody.
        approve: asked at each checkpoint that needs a person, with its number from 1; None: `awsroll approve` answers.
        hooks: Python callables: one for each point, `{"after_healthy": check}`, or a list of `PythonHook`. Each gets a
            `HookEvent`; what it raises is a failure of the rollout.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it; nothing was changed.
        FleetLockedError: if another rollout holds the fleet, or was left unfinished on it; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    kept = _opened(store, session)
    context = operations.Context(
        session=session, store=kept, clock=clock, sink=sink, approve=approve, hooks=listed(hooks)
    )
    return operations.start(request, context)


def resume(  # noqa: PLR0913 - see `roll`
    rollout_id: str,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    hooks: GivenHooks | None = None,
) -> Report:
    """Go on with a rollout that was interrupted or waits for a person; of one that has ended, return the report.

    Raises:
        SpecError: if it was started with Python callables as `hooks` and they are not given again.
        StateError: if its record is missing or cannot be used.
        FleetLockedError: if another process drives it.
    """
    kept = _opened(store, session)
    context = operations.Context(session=session, store=kept, clock=clock, sink=sink, hooks=listed(hooks))
    return operations.go_on(rollout_id, context)


def rollback(
    rollout_id: str,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
) -> Report:
    """Take the fleet back to what it ran before a rollout: while it runs, after it was stopped or has succeeded.

    A process that drives the rollout does so, and this call waits for it; else this call does.

    Raises:
        SpecError, FleetError: if there is nothing to go back to; nothing was changed.
        StateError: if its record is missing or cannot be used.
        FleetLockedError: if another rollout holds the fleet.
    """
    kept = _opened(store, session)
    return operations.go_back(rollout_id, operations.Context(session=session, store=kept, clock=clock, sink=sink))


def abort(
    rollout_id: str,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
) -> Report:
    """Settle what is in flight, restore the settings, and stop with the fleet mixed.

    A process that drives the rollout does so, and this call waits for it; else this call does.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        FleetLockedError: if another rollout holds the fleet.
    """
    kept = _opened(store, session)
    return operations.settle_and_stop(
        rollout_id, operations.Context(session=session, store=kept, clock=clock, sink=sink)
    )


def pause(rollout_id: str, *, store: Store | str | None = None) -> RolloutSummary:
    """Ask a rollout to pause at its next safe point; `resume` goes on.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
    """
    return operations.ask(rollout_id, lambda said: replace(said, pause=True), _opened(store))


def approve(rollout_id: str, *, store: Store | str | None = None) -> RolloutSummary:
    """Open the gate of a rollout that waits for a person.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
    """
    return operations.approve(rollout_id, _opened(store))


def repair(  # noqa: PLR0913 - what to repair, and the surroundings that every call takes
    rollout_id: str = "",
    *,
    asg: str = "",
    target_group: Sequence[str] = (),
    confirm: Callable[[Sequence[Leftover]], bool] = bool,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
) -> mending_module.Repaired:
    """Find what a dead rollout has left on a fleet, and put it back: by its record, or by what stands on the fleet.

    Args:
        rollout_id: the rollout, where its record is there.
        asg: its group, by name or ARN; or, for servers registered by hand,
        target_group: its target groups, by name or ARN. Beside `rollout_id`: where its record cannot be used, tags
            alone count.
        confirm: given what was found; whether to act on it. Left out: act.
        session: the boto3 session to use; None: boto3's default one.
        store: where records are kept: a store, or what `--state` takes.
        clock: how to wait; None: really.
        sink: who is told what happens; None: nobody.

    Raises:
        SpecError, FleetError: if there is no such fleet, or it changed after it was shown; nothing was changed.
        StateError: if the record is missing or cannot be used, and no fleet is named.
        FleetLockedError: if a process that lives holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    wanted = mending_module.Wanted(rollout_id=rollout_id, asg=asg, target_group=tuple(target_group))
    context = operations.Context(session=session, store=_opened(store, session), clock=clock, sink=sink)
    return mending_module.mend(wanted, context, confirm=confirm)


def plan(spec: RolloutSpec, *, session: "boto3.Session | Any" = None, clock: Clock | None = None) -> RolloutPlan:
    """Return what a rollout would do: order, capacity, rough duration, what the checks found. Changes nothing.

    Give it to `roll` to do exactly that; `save_plan` and `load_plan` keep it in a file until then.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it.
        AwsError: if AWS refused or did not answer.
    """
    return operations.look_ahead(spec, operations.Context(session=session, clock=clock))


def plan_fleets(
    fleets: FleetsSpec,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
) -> FleetsPlan:
    """Return what rolling many fleets would do; every fleet is checked, with the role that it names. Changes nothing.

    Raises:
        SpecError, FleetError, FleetLockedError, AwsError: as `roll_fleets` would, for all fleets at once.
    """
    kept = _opened(store, session)
    return waves.FleetsRun(fleets, operations.Context(session=session, store=kept, clock=clock)).check()


def roll_fleets(
    fleets: FleetsSpec,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
) -> FleetsReport:
    """Roll many fleets, wave after wave, those of a wave side by side; return when all have ended or a wave has failed.

    All are checked before the first is begun. Called again with the same fleets, it goes on: a fleet on its new version
    is left alone, a rollout of this request that was left in the middle is resumed.

    Args:
        fleets: the waves; `load_fleets` reads them from a file.
        session: assumes the roles that fleets name, and rolls those that name none; None: boto3's default one.
        store: where the records are kept: a store, or what `--state` takes.
        clock: how to wait; None: really. It is used by several threads.
        sink: who is told what happens, each event with `fleet_name` and `wave`; called by one thread at a time.

    Raises:
        SpecError, FleetError: if a request or a fleet does not allow it; nothing was changed.
        FleetLockedError: if another rollout holds a fleet, or one of another request was left unfinished on it.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    kept = _opened(store, session)
    run = waves.FleetsRun(fleets, operations.Context(session=session, store=kept, clock=clock, sink=sink))
    run.check()
    return run.roll()


def status(rollout_id: str, *, store: Store | str | None = None) -> RolloutSummary:
    """Return where a rollout stands, as its record says.

    Raises:
        StateError: if its record is missing or cannot be used.
    """
    return operations.known_rollout(rollout_id, _opened(store))


def rollouts(*, store: Store | str | None = None) -> tuple[RolloutSummary, ...]:
    """Return the known rollouts, newest first."""
    return operations.known_rollouts(_opened(store))


def open_store(address: str | None = None, *, session: "boto3.Session | Any" = None) -> RecordStore:
    """Return a store: a directory, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`. Nothing is read or written yet.

    Args:
        address: what `--state` takes; None: a directory under the user's state home.
        session: the boto3 session to use; None: boto3's default one.

    Raises:
        SpecError: if it is no address.
    """
    return opening.open_store(address, session=sessions.open_session if session is None else lambda: session)


def _opened(store: Store | str | None, session: Any = None) -> Store:
    return open_store(store, session=session) if store is None or isinstance(store, str) else store
