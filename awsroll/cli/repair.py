"""`awsroll repair`: find what a dead rollout has left, show it, put it back."""

from typing import TYPE_CHECKING, Annotated

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.exit_codes import Exit
from awsroll.cli.flags import FlagGroup, takes
from awsroll.cli.output import Output, complain
from awsroll.cli.read_request import PACE_GROUP
from awsroll.cli.rollout_options import SPEC_FLAGS
from awsroll.cli.signals import StopRequest
from awsroll.core.model.rollout import Pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsroll.core.repair.leftovers import Leftover
    from awsroll.repair.repair import Repaired


def _fleet(*, asg: str | None, target_group: list[str] | None) -> tuple[str, tuple[str, ...]]:
    return asg or "", tuple(target_group or ())


FLEET_GROUP = FlagGroup("fleet", [one for one in SPEC_FLAGS if one.field in ("asg", "target_group")], _fleet)


@takes(FLEET_GROUP, PACE_GROUP, COMMON_GROUP)
def repair(
    fleet: tuple[str, tuple[str, ...]],
    pace: Pace,
    common: CommonOptions,
    rollout: Annotated[str, typer.Argument(metavar="[ROLLOUT]", help="The rollout's id, if it is known.")] = "",
) -> int:
    """Find what a dead rollout left changed, show it, and put it back; with a fleet, also without its record."""
    asg, target_group = fleet
    output = Output(json=common.json, quiet=common.quiet)
    if not (rollout or asg or target_group):
        return _list(common, output)
    from awsroll.clock import SystemClock  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.session import Context  # noqa: PLC0415 - see above
    from awsroll.repair.repair import Wanted, mend  # noqa: PLC0415 - see above

    def confirm(found: "tuple[Leftover, ...]") -> bool:
        _tell(output, found)
        stop.driving = common.yes or (output.can_ask and _ask())
        return stop.driving

    stop = StopRequest(give_up=lambda: complain("interrupted: the same command goes on"))
    with stop.listening(), output.progress() as sink:
        repaired = mend(
            Wanted(rollout_id=rollout, asg=asg, target_group=target_group),
            Context(
                session=common.session(),
                endpoint_url=common.endpoint_url,
                store=common.store(),
                clock=SystemClock(stop.event),
                sink=sink,
                stop_requested=stop.requested,
            ),
            confirm=confirm,
            pace=pace,
        )
    return _close(output, repaired, interrupted=stop.requested())


def _tell(output: Output, found: "Sequence[Leftover]", event: str = "found") -> None:
    for one in found:
        if output.json:
            output.emit(event, what=one.what, about=one.about, found=one.found, remedy=one.remedy, acts=one.acts)
        else:
            output.result(str(one))


def _ask() -> bool:
    complain("put this back? [y/N] (--yes does not ask)")
    return input().strip().lower() in ("y", "yes")


def _close(output: Output, repaired: "Repaired", *, interrupted: bool) -> int:
    """Say what it has come to; return the exit code."""
    shown = repaired.acted or any(one.acts for one in repaired.found)
    if not shown:
        _tell(output, repaired.left)
    elif repaired.acted:
        _tell(output, repaired.left, "left")
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
        said = "everything is as it should be now" if repaired.acted else "no rollout has left anything"
        output.result(f"{repaired.fleet}: {said}")
    if interrupted:
        complain("interrupted: the same command goes on")
        return Exit.INTERRUPTED
    complain(*_advice(repaired))
    return Exit.DONE if repaired.clean else Exit.NEEDS_A_PERSON


def _advice(repaired: "Repaired") -> tuple[str, ...]:
    if repaired.clean:
        return ()
    if repaired.reason:
        return (f"{repaired.fleet}: {repaired.reason}; `awsroll repair {repaired.rollout_id}` goes on",)
    if repaired.acted or not any(one.acts for one in repaired.found):
        return (f"{repaired.fleet}: what is listed is left to you",)
    return (f"{repaired.fleet}: nothing was changed: --yes puts it back without asking",)


def _list(common: CommonOptions, output: Output) -> int:
    """Without a name nothing is repaired: tell which rollouts have left something, as their records say."""
    from awsroll.repair.repair import unsettled  # noqa: PLC0415 - see above

    store = common.store()
    found = [one for one in unsettled(store) if store.driver(one.rollout.rollout_id) is None]
    for one in found:
        name, status = one.rollout.rollout_id, one.status
        if output.json:
            output.emit("unsettled", rollout_id=name, fleet=one.rollout.fleet, settings=sorted(status.saved_settings))
        else:
            output.result(f"{name} has left {one.rollout.fleet} unsettled: `awsroll repair {name}` settles it")
    complain(*(str(error) for error in store.unreadable()))
    if found:
        return Exit.NEEDS_A_PERSON
    output.note(f"no rollout in {store.place} has left anything; a fleet is looked at with --asg or --target-group")
    return Exit.DONE
