"""`awsroll roll`: do it, to the end."""

from typing import TYPE_CHECKING

from awsroll.cli.driving import drive
from awsroll.cli.everywhere import EVERYWHERE_GROUP, Everywhere
from awsroll.cli.flags import takes
from awsroll.cli.request import REQUEST_GROUP
from awsroll.core.spec import RolloutSpec

if TYPE_CHECKING:
    from awsroll.compose import Surroundings
    from awsroll.report import Report


@takes(REQUEST_GROUP, EVERYWHERE_GROUP)
def roll(request: RolloutSpec, everywhere: Everywhere) -> int:
    """Roll a fleet to a new version, server after server, to the end. Prints the rollout's id first."""

    def run(surroundings: "Surroundings") -> "Report":
        from awsroll.compose import start  # noqa: PLC0415 - keeps `--help` fast

        return start(request, surroundings)

    return drive(everywhere, run)
