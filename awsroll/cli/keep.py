"""`awsroll keep`: bring every fleet of a file to its wanted state, once or again and again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.drive import driving_context
from awsroll.cli.exit_codes import exit_of_outcome
from awsroll.cli.flags import takes
from awsroll.cli.output import Output
from awsroll.cli.signals import StopRequest
from awsroll.core.model.status import Outcome
from awsroll.core.model.value_errors import WrongValueError
from awsroll.core.model.values import Seconds
from awsroll.core.rotation import RotationAction
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.waves.keep_fleets import Keeper, KeepReport

_EVERY = Seconds(least=60)


def _seconds(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else _EVERY.read(value)
    except WrongValueError as error:
        problem = f"--every: {'; '.join(error.problems)}"
        raise SpecError(problem) from None


@takes(COMMON_GROUP)
@click.option(
    "--file", "-f", "file", type=click.Path(path_type=Path), required=True, metavar="FILE", help="File of many fleets."
)
@click.option("--dry-run", is_flag=True, help="Show what a pass would do, and change nothing.")
@click.option(
    "--every", metavar="TIME", callback=_seconds, help="Make a pass at this interval until interrupted (default: once)."
)
@click.option("--again", is_flag=True, help="Try versions and images again whose rollouts have failed.")
def keep(common: CommonOptions, *, file: Path, dry_run: bool, every: float | None, again: bool) -> int:
    """Bring every fleet of a file to its wanted state: newest image and version, no server too old.

    A pass reads each fleet, and rolls only those that need it, wave by wave, one server first. A version or image whose
    rollout has failed is not tried again until it changes.
    """
    from awsroll.files.rollout_file import load_fleets  # noqa: PLC0415 - keeps `--help` fast

    spec, output = load_fleets(file), Output(json=common.json, quiet=common.quiet)
    stop = StopRequest(give_up=lambda: None)

    def keeper(sink: Any = None) -> "Keeper":
        from awsroll.waves.keep_fleets import Keeper  # noqa: PLC0415 - see above

        return Keeper(spec, driving_context(common, stop, sink, store=common.store()), tries_again=again)

    if dry_run:
        return _show(keeper().plan(), output)
    from awsroll.cli.waves import progress  # noqa: PLC0415 - see above

    with stop.listening():
        while True:
            stop.driving = True
            with progress(output) as sink:
                done = keeper(sink).keep()
            code = _show(done, output)
            if every is None or stop.requested():
                return code
            stop.event.wait(every)
            if stop.requested():
                return code


def _show(done: "KeepReport", output: Output) -> int:
    """Print what a pass has decided and done; return the exit code of its rollouts."""
    from awsroll.cli.render_waves_report import fleets_text  # noqa: PLC0415 - keeps `--help` fast

    report = done.report
    if output.json:
        fleets = {name: {"action": str(one.action), "why": one.why} for name, one in done.rotations.items()}
        output.emit("kept", fleets=fleets, report=None if report is None else report.as_dict())
    else:
        output.result("\n".join(f"{name}: {one.action}: {one.why}" for name, one in done.rotations.items()))
        if report is not None:
            output.result(fleets_text(report))
    code = 0 if report is None else exit_of_outcome(report.status)
    any_refused = any(one.action is RotationAction.REFUSED for one in done.rotations.values())
    return code or (exit_of_outcome(Outcome.STOPPED) if any_refused else 0)
