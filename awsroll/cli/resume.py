"""`awsroll resume`: go on with a rollout that was interrupted or waits for a person."""

from typing import TYPE_CHECKING, Annotated

import typer

from awsroll.cli.driving import drive
from awsroll.cli.everywhere import EVERYWHERE_GROUP, Everywhere
from awsroll.cli.flags import takes
from awsroll.cli.request import PACE_GROUP
from awsroll.core.rollout import Pace

if TYPE_CHECKING:
    from awsroll.compose import Surroundings
    from awsroll.report import Report


@takes(PACE_GROUP, EVERYWHERE_GROUP)
def resume(
    rollout: Annotated[str, typer.Argument(metavar="ROLLOUT", help="The rollout's id.")],
    pace: Pace,
    everywhere: Everywhere,
) -> int:
    """Go on with a rollout that was interrupted or waits for a person."""

    def run(surroundings: "Surroundings") -> "Report":
        from awsroll.compose import go_on  # noqa: PLC0415 - keeps `--help` fast

        return go_on(rollout, surroundings, pace)

    return drive(everywhere, run)
