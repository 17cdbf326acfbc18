"""Commands that control a rollout from any terminal: `pause`, `approve`, `abort`, `rollback`."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from awsroll.cli.arguments import rollout_argument
from awsroll.cli.common_options import COMMON_GROUP, READING_GROUP, CommonOptions
from awsroll.cli.drive import drive
from awsroll.cli.flags import takes
from awsroll.cli.given_instructions import GIVEN_GROUP
from awsroll.cli.grouped_option import GroupedOption
from awsroll.cli.output import Output
from awsroll.cli.read_request import PACE_GROUP
from awsroll.cli.replay import record_option
from awsroll.cli.report import report_option
from awsroll.core.model.rollout_choices import Pace
from awsroll.core.model.status import Outcome
from awsroll.core.model.user_requests import OVERRIDE
from awsroll.core.request.waves import FleetSpec
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from awsroll.driver.operations import Context
    from awsroll.report import Report, RolloutSummary
    from awsroll.stores import RecordStore

_PAST = {"approve": "approved", "reject": "rejected"}
_WHILE_DRIVEN = "the process that drives it acts on this at its next observation"
_WHILE_NOT_DRIVEN = {
    "pause": "no process drives it, so it does not run; `awsroll resume {rollout}` continues it",
    "approve": "no process drives it; `awsroll resume {rollout}` continues it past the checkpoint",
    OVERRIDE: "no process drives it; `awsroll resume {rollout}` continues it despite its windows and freezes",
    "reject": "no process drives it; `awsroll resume {rollout}` applies the rejection, as --on-failure says",
}


@takes(READING_GROUP)
@rollout_argument
def pause(common: CommonOptions, rollout: str) -> int:
    """Pause a rollout at its next safe point.

    Servers in progress are finished first. Then the process that drives the rollout exits with 3.
    """
    from awsroll.driver import operations  # noqa: PLC0415 - keeps `--help` fast

    store = common.store()
    return _report(common, "pause", operations.pause(rollout, store, by=_caller(common, store)), store)


@takes(READING_GROUP)
@rollout_argument
@click.option(
    "--reject",
    cls=GroupedOption,
    typed=True,
    is_flag=True,
    help="Reject the checkpoint instead: the rollout fails, and --on-failure applies.",
)
@click.option(
    "--checkpoint",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of the checkpoint, from 1. Refused if another checkpoint waits (default: the checkpoint that waits).",
)
@click.option(
    "--override-freeze",
    "reason",
    cls=GroupedOption,
    typed=True,
    metavar="REASON",
    help="Instead of a checkpoint: let the rollout continue despite its windows and freezes, for this reason.",
)
def approve(common: CommonOptions, rollout: str, *, reject: bool, checkpoint: int | None, reason: str | None) -> int:
    """Approve the checkpoint that a rollout is waiting at, and print which one.

    Refused (exit 2) if no checkpoint waits, or a person has already answered.
    """
    from awsroll.driver import operations  # noqa: PLC0415 - keeps `--help` fast

    store = common.store()
    if reason is not None:
        if reject or checkpoint is not None:
            problem = "--override-freeze answers no checkpoint: pass it without --reject and --checkpoint"
            raise SpecError(problem)
        from awsroll.driver.user_commands import override_freeze  # noqa: PLC0415 - see above

        summary = override_freeze(rollout, store, reason, by=_caller(common, store))
        return _report(common, OVERRIDE, summary, store)
    answer, what = (operations.reject, "reject") if reject else (operations.approve, "approve")
    return _report(common, what, answer(rollout, store, checkpoint, by=_caller(common, store)), store)


@takes(GIVEN_GROUP, PACE_GROUP, COMMON_GROUP)
@rollout_argument
@record_option
def abort(
    common: CommonOptions, rollout: str, given: tuple[FleetSpec, ...], pace: Pace, *, record_file: "Path | None"
) -> int:
    """Stop a rollout and leave its fleet mixed.

    Draining servers return to traffic, surplus new servers are terminated, and changed settings are restored. If AWS
    refuses that, for example because the role of the rollout is gone, the command shows what stays changed, and asks
    whether to end the rollout as it is (--yes does not ask). `awsroll repair` can restore it later.
    """

    def run(context: "Context") -> "Report":
        from awsroll.driver import operations  # noqa: PLC0415 - keeps `--help` fast

        return operations.abort(rollout, replace(context, requests=given), pace)

    return drive(common, run, record_file=record_file)


@takes(GIVEN_GROUP, PACE_GROUP, COMMON_GROUP)
@rollout_argument
@report_option
@record_option
def rollback(  # noqa: PLR0913 - one parameter is one option
    common: CommonOptions,
    rollout: str,
    given: tuple[FleetSpec, ...],
    pace: Pace,
    *,
    report_file: "Path | None",
    record_file: "Path | None",
) -> int:
    """Return a fleet to the version that it ran before a rollout.

    Works during the rollout, after it stopped, and after it succeeded.
    """

    def run(context: "Context") -> "Report":
        from awsroll.driver import operations  # noqa: PLC0415 - keeps `--help` fast

        return operations.rollback(rollout, replace(context, requests=given), pace)

    return drive(common, run, success=Outcome.ROLLED_BACK, report_file=report_file, record_file=record_file)


def _caller(common: CommonOptions, store: "RecordStore") -> str:
    """Return who makes this request: of a store in AWS, its caller."""
    from awsroll.driver.caller_name import caller_name  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.operations import Context  # noqa: PLC0415 - see above
    from awsroll.driver.session import Session  # noqa: PLC0415 - see above

    def arn() -> str:
        context = Context(session=common.session(), endpoint_url=common.endpoint_url, store=store)
        return Session(context).aws.sts.caller()

    return caller_name(store, arn)


def _report(common: CommonOptions, what: str, summary: "RolloutSummary", store: "RecordStore") -> int:
    """Print what was requested and which process acts on it."""
    _resume_waiting_state_machine(common, summary.rollout_id, store)
    rollout, approval = summary.rollout_id, summary.approval
    driven = summary.status is Outcome.RUNNING
    effect = _WHILE_DRIVEN if driven else _WHILE_NOT_DRIVEN[what].format(rollout=rollout)
    answered = approval if what in _PAST else None
    if common.json:
        import msgspec  # noqa: PLC0415 - keeps `--help` fast

        fields = {} if answered is None else {"approval": msgspec.to_builtins(answered)}
        Output(json=True).emit("asked", rollout_id=rollout, what=what, driven=driven, **fields)
    elif answered is None:
        Output(quiet=common.quiet).result(f"{rollout}: {what} requested; {effect}")
    else:
        Output(quiet=common.quiet).result(f"{rollout}: {_PAST[what]} {answered.place}; {effect}")
    return 0


def _resume_waiting_state_machine(common: CommonOptions, rollout: str, store: "RecordStore") -> None:
    """Resume a Step Functions state machine that waits for an approval."""
    from awsroll.driver.operations import Context, wake_state_machine  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.task_token import waiting_token  # noqa: PLC0415 - see above

    if waiting_token(rollout, store):
        session, endpoint_url = common.session(), common.endpoint_url
        wake_state_machine(rollout, Context(session=session, endpoint_url=endpoint_url, store=store))
