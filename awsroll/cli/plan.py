"""`awsroll plan`: the plan of a rollout. It only reads."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from awsroll.cli.common_options import READING_GROUP, CommonOptions
from awsroll.cli.confirm import check_warnings, fail_on_warnings_option
from awsroll.cli.flags import OUTPUT, Flag, FlagGroup, takes
from awsroll.cli.output import Output, result_width
from awsroll.cli.read_request import REQUEST_OR_FLEETS_GROUP
from awsroll.cli.store_warning import warn_of_lost_store
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetsSpec
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.report import RolloutPlan


_OUT_FLAG = Flag(
    field="out",
    type=Path,
    metavar="FILE",
    section=OUTPUT,
    help="Save the plan to this file. `awsroll roll --plan FILE` carries it out unless the fleet has changed since.",
)
_OUT_GROUP = FlagGroup("out", (_OUT_FLAG,), lambda *, out: out)


@takes(REQUEST_OR_FLEETS_GROUP, _OUT_GROUP, READING_GROUP)
@fail_on_warnings_option
@click.option("--verbose", is_flag=True, help="List each server in its order (default: the servers by zone).")
def plan(
    request: RolloutSpec | FleetsSpec,
    out: Path | None,
    common: CommonOptions,
    *,
    fail_on_warnings: bool,
    verbose: bool,
) -> int:
    """Show what a rollout would do, without changing anything.

    Prints the lowest and highest capacity, the estimated duration and cost, gates, settings, the servers by zone, every
    hook, command, function and script that the rollout runs, and the findings of the checks.
    """
    warn_of_lost_store(common)
    if isinstance(request, FleetsSpec):
        return _plan_many(request, out, common, fail_on_warnings=fail_on_warnings)
    from awsroll.cli.plan_colours import coloured  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.cli.render_plan import plan_text  # noqa: PLC0415 - see above

    output = Output(json=common.json, quiet=common.quiet)
    planned, saved = _make_plan(request, common), dict[str, str]()
    if out is not None:
        from awsroll.files.plan_file import save_plan  # noqa: PLC0415 - see above

        saved = {"digest": save_plan(planned, out)}
        output.note(
            f"the plan is saved in {out}; `awsroll roll --plan {out}` carries it out. With `--plan-digest "
            f"{saved['digest']}` it carries out this plan only"
        )
    if output.json:
        output.emit("plan", **planned.as_dict(), **saved)
    else:
        output.result(plan_text(planned, verbose=verbose, width=result_width()), paint=coloured)
    check_warnings(planned.warnings, fail=fail_on_warnings)
    return 0


def _plan_many(request: FleetsSpec, out: Path | None, common: CommonOptions, *, fail_on_warnings: bool) -> int:
    from awsroll.cli.waves import plan_waves  # noqa: PLC0415 - see above

    if out is not None:
        problem = (
            f"--out {out}: a plan can be saved for one fleet only. Review many fleets with `awsroll plan -f FILE` and "
            "roll them with the same file"
        )
        raise SpecError(problem)
    return plan_waves(request, common, fail_on_warnings=fail_on_warnings)


def _make_plan(request: RolloutSpec, common: CommonOptions) -> "RolloutPlan":
    from awsroll.driver import operations  # noqa: PLC0415 - see above

    context = operations.Context(session=common.session(), store=common.store(), endpoint_url=common.endpoint_url)
    return operations.plan(request, context)
