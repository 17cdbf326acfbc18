"""`awsroll report`, the option `--report`, and the summary of a pipeline: the report of a rollout as a file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from awsroll.cli.arguments import newest_rollout_argument
from awsroll.cli.common_options import READING_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.grouped_option import variable_of
from awsroll.cli.listing import newest_rollout
from awsroll.cli.output import Output, write_messages
from awsroll.errors import AwsrollError, SpecError

if TYPE_CHECKING:
    from awsroll.ports import Store
    from awsroll.report import Report

_SUMMARY = "GITHUB_STEP_SUMMARY"
_FORMS = "HTML that opens offline (.html), Markdown (.md), JSON (.json) or JUnit XML (.xml)"

report_option = click.option(
    "--report",
    "report_file",
    envvar=variable_of("report"),
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Write the report of the rollout to this file at the end: {_FORMS}.",
)


@takes(READING_GROUP)
@newest_rollout_argument
@click.option(
    "--output",
    "-o",
    "file",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"File to write: {_FORMS}.",
)
def report(common: CommonOptions, rollout: str | None, file: Path) -> int:
    """Write the report of a rollout to a file."""
    from awsroll.driver.read_story import stored_story  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.report.report_files import format_of, written_as  # noqa: PLC0415 - see above

    form, store = format_of(str(file)), common.store()
    rollout = rollout or newest_rollout(store)
    text = written_as(stored_story(rollout, store), form)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"the report cannot be written to {file}: {error.strerror or error}"
        raise SpecError(problem) from error
    if common.json:
        Output(json=True).emit("report-written", rollout_id=rollout, file=str(file))
    else:
        Output().result(f"the report of rollout {rollout} is in {file}")
    return 0


def check_report_file(file: Path | None) -> None:
    """Check the name and the folder of a report file before a rollout starts.

    Raises:
        SpecError: if no report can be written there; nothing was changed.
    """
    if file is None:
        return
    from awsroll.report.report_files import format_of  # noqa: PLC0415 - keeps `--help` fast

    format_of(str(file))
    folder = file.absolute().parent
    if file.is_dir() or not (folder.is_dir() and os.access(folder, os.W_OK)):
        problem = f"--report {file}: no file can be written there; nothing was changed. Name another file"
        raise SpecError(problem)


def write_reports(report: "Report", store: "Store", file: Path | None) -> None:
    """Write the report file of a rollout that this process has driven, and the summary of a pipeline.

    A failure to write is a message: the rollout has ended as it has.
    """
    summary = os.environ.get(_SUMMARY, "")
    if file is None and not summary:
        return
    from awsroll.driver.read_story import stored_story  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.report.report_files import ReportFormat, format_of, written_as  # noqa: PLC0415 - see above

    places: list[tuple[Any, Path, str]] = [] if file is None else [(format_of(str(file)), file, "w")]
    if summary:
        places.append((ReportFormat.MARKDOWN, Path(summary), "a"))
    for form, path, mode in places:
        try:
            text = written_as(stored_story(report.rollout_id, store, report=report), form)
            with path.open(mode, encoding="utf-8") as stream:
                stream.write(text)
        except (OSError, AwsrollError) as error:
            again = f"`awsroll report {report.rollout_id} -o FILE` writes it again"
            write_messages(f"the report cannot be written to {path}: {error}. {again}")
