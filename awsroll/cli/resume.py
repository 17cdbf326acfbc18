"""`awsroll resume`: continue an interrupted or paused rollout."""

from dataclasses import replace
from typing import TYPE_CHECKING

from awsroll.cli.arguments import rollout_argument
from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.drive import drive
from awsroll.cli.flags import takes
from awsroll.cli.given_instructions import GIVEN_GROUP
from awsroll.cli.read_request import PACE_GROUP
from awsroll.cli.replay import record_option
from awsroll.cli.report import report_option
from awsroll.cli.roll import no_wait_option
from awsroll.core.model.rollout_choices import Pace
from awsroll.core.request.waves import FleetSpec

if TYPE_CHECKING:
    from pathlib import Path

    from awsroll.driver.operations import Context
    from awsroll.report import Report


@takes(GIVEN_GROUP, PACE_GROUP, COMMON_GROUP)
@rollout_argument
@no_wait_option
@report_option
@record_option
def resume(  # noqa: PLR0913 - one parameter is one option
    rollout: str,
    given: tuple[FleetSpec, ...],
    pace: Pace,
    common: CommonOptions,
    *,
    no_wait: bool,
    report_file: "Path | None",
    record_file: "Path | None",
) -> int:
    """Continue an interrupted or paused rollout.

    Without --file it asks before it runs a hook or command, or assumes a role, that the record names; --yes accepts
    them.
    """

    def run(context: "Context") -> "Report":
        from awsroll.driver import operations  # noqa: PLC0415 - keeps `--help` fast

        return operations.resume(rollout, replace(context, requests=given), pace)

    return drive(common, run, wait_for_approval=not no_wait, report_file=report_file, record_file=record_file)
