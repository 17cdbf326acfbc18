"""`awsroll init`: writes a commented rollout file for an existing fleet. It reads AWS, and changes nothing there."""

from pathlib import Path

import click

from awsroll.cli.common_options import STORELESS_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.found_file import FOUND
from awsroll.cli.grouped_option import GroupedOption
from awsroll.cli.output import Output
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import SpecError

_STANDARD_OUTPUT = "-"


@takes(STORELESS_GROUP)
@click.option("--asg", default="", metavar="NAME", help="Name or ARN of the Auto Scaling group.")
@click.option(
    "--target-group",
    cls=GroupedOption,
    multiple=True,
    metavar="NAME|ARN",
    help="Name or ARN of a target group with manually registered servers (repeatable).",
)
@click.option(
    "--output",
    "-o",
    "file",
    default=FOUND,
    metavar="FILE",
    help=f"The file to write; - writes to standard output (default: {FOUND}, which `plan` and `roll` find).",
)
@click.option("--force", is_flag=True, help="Replace an existing file (default: refuse).")
def init(common: CommonOptions, *, asg: str, target_group: tuple[str, ...], file: str, force: bool) -> int:
    """Write a commented rollout file for an existing fleet.

    The file can be planned as it stands. Nothing in AWS is changed.
    """
    path = None if file == _STANDARD_OUTPUT else Path(file)
    if path is not None and path.exists() and not force:
        problem = f"{path} exists; nothing was written. Name another file with -o FILE, or replace it with --force"
        raise SpecError(problem)
    if not asg and not target_group:
        problem = "no fleet is named: pass --asg NAME, or --target-group NAME for servers without a group"
        raise SpecError(problem)
    text = _text(RolloutSpec(asg=asg, target_group=target_group), common)
    output = Output(json=common.json, quiet=common.quiet)
    if path is None:
        output.result(text.rstrip("\n"))
        return 0
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"{path} cannot be written: {error.strerror}. Choose another file with -o FILE"
        raise SpecError(problem) from error
    if output.json:
        output.emit("file-written", file=str(path))
    option = "" if path == Path(FOUND) else f" -f {path}"
    output.note(f"{path} is written. Next: `awsroll plan{option}`, then `awsroll roll{option}`")
    return 0


def _text(spec: RolloutSpec, common: CommonOptions) -> str:
    from awsroll.aws.connection import Connection  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.clock import SystemClock  # noqa: PLC0415 - see above
    from awsroll.files.starter_file import starter_file  # noqa: PLC0415 - see above
    from awsroll.preflight.describe_fleet import describe_fleet  # noqa: PLC0415 - see above

    aws = Connection(common.session(), clock=SystemClock(), endpoint_url=common.endpoint_url)
    return starter_file(describe_fleet(aws, spec))
