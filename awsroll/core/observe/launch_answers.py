"""Records the answers to launches: instances, a refusal, or no answer.

What a refusal means is in `classify/refusals`: never, not here, not yet, or not permitted.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never

from awsroll.core.classify.desired import moved
from awsroll.core.classify.refusals import (
    Refusal,
    frees_what_is_missing,
    is_not_offered,
    is_template_missing,
    may_appear,
    refusal_of,
)
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import EMPTY_ANSWER, LAUNCHED_FEWER, Answer, Result
from awsroll.core.model.calls import Launch
from awsroll.core.model.plan import add_failures, add_warnings
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Failure
from awsroll.core.observe.short_zones import note_zone

RETRY_LAUNCH_SECONDS = 10  # after a refusal that may pass by itself
_SHUTTING_DOWN = timedelta(minutes=10)  # how long an instance may take from `shutting-down` to `terminated`

_MADE_BEFORE = ("IdempotentInstanceTerminated",)  # refusals that prove that the launch was made before
_LOOKED_UP = ("LaunchTooOld", LAUNCHED_FEWER)  # AWS was asked, and no instance is of this launch


def _is_put_off(result: Result) -> bool:
    """Return whether AWS took no notice of a repeated launch: too many calls, or the first call is still under way."""
    if not isinstance(result.action, act.LaunchInstance | act.LaunchInGroup) or not result.action.launch.repeated:
        return False
    refused = result.answer is Answer.REFUSED and result.transient and result.code not in _LOOKED_UP
    return refused and refusal_of(result.code, result.message) is Refusal.NOT_YET


def is_inconclusive(result: Result) -> bool:
    """Return whether a repeated launch was refused in a way that proves nothing about the first call."""
    if not isinstance(result.action, act.LaunchInstance | act.LaunchInGroup):
        return False
    refused = result.answer is Answer.REFUSED and result.code not in (*_MADE_BEFORE, *_LOOKED_UP)
    return refused and result.action.launch.repeated


def settle_launches(status: Status, results: Sequence[Result], at: datetime) -> Status:
    """Record equal answers to standalone launches: all of them have their instances, or none was made."""
    answers = [(result.action.launch, result) for result in results if isinstance(result.action, act.LaunchInstance)]
    numbers = {launch.number for launch, _ in answers}
    others = tuple(launch for launch in status.launches if launch.number not in numbers)
    if results[0].answer is Answer.STALE:
        return replace(status, launches=others)
    settled = (launch.settle(result.instance_ids, at) for launch, result in answers)
    shortage = replace(status.shortage, launch_after=None, since=None, reason="")
    return replace(status, launches=(*others, *settled), progress_at=at, shortage=shortage)


def settle_launch(status: Status, launch: Launch, result: Result, at: datetime) -> Status:
    """Record the answer to a launch."""
    unsettled = _unsettled(launch, result, at)
    if unsettled is not None:
        launches = tuple(unsettled if other.number == launch.number else other for other in status.launches)
        return replace(status, launches=launches)
    status = note_zone(status, launch, result, at)
    others = tuple(other for other in status.launches if other.number != launch.number)
    if result.answer is Answer.DONE and result.instance_ids:
        settled = launch.settle(result.instance_ids, at)
        shortage = replace(status.shortage, launch_after=None)
        status = replace(status, launches=(*others, settled), progress_at=at, shortage=shortage)
        status = moved(status, len(result.instance_ids), at)
        if len(result.instance_ids) == launch.count:
            return replace(status, shortage=replace(status.shortage, since=None, reason=""))
    else:
        status = replace(status, launches=others)
    if result.answer is Answer.STALE:
        return status
    if result.answer is Answer.DONE:
        return _short(status, result, at)
    return _launch_refused(status, result, at)


def _unsettled(launch: Launch, result: Result, at: datetime) -> Launch | None:
    """Return the launch as it stays in the record if the answer does not settle it; None if it does.

    An answer without instances and errors is none: the launch may still be under way, and the same token tells later
    (Amazon EC2 Auto Scaling User Guide, "Launch instances with synchronous provisioning").
    """
    if result.answer is Answer.UNANSWERED:
        is_empty = result.code == EMPTY_ANSWER
        return replace(launch, empty_since=launch.empty_since or at) if is_empty else launch
    if _is_put_off(result):
        return launch  # it is repeated at the next observation
    return replace(launch, refused=result.message or result.code) if is_inconclusive(result) else None


def _launch_refused(status: Status, result: Result, at: datetime) -> Status:
    """Record what a refused launch means: never, not here, not yet, or not permitted."""
    refusal = _refusal_of(status, result, at)
    match refusal:
        case Refusal.NOT_HERE | Refusal.NOT_YET:
            return _short(status, result, at)
        case Refusal.NOT_PERMITTED:
            return _launches_denied(status, result) if is_launch_denied(result) else status
        case Refusal.NEVER if status.rolling_back and not is_template_missing(result.code, result.message):
            return _short(status, result, at)  # on the way back nothing else would fill the empty place
        case Refusal.NEVER if status.mode is not Mode.ROLLING:
            return status
        case Refusal.NEVER:
            final = result.code not in _MADE_BEFORE
            refused = Failure(instance_id="", cause=f"launch refused: {result.message}", at=at, final=final)
            shortage = replace(status.shortage, launch_after=at + timedelta(seconds=RETRY_LAUNCH_SECONDS))
            return replace(add_failures(status, refused), shortage=shortage)
        case _ as never:
            assert_never(never)


def _refusal_of(status: Status, result: Result, at: datetime) -> Refusal:
    if result.denied:
        return Refusal.NOT_PERMITTED
    if result.code in _MADE_BEFORE:
        return Refusal.NEVER
    vacant = isinstance(result.action, act.LaunchInstance) and result.action.reason is Reason.REPLACING_VACANCY
    refusal = refusal_of(result.code, result.message, frees_quota=vacant or frees_quota(status, at))
    since = status.shortage.since
    appears = may_appear(result.message, None if since is None else at - since)
    if refusal is Refusal.NEVER and (result.transient or appears):
        return Refusal.NOT_YET
    standalone = isinstance(result.action, act.LaunchInstance)
    if standalone and is_not_offered(result.code, result.message):
        return Refusal.NEVER  # a standalone replacement keeps the subnet of its predecessor
    return refusal


def frees_quota(status: Status, at: datetime) -> bool:
    """Return whether a server of the rollout still counts towards the account's quotas, but soon no longer does."""
    leaving = any(server.phase.is_way_out for server in status.servers.values())
    return leaving or (status.left_at is not None and at - status.left_at < _SHUTTING_DOWN)


def _short(status: Status, result: Result, at: datetime) -> Status:
    """Record that instances are missing, and try again after a while."""
    shortage = replace(
        status.shortage,
        since=status.shortage.since or at,
        reason=result.message,
        keeps_drained=not frees_what_is_missing(result.code, result.message),
        launch_after=at + timedelta(seconds=RETRY_LAUNCH_SECONDS),
    )
    return replace(status, shortage=shortage)


def is_launch_denied(result: Result) -> bool:
    """Return whether the caller may not call LaunchInstances, or ec2:CreateFleet behind it.

    The desired capacity needs neither: the group launches with its own role. Expired credentials are another matter.
    """
    denied = refusal_of(result.code, result.message) is Refusal.NOT_PERMITTED
    return denied and isinstance(result.action, act.LaunchInGroup)


def _launches_denied(status: Status, result: Result) -> Status:
    warning = (
        f"LaunchInstances is not permitted ({result.message}). awsroll raises the desired capacity instead, and the "
        "group chooses the zones. Grant autoscaling:LaunchInstances and ec2:CreateFleet to choose the zones again"
    )
    return add_warnings(replace(status, launches_denied=True), warning)
