"""What people ask of a rollout from any terminal: `pause`, `approve`, `abort`, `rollback`."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.drive import drive
from awsroll.cli.flags import takes
from awsroll.cli.output import Output
from awsroll.cli.read_request import PACE_GROUP
from awsroll.core.model.rollout import Pace
from awsroll.core.model.status import Outcome
from awsroll.core.model.user_requests import UserRequests

if TYPE_CHECKING:
    from awsroll.driver.operations import Context
    from awsroll.report import Report, RolloutSummary
    from awsroll.stores import RecordStore

ROLLOUT = Annotated[str, typer.Argument(metavar="ROLLOUT", help="The rollout's id.")]


@takes(COMMON_GROUP)
def pause(common: CommonOptions, rollout: ROLLOUT) -> int:
    """Pause a rollout at the next safe point: what is in flight comes to its end, then its driver exits with 3."""
    return _ask(common, rollout, "pause", lambda said: replace(said, pause=True))


@takes(COMMON_GROUP)
def approve(
    common: CommonOptions,
    rollout: ROLLOUT,
    *,
    reject: Annotated[
        bool, typer.Option("--reject", help="Say no instead: that is a failure of the rollout, as --on-failure says.")
    ] = False,
) -> int:
    """Open the gate that waits for a person."""
    from awsroll.driver import operations  # noqa: PLC0415 - keeps `--help` fast

    if reject:
        return _ask(common, rollout, "reject", lambda said: replace(said, rejected=True))
    store = common.store()
    return _tell(common, "approve", operations.approve(rollout, store), store)


@takes(PACE_GROUP, COMMON_GROUP)
def abort(common: CommonOptions, rollout: ROLLOUT, pace: Pace) -> int:
    """Settle what is in flight, restore the settings, and stop with the fleet mixed."""

    def run(context: "Context") -> "Report":
        from awsroll.driver.operations import settle_and_stop  # noqa: PLC0415 - keeps `--help` fast

        return settle_and_stop(rollout, context, pace)

    return drive(common, run)


@takes(PACE_GROUP, COMMON_GROUP)
def rollback(common: CommonOptions, rollout: ROLLOUT, pace: Pace) -> int:
    """Take the fleet back to the version it ran before the rollout, also after it has succeeded."""

    def run(context: "Context") -> "Report":
        from awsroll.driver.operations import go_back  # noqa: PLC0415 - keeps `--help` fast

        return go_back(rollout, context, pace)

    return drive(common, run, wanted=Outcome.ROLLED_BACK)


def _ask(common: CommonOptions, rollout: str, what: str, change: Callable[[UserRequests], UserRequests]) -> int:
    from awsroll.driver.operations import ask  # noqa: PLC0415 - keeps `--help` fast

    store = common.store()
    return _tell(common, what, ask(rollout, change, store), store)


def _tell(common: CommonOptions, what: str, summary: "RolloutSummary", store: "RecordStore") -> int:
    _wake(common, summary.rollout_id, store)
    rollout = summary.rollout_id
    driven = summary.status is Outcome.RUNNING
    heard = "its driver acts on it at its next look" if driven else "no process drives it: `awsroll resume` acts on it"
    if common.json:
        Output(json=True).emit("asked", rollout_id=rollout, what=what, driven=driven)
    else:
        Output(quiet=common.quiet).result(f"{rollout}: asked to {what}; {heard}")
    return 0


def _wake(common: CommonOptions, rollout: str, store: "RecordStore") -> None:
    """Have a state machine that waits for a person hear of it at once."""
    from awsroll.driver.operations import Context, hear_at_once  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.task_token import waiting_token  # noqa: PLC0415 - the same

    if waiting_token(rollout, store):
        session, endpoint_url = common.session(), common.endpoint_url
        hear_at_once(rollout, Context(session=session, endpoint_url=endpoint_url, store=store))
