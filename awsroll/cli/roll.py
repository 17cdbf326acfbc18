"""`awsroll roll`: roll a fleet, or many fleets in waves."""

from typing import TYPE_CHECKING

import click

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.confirm import fail_on_warnings_option
from awsroll.cli.drive import drive
from awsroll.cli.flags import takes
from awsroll.cli.grouped_option import variable_of
from awsroll.cli.replay import record_option
from awsroll.cli.report import report_option
from awsroll.cli.roll_request import ROLL_REQUEST_GROUP
from awsroll.cli.store_warning import warn_of_lost_store
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetsSpec
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from awsroll.driver.operations import Context
    from awsroll.report import Report, RolloutPlan


no_wait_option = click.option(
    "--no-wait",
    envvar=variable_of("no-wait"),
    is_flag=True,
    help="Pause (exit 3) at a checkpoint that needs approval (default: wait).",
)


@takes(ROLL_REQUEST_GROUP, COMMON_GROUP)
@no_wait_option
@report_option
@record_option
@fail_on_warnings_option
def roll(  # noqa: PLR0913 - one parameter is one option
    request: "RolloutSpec | FleetsSpec | RolloutPlan",
    common: CommonOptions,
    *,
    no_wait: bool,
    fail_on_warnings: bool,
    report_file: "Path | None",
    record_file: "Path | None",
) -> int:
    """Roll a fleet to a new version.

    On a terminal, shows a short plan and asks before the first change. The rollout's id is the first line of output.
    """
    warn_of_lost_store(common)
    if isinstance(request, FleetsSpec):
        if report_file is not None:
            problem = "--report is for one fleet; nothing was changed. `awsroll report ROLLOUT -o FILE` reports each"
            raise SpecError(problem)
        if record_file is not None:
            problem = "--record is for one fleet; nothing was changed. `awsroll replay ROLLOUT --out FILE` has each"
            raise SpecError(problem)
        from awsroll.cli.waves import roll_waves  # noqa: PLC0415 - keeps `--help` fast

        return roll_waves(request, common, wait_for_approval=not no_wait, fail_on_warnings=fail_on_warnings)
    if not isinstance(request, RolloutSpec):
        _check_region(request, common.region)

    def run(context: "Context") -> "Report":
        from awsroll.driver import operations  # noqa: PLC0415 - keeps `--help` fast

        return operations.roll(request, context)

    return drive(
        common,
        run,
        wait_for_approval=not no_wait,
        fail_on_warnings=fail_on_warnings,
        report_file=report_file,
        record_file=record_file,
    )


def _check_region(plan: "RolloutPlan", region: str | None) -> None:
    """Raise SpecError if `--region` names another region than the plan."""
    planned = "" if plan.fingerprint is None else plan.fingerprint.region
    if region is not None and region != planned:
        problem = f"--region {region} contradicts the plan, which is for {planned}. Omit --region or make a new plan"
        raise SpecError(problem)
