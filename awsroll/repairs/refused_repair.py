"""The end of a repair whose access to the fleet AWS refuses: the rollout ends, and what is not restored is listed.

It is the end of an abort that AWS refuses. A refusal may be temporary, so the caller confirms it.
"""

from dataclasses import replace

from awsroll.core.model.rollout_choices import Pace
from awsroll.core.model.status import Mode
from awsroll.core.repair.leftovers import Leftover
from awsroll.core.repair.released import unrestored
from awsroll.driver.context import Context
from awsroll.driver.operations import take_over_to_end
from awsroll.driver.session import Session
from awsroll.driver.user_commands import Command, change_for
from awsroll.ports import Record
from awsroll.repairs.repaired import Repaired


def end_refused(record: Record, context: Context, pace: Pace, *, why: str) -> Repaired | None:
    """End a rollout whose fleet AWS does not let this caller repair; return None if the caller does not confirm it.

    What AWS allows is restored.

    Args:
        record: the rollout; it has not ended.
        context: the environment; its `confirm_unrestored` gets the refusal and what the rollout has changed.
        pace: how to poll and wait.
        why: the refusal of AWS.
    """
    rollout_id = record.rollout.rollout_id
    if not context.confirm_unrestored((why, *unrestored(record.rollout, record.status))):
        return None
    session = Session(context)
    session.store.change_user_requests(rollout_id, change_for(Command.ABORT, record))
    report = take_over_to_end(rollout_id, replace(context, confirm_unrestored=lambda _: True), pace, None)
    status = session.store.load(rollout_id).status
    left = unrestored(record.rollout, replace(status, mode=Mode.STOPPING))  # also the servers that were in flight
    has_ended = status.mode is Mode.ENDED
    return Repaired(
        fleet=record.rollout.fleet,
        acted=True,
        finished=has_ended and not left,
        rollout_id=rollout_id,
        left=tuple(_left(rollout_id, line) for line in left),
        reason=_why_left(why) if has_ended and left else report.reason,
    )


def _left(rollout_id: str, line: str) -> Leftover:
    return Leftover(what="rollout", about=rollout_id, found=line, remedy="not restored", acts=False)


def _why_left(refusal: str) -> str:
    return f"the rollout has ended and holds its fleet no longer, but AWS refuses what is left: {refusal.rstrip('.')}"
