"""`awsroll roll`: do it, to the end."""

from typing import TYPE_CHECKING, Annotated

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.drive import drive
from awsroll.cli.flags import takes
from awsroll.cli.roll_request import WANTED_GROUP
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetsSpec
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.driver.operations import Context
    from awsroll.report import Report, RolloutPlan


@takes(WANTED_GROUP, COMMON_GROUP)
def roll(
    wanted: "RolloutSpec | FleetsSpec | RolloutPlan",
    common: CommonOptions,
    *,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Pause (exit 3) at a checkpoint that needs approval, instead of waiting.")
    ] = False,
) -> int:
    """Roll a fleet to a new version, server after server, to the end. Prints the rollout's id first."""
    if isinstance(wanted, FleetsSpec):
        from awsroll.cli.waves import roll_waves  # noqa: PLC0415 - keeps `--help` fast

        return roll_waves(wanted, common, asks=not no_wait)
    if not isinstance(wanted, RolloutSpec):
        _check_region(wanted, common.region)

    def run(context: "Context") -> "Report":
        from awsroll.driver.operations import start  # noqa: PLC0415 - keeps `--help` fast

        return start(wanted, context)

    return drive(common, run, asks=not no_wait)


def _check_region(plan: "RolloutPlan", region: str | None) -> None:
    planned = "" if plan.fingerprint is None else plan.fingerprint.region
    if region is not None and region != planned:
        problem = f"--region {region} contradicts the plan, which is for {planned}: leave it out, or make a new plan"
        raise SpecError(problem)
