"""`awsroll resume`: continue an interrupted or paused rollout."""

from typing import TYPE_CHECKING, Annotated

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.drive import drive
from awsroll.cli.flags import takes
from awsroll.cli.read_request import PACE_GROUP
from awsroll.cli.roll import NO_WAIT
from awsroll.core.model.rollout import Pace

if TYPE_CHECKING:
    from awsroll.driver.operations import Context
    from awsroll.report import Report


@takes(PACE_GROUP, COMMON_GROUP)
def resume(
    rollout: Annotated[str, typer.Argument(metavar="ROLLOUT", help="Id of the rollout.")],
    pace: Pace,
    common: CommonOptions,
    *,
    no_wait: NO_WAIT = False,
) -> int:
    """Continue an interrupted or paused rollout."""

    def run(context: "Context") -> "Report":
        from awsroll.driver import operations  # noqa: PLC0415 - keeps `--help` fast

        return operations.resume(rollout, context, pace)

    return drive(common, run, wait_for_approval=not no_wait)
