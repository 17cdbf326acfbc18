"""`awsroll resume`: go on with a rollout that was interrupted or waits for a person."""

from typing import TYPE_CHECKING, Annotated

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.drive import drive
from awsroll.cli.flags import takes
from awsroll.cli.read_request import PACE_GROUP
from awsroll.core.model.rollout import Pace

if TYPE_CHECKING:
    from awsroll.driver.operations import Context
    from awsroll.report import Report


@takes(PACE_GROUP, COMMON_GROUP)
def resume(
    rollout: Annotated[str, typer.Argument(metavar="ROLLOUT", help="The rollout's id.")],
    pace: Pace,
    common: CommonOptions,
) -> int:
    """Go on with a rollout that was interrupted or waits for a person."""

    def run(context: "Context") -> "Report":
        from awsroll.driver.operations import go_on  # noqa: PLC0415 - keeps `--help` fast

        return go_on(rollout, context, pace)

    return drive(common, run)
