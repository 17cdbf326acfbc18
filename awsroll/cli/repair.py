"""`awsroll repair`: find, show and restore what an unfinished rollout left changed."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.confirm import unrestored_prompt
from awsroll.cli.drive import driving_context
from awsroll.cli.exit_codes import Exit
from awsroll.cli.flags import Flag, FlagGroup, takes
from awsroll.cli.given_instructions import GIVEN_GROUP, instruction_prompt
from awsroll.cli.grouped_option import GroupedOption
from awsroll.cli.output import Output, ask_to_confirm, write_messages
from awsroll.cli.read_request import PACE_GROUP
from awsroll.cli.signals import StopRequest
from awsroll.cli.spec_flags import SPEC_FLAGS
from awsroll.core.model.options import FLEET
from awsroll.core.model.rollout_choices import Pace
from awsroll.core.request.spec import spec_of
from awsroll.core.request.waves import FleetSpec
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsroll.core.repair.leftovers import Leftover
    from awsroll.repairs.repaired import Repaired


_INTERRUPTED = "interrupted; run the same command again to continue"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fleet:
    """The fleet to repair, and whether to repair it although a rollout of another store holds it."""

    asg: str
    target_group: tuple[str, ...]
    take_over: bool


def _fleet(*, asg: str | None, target_group: list[str] | None, take_over: bool | None) -> _Fleet:
    named = spec_of({"asg": asg, "target_group": target_group})
    return _Fleet(asg=named.asg, target_group=named.target_group, take_over=bool(take_over))


_TAKE_OVER = Flag(
    field="take_over",
    type=bool,
    section=FLEET,
    typed=True,
    help="Also repair a fleet that its tag shows as held by a rollout of another store. Use this if that store is lost "
    "and no process rolls the fleet (default: refuse, exit 4).",
)
_FLEET_FLAGS = [flag for flag in SPEC_FLAGS if flag.field in ("asg", "target_group")]
FLEET_GROUP = FlagGroup("fleet", [*_FLEET_FLAGS, _TAKE_OVER], _fleet)


@takes(FLEET_GROUP, GIVEN_GROUP, PACE_GROUP, COMMON_GROUP)
@click.argument("rollout", metavar="[ROLLOUT]", default="", help="Id of the rollout, if known.")
@click.option(
    "--instance",
    cls=GroupedOption,
    typed=True,
    multiple=True,
    metavar="ID",
    help="Confirm that this instance, which only its own tags show, is repaired. Repeatable. --yes does not "
    "confirm it.",
)
@click.option(
    "--release",
    cls=GroupedOption,
    typed=True,
    is_flag=True,
    help="Only free the fleet from this rollout: its locks, tags and open entry. Restores nothing. Use this if neither "
    "abort nor repair can end the rollout.",
)
def repair(  # noqa: PLR0913, PLR0917 - each is a group of options
    fleet: _Fleet,
    given: tuple[FleetSpec, ...],
    pace: Pace,
    common: CommonOptions,
    rollout: str,
    instance: tuple[str, ...],
    *,
    release: bool,
) -> int:
    """Restore what an unfinished rollout left changed.

    Shows its findings first and asks before it changes anything. With --asg or --target-group it also works without the
    rollout's record; it then asks for each instance that only tags on the instance show. Without any name it lists the
    rollouts that left changes.
    """
    output = Output(json=common.json, quiet=common.quiet)
    if release:
        return _release(rollout, fleet, given, common)
    if not (rollout or fleet.asg or fleet.target_group):
        if fleet.take_over:
            problem = "--take-over needs the fleet: pass --asg or --target-group"
            raise SpecError(problem)
        return _list_unsettled(common, output)
    from awsroll.repairs import repair as repair_operation  # noqa: PLC0415 - see above

    def confirm(leftovers: "tuple[Leftover, ...]") -> bool:
        _print_leftovers(output, leftovers)
        _check_confirmed(confirmed, leftovers)
        stop.driving = common.yes or (output.can_ask and ask_to_confirm("Restore this?"))
        return stop.driving

    def confirm_instance(leftover: "Leftover") -> bool:
        if leftover.about in confirmed:
            return True
        return not common.yes and output.can_ask and ask_to_confirm(f"{leftover}. Do this to {leftover.about}?")

    confirmed = frozenset(instance)
    stop = StopRequest(give_up=lambda: write_messages(_INTERRUPTED))
    with stop.listening(), output.progress() as sink:
        repaired = repair_operation.repair(
            repair_operation.RepairTarget(
                rollout_id=rollout, asg=fleet.asg, target_group=fleet.target_group, take_over=fleet.take_over
            ),
            replace(
                driving_context(common, stop, sink, store=common.store()),
                requests=given,
                confirm_instructions=instruction_prompt(common, output),
                confirm_unrestored=unrestored_prompt(common, output),
            ),
            confirm=confirm,
            confirm_instance=confirm_instance,
            pace=pace,
        )
    return _print_result(output, repaired, interrupted=stop.requested())


def _release(rollout: str, fleet: _Fleet, given: tuple[FleetSpec, ...], common: CommonOptions) -> int:
    if not rollout or fleet.asg or fleet.target_group or fleet.take_over:
        problem = "--release needs the ROLLOUT, and no fleet; nothing was changed"
        raise SpecError(problem)
    from awsroll.cli.repair_release import release  # noqa: PLC0415 - see above

    return release(rollout, given, common, Output(json=common.json, quiet=common.quiet))


def _check_confirmed(confirmed: frozenset[str], leftovers: "Sequence[Leftover]") -> None:
    """Check that each confirmed instance has a finding.

    Raises:
        SpecError: if one has none; nothing was changed.
    """
    unknown = confirmed - {leftover.about for leftover in leftovers if leftover.confirm_by_id}
    if unknown:
        names = ", ".join(sorted(unknown))
        problem = f"--instance {names}: no finding needs this confirmation; nothing was changed. Run the repair again"
        raise SpecError(problem)


def _print_leftovers(output: Output, leftovers: "Sequence[Leftover]", event: str = "found") -> None:
    for leftover in leftovers:
        if output.json:
            output.emit(
                event,
                what=leftover.what,
                about=leftover.about,
                found=leftover.found,
                remedy=leftover.remedy,
                acts=leftover.acts,
                confirm_by_id=leftover.confirm_by_id,
            )
        else:
            output.result(str(leftover))


def _print_result(output: Output, repaired: "Repaired", *, interrupted: bool) -> int:
    """Print the result of the repair and the next step; return the exit code."""
    was_shown = repaired.acted or any(leftover.acts for leftover in repaired.found)
    if not was_shown:
        _print_leftovers(output, repaired.left)
    elif repaired.acted:
        _print_leftovers(output, repaired.left, "left")
    if output.json:
        output.emit(
            "repair",
            fleet=repaired.fleet,
            rollout_id=repaired.rollout_id,
            found=len(repaired.found),
            acted=repaired.acted,
            left=len(repaired.left),
            reason=repaired.reason,
        )
    elif repaired.clean:
        result = "everything is restored" if repaired.acted else "no rollout left anything changed"
        output.result(f"{repaired.fleet}: {result}")
    if interrupted:
        write_messages(_INTERRUPTED)
        return Exit.INTERRUPTED
    write_messages(*_next_steps(repaired))
    return Exit.DONE if repaired.clean else Exit.STOPPED_OR_PAUSED


def _next_steps(repaired: "Repaired") -> tuple[str, ...]:
    if repaired.clean:
        return ()
    if not repaired.finished:
        return (f"{repaired.fleet}: {repaired.reason}. Continue with `awsroll repair {repaired.rollout_id}`",)
    unconfirmed = [leftover.about for leftover in repaired.left if leftover.confirm_by_id]
    if unconfirmed and (repaired.acted or not _is_confirmed_together(repaired)):
        options = " ".join(f"--instance {instance_id}" for instance_id in unconfirmed)
        return (f"{repaired.fleet}: check these instances, and repair those that a rollout left with {options}",)
    if repaired.acted or not any(leftover.acts for leftover in repaired.found):
        return (f"{repaired.fleet}: awsroll does not restore the items listed; restore them yourself",)
    return (f"{repaired.fleet}: nothing was changed. Pass --yes to restore it without a prompt",)


def _is_confirmed_together(repaired: "Repaired") -> bool:
    """Return whether --yes would restore anything."""
    return any(leftover.acts and not leftover.confirm_by_id for leftover in repaired.found)


def _list_unsettled(common: CommonOptions, output: Output) -> int:
    """Print the rollouts that left changes, from their records; repair nothing."""
    from awsroll.driver.summaries import is_driven  # noqa: PLC0415 - see above
    from awsroll.repairs.repair import rollouts_to_repair  # noqa: PLC0415 - see above

    store = common.store()
    records = [record for record in rollouts_to_repair(store) if not is_driven(store, record.rollout.rollout_id)]
    unreadable = store.unreadable()
    for record in records:
        name, fleet = record.rollout.rollout_id, record.rollout.fleet
        if output.json:
            output.emit("unsettled", rollout_id=name, fleet=fleet, settings=sorted(record.status.settings.found))
        else:
            output.result(f"rollout {name} left changes on {fleet}; restore them with `awsroll repair {name}`")
    may_be_open = [each for each in unreadable if each.is_open]
    for each in may_be_open:
        if output.json:
            output.emit("unsettled", rollout_id=each.rollout_id, fleet=each.fleet, reason=each.reason)
        else:
            output.result(
                f"{each}. Restore its fleet with `awsroll repair {each.rollout_id}` and --asg or --target-group"
            )
    write_messages(*(str(each) for each in unreadable if not each.is_open))
    if output.json:
        left = len(records) + len(may_be_open)
        output.emit("repair", fleet="", rollout_id=None, found=left, acted=False, left=left, reason="")
    if records or may_be_open:
        return Exit.STOPPED_OR_PAUSED
    output.note(f"no rollout in {store.address} left changes. To check a fleet, pass --asg or --target-group")
    return Exit.DONE
