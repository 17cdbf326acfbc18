"""`awsroll resume`: go on with a rollout that was interrupted or waits for a person."""

from typing import TYPE_CHECKING, Annotated

import typer

from awsroll.cli.common_options import EVERYWHERE_GROUP, Everywhere
from awsroll.cli.drive import drive
from awsroll.cli.flags import takes
from awsroll.cli.read_request import PACE_GROUP
from awsroll.core.model.rollout import Pace

if TYPE_CHECKING:
    from awsroll.driver.operations import Surroundings
    from awsroll.report import Report


@takes(PACE_GROUP, EVERYWHERE_GROUP)
def resume(
    rollout: Annotated[str, typer.Argument(metavar="ROLLOUT", help="The rollout's id.")],
    pace: Pace,
    everywhere: Everywhere,
) -> int:
    """Go on with a rollout that was interrupted or waits for a person."""

    def run(surroundings: "Surroundings") -> "Report":
        from awsroll.driver.operations import go_on  # noqa: PLC0415 - keeps `--help` fast

        return go_on(rollout, surroundings, pace)

    return drive(everywhere, run)
