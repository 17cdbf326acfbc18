"""Roll many fleets, wave by wave, and keep fleets in their wanted state."""

from typing import TYPE_CHECKING, Any

from awsroll.api.given import checked, opened_store, sink_or_log
from awsroll.core.request.waves import FleetsSpec
from awsroll.driver.context import Context
from awsroll.driver.given_fleet import refuse_given_fleet
from awsroll.ports import Clock, Sink, Store
from awsroll.report import FleetsPlan, FleetsReport
from awsroll.waves import FleetsRun
from awsroll.waves.keep_fleets import Keeper, KeepReport

if TYPE_CHECKING:
    import boto3


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
    refuse_given_fleet(session)
    context = Context(session=session, store=opened_store(store, session), clock=clock)
    return FleetsRun(checked(fleets, FleetsSpec), context).check()


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
    refuse_given_fleet(session)
    context = Context(session=session, store=opened_store(store, session), clock=clock, sink=sink_or_log(sink))
    run = FleetsRun(checked(fleets, FleetsSpec), context)
    run.check()
    return run.roll()


def keep_fleets(  # noqa: PLR0913 - keywords
    fleets: FleetsSpec,
    *,
    session: "boto3.Session | Any" = None,
    store: Store | str | None = None,
    clock: Clock | None = None,
    sink: Sink | None = None,
    dry_run: bool = False,
    again: bool = False,
) -> KeepReport:
    """Make one pass of `awsroll keep`: bring every fleet to its wanted state, and return when the rollouts have ended.

    A fleet that cannot be read, or that the checks refuse, is reported as `refused`; the others are kept.

    Args:
        fleets: the waves; `load_fleets` reads them from a file.
        session: as for `roll_fleets`.
        store: where the records and the memory of the rotation are saved.
        clock: the clock to wait on, used by several threads; None: the system clock.
        sink: receives every event with `fleet_name` and `wave`; one thread calls it at a time. None: as for `roll`.
        dry_run: say what a pass would do, and change nothing.
        again: try versions and images again whose rollouts have failed.

    Raises:
        SpecError: if the fleets cannot be kept.
        AwsrollError: if every fleet is refused.
    """
    refuse_given_fleet(session)
    context = Context(session=session, store=opened_store(store, session), clock=clock, sink=sink_or_log(sink))
    keeper = Keeper(checked(fleets, FleetsSpec), context, tries_again=again)
    return keeper.plan() if dry_run else keeper.keep()
