"""`awsroll replay`: make the recorded decisions of a rollout again. It calls neither AWS nor anything else."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from awsroll.cli.common_options import READING_GROUP, CommonOptions
from awsroll.cli.exit_codes import Exit
from awsroll.cli.flags import takes
from awsroll.cli.grouped_option import variable_of
from awsroll.cli.output import Output
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsroll.recording.replaying import Rerun

_TIME = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d))?")
_MOST_SHOWN = 20
_MINUTE = 60

record_option = click.option(
    "--record",
    "record_file",
    envvar=variable_of("record"),
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Append the decisions of the rollout to this file, for `awsroll replay FILE` (default: the store alone).",
)


@takes(READING_GROUP)
@click.argument("recording", metavar="FILE|ROLLOUT", help="A recording, or the id of a rollout of the store.")
@click.option(
    "--at",
    metavar="HH:MM:SS",
    help="Show what the rollout knew and decided at this time since its start (default: the first difference).",
)
@click.option("--pytest", "test", is_flag=True, help="Print a test that makes the decisions again, for a bug report.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the recording of a rollout to this file."
)
def replay(common: CommonOptions, recording: str, *, at: str | None, test: bool, out: Path | None) -> int:
    """Make the recorded decisions of a rollout again, and say whether they are the same.

    Exits with 0 if each decision is the same, and with 3 if one is not. It calls no AWS and changes nothing.
    """
    from awsroll.recording.pytest_file import pytest_file  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.recording.readable import step_lines  # noqa: PLC0415 - see above
    from awsroll.recording.recording_file import load_steps, save_recording  # noqa: PLC0415 - see above
    from awsroll.recording.replaying import rerun, step_at  # noqa: PLC0415 - see above

    seconds = None if at is None else _seconds(at)
    lines = _lines(common, recording)
    reruns = tuple(rerun(load_steps(lines, of=recording)))
    if not reruns:
        problem = f"the recording of {recording} has no steps"
        raise SpecError(problem)
    if out is not None:
        save_recording(out, lines)
    different = [each for each in reruns if not each.is_same]
    output = Output(json=common.json, quiet=common.quiet)
    shown = different[0] if different else None
    if seconds is not None:
        shown = step_at(reruns, seconds)
    rollout_id = reruns[0].step.rollout.rollout_id
    if test:
        output.result(pytest_file(rollout_id, lines, shown or _last_deciding(reruns)))
        return Exit.DONE
    if common.json:
        _emit(output, reruns, shown)
    else:
        if shown is not None:
            output.result("\n".join(step_lines(shown)))
        output.result(_summary(rollout_id, reruns, different))
    return Exit.STOPPED_OR_PAUSED if different else Exit.DONE


def _seconds(text: str) -> int:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        problem = f"--at {text!r} is not a time since the start of the rollout. Write it as 00:12:30"
        raise SpecError(problem)
    first, second, third = found.groups()
    seconds = int(first) * _MINUTE + int(second)  # 12:30 is minutes and seconds
    return seconds if third is None else seconds * _MINUTE + int(third)


def _lines(common: CommonOptions, recording: str) -> "tuple[str, ...]":
    """Return the lines of a recording: of a file if there is one of this name, else of a rollout in the store."""
    from awsroll.driver.read_decisions import stored_lines  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.recording.recording_file import load_lines  # noqa: PLC0415 - see above
    from awsroll.stores.record_keys import is_rollout_id  # noqa: PLC0415 - see above

    path = Path(recording)
    if path.exists() or not is_rollout_id(recording):
        return load_lines(path)
    return stored_lines(recording, common.store())


def _last_deciding(reruns: "Sequence[Rerun]") -> "Rerun":
    deciding = [each for each in reruns if each.step.decision[0].startswith(("action ", "failed "))]
    return deciding[-1] if deciding else reruns[-1]


def _summary(rollout_id: str, reruns: "Sequence[Rerun]", different: "Sequence[Rerun]") -> str:
    from awsroll.recording.readable import clock_text  # noqa: PLC0415 - see above

    until = clock_text(reruns[-1].seconds)
    whole = f"{rollout_id}: {len(reruns)} steps from {clock_text(reruns[0].seconds)} to {until}"
    if not different:
        return f"{whole}; this version of awsroll decides the same at each step"
    places = ", ".join(f"{each.number} ({clock_text(each.seconds)})" for each in different[:_MOST_SHOWN])
    more = "" if len(different) <= _MOST_SHOWN else f" and {len(different) - _MOST_SHOWN} more"
    return f"{whole}; this version of awsroll decides differently at {len(different)} of them: step {places}{more}"


def _emit(output: Output, reruns: "Sequence[Rerun]", shown: "Rerun | None") -> None:
    from awsroll.recording.readable import step_lines  # noqa: PLC0415 - see above

    if shown is not None:
        output.emit("step", number=shown.number, seconds=shown.seconds, lines=list(step_lines(shown)))
    different = [each.number for each in reruns if not each.is_same]
    output.emit(
        "replayed",
        rollout_id=reruns[0].step.rollout.rollout_id,
        steps=len(reruns),
        different=different,
        seconds=reruns[-1].seconds,
    )
