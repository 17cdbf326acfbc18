"""`awsroll repair --release`: free a fleet from a rollout that nothing can end, after confirmation."""

from typing import TYPE_CHECKING

from awsroll.cli.common_options import CommonOptions
from awsroll.cli.exit_codes import Exit
from awsroll.cli.given_instructions import instruction_prompt
from awsroll.cli.output import Output, ask_to_confirm, write_messages
from awsroll.cli.signals import StopRequest
from awsroll.core.request.waves import FleetSpec

if TYPE_CHECKING:
    from awsroll.repairs.release import Released

_INTERRUPTED = "interrupted; run the same command again to continue"


def release(rollout: str, given: tuple[FleetSpec, ...], common: CommonOptions, output: Output) -> int:
    """Show what stays changed, ask, free the fleet, and return the exit code."""
    from awsroll.clock import SystemClock  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.context import Context  # noqa: PLC0415 - see above
    from awsroll.repairs import release as release_operation  # noqa: PLC0415 - see above

    def confirm(found: "Released") -> bool:
        for line in found.unrestored:
            _print(output, line)
        question = f"Release {found.fleet} from rollout {found.rollout_id}, and restore nothing?"
        return common.yes or (output.can_ask and ask_to_confirm(question))

    stop = StopRequest(give_up=lambda: write_messages(_INTERRUPTED))
    with stop.listening(), output.progress() as sink:
        released = release_operation.release(
            rollout,
            Context(
                session=common.session(),
                endpoint_url=common.endpoint_url,
                store=common.store(),
                clock=SystemClock(stop.event),
                sink=sink,
                requests=given,
                confirm_instructions=instruction_prompt(common, output),
            ),
            confirm=confirm,
        )
    return _print_result(output, released)


def _print(output: Output, line: str) -> None:
    if output.json:
        output.emit("unrestored", found=line)
    else:
        output.result(f"not restored: {line}")


def _print_result(output: Output, released: "Released") -> int:
    if output.json:
        output.emit(
            "release",
            rollout_id=released.rollout_id,
            fleet=released.fleet,
            acted=released.acted,
            freed=list(released.freed),
            unrestored=list(released.unrestored),
            notes=list(released.notes),
        )
    elif released.acted:
        output.result(f"{released.fleet}: released from rollout {released.rollout_id}")
    write_messages(*released.notes)
    if not released.acted:
        write_messages(f"{released.fleet}: nothing was changed. Pass --yes to release it without a prompt")
        return Exit.STOPPED_OR_PAUSED
    if released.unrestored:
        restore = f"restore the rest with `awsroll repair {released.rollout_id}`, or by hand"
        write_messages(f"{released.fleet}: nothing was restored; {restore}")
        return Exit.STOPPED_OR_PAUSED
    return Exit.DONE
