"""Repair a fleet that a dead rollout left changed, or free it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from awsroll.api.given import ConfirmInstructions, opened_store, sink_or_log, with_instructions
from awsroll.core.repair.leftovers import Leftover
from awsroll.core.request.spec import RolloutSpec, spec_of
from awsroll.core.request.waves import FleetSpec
from awsroll.driver.context import Context
from awsroll.driver.given_fleet import refuse_given_fleet
from awsroll.ports import Clock, Sink, Store
from awsroll.repairs import release as release_operation, repair as repair_operation
from awsroll.repairs.release import Released
from awsroll.repairs.repaired import Repaired

if TYPE_CHECKING:
    import boto3


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
    confirm_unrestored: Callable[[Sequence[str]], bool] = lambda _: False,
) -> Repaired:
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
        confirm_unrestored: called if AWS refuses the access to the fleet of a rollout that has not ended, with the
            refusal and what the rollout has changed, one line each. If it returns True, the rollout ends, and what AWS
            allows is restored.

    Raises:
        UnconfirmedError: as for `resume`; nothing was changed.
        SpecError, FleetError: if there is no such fleet, or it changed after `confirm`; nothing was changed.
        StateError: if the record is missing or cannot be used, and no fleet is given.
        FleetLockedError: if a live process holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    refuse_given_fleet(session)
    named = spec_of({"asg": asg, "target_group": target_group})
    target = repair_operation.RepairTarget(rollout_id=rollout_id, asg=named.asg, target_group=named.target_group)
    context = Context(
        session=session,
        store=opened_store(store, session),
        clock=clock,
        sink=sink_or_log(sink),
        confirm_unrestored=confirm_unrestored,
    )
    context = with_instructions(context, request, confirm_instructions)
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
    refuse_given_fleet(session)
    context = Context(session=session, store=opened_store(store, session), clock=clock, sink=sink_or_log(sink))
    context = with_instructions(context, request, confirm_instructions)
    return release_operation.release(rollout_id, context, confirm=confirm)
