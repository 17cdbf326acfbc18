"""Settles calls: by their answers, or by an observation if an answer was lost.

A call that is not idempotent is announced in the status before it is made. `settle` records its answer.
`settle_by_observation` settles the calls without an answer by what the fleet shows. If the fleet shows no effect for
`settle_seconds`, the call is taken to have had none. Only then may it be made again.
"""

from datetime import datetime, timedelta
from itertools import groupby
from operator import is_
from typing import assert_never

from awsroll.core.classify.desired import moved
from awsroll.core.classify.refusals import is_template_missing
from awsroll.core.classify.view import View
from awsroll.core.lifecycle import ServerChanges
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import PUT_OFF, Answer, Result
from awsroll.core.model.actions import instance_ids_of
from awsroll.core.model.calls import LEAVING_CALLS, Call, CallKind
from awsroll.core.model.observation import CommandState, Instance, Lifecycle
from awsroll.core.model.plan import add_failures, add_warnings, pause
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.setting_names import VERSION, names_set_by
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Failure, Owner
from awsroll.core.observe.abandoned import abandoned_name
from awsroll.core.observe.answered_at import note_answers
from awsroll.core.observe.kept_failed import give_up_keeping, keeps_failed
from awsroll.core.observe.launch_answers import is_inconclusive, is_launch_denied, settle_launch, settle_launches
from awsroll.core.observe.left_alone import is_protected, leave_alone
from awsroll.core.tags import REPLACEMENT, ROLE_TAG

MANY_FRUITLESS_CALLS = 3  # in a row on one server: the next call waits for RETRY_FRUITLESS_SECONDS
RETRY_FRUITLESS_SECONDS = 30

_TOO_MANY_TARGETS = "TooManyTargets"
_CARE = (act.ClearUnhealthyMarks, act.ResumeProcesses, act.SaveSettings, act.UpdateGroup)  # the calls of a pause
_EFFECT_ON_DESIRED = {
    CallKind.TERMINATE_AND_DECREMENT: -1,
    CallKind.ENTER_STANDBY: -1,
    CallKind.EXIT_STANDBY: 1,
}


def settle(status: Status, results: tuple[Result, ...], at: datetime) -> Status:
    """Record the results of a plan's actions.

    Args:
        status: the plan's status, as saved before the actions were carried out.
        results: one for each action.
        at: the instant after the last action.
    """
    for _, alike in groupby(results, key=_kind_of_answer):
        status = _settle_alike(status, tuple(alike), at)
    return status


def _kind_of_answer(result: Result) -> tuple[object, ...]:
    return (type(result.action), result.answer, result.code, result.message, result.transient, result.denied)


def _settle_alike(status: Status, results: tuple[Result, ...], at: datetime) -> Status:
    """Record neighbouring answers of one kind. A batch has hundreds: each of its answers must not copy the record."""
    first = results[0]
    status = note_answers(status, results, at)
    match first.action:
        case act.LaunchInstance() if _is_clear(results):
            return settle_launches(status, results, at)
        case act.TerminateInstance():
            names = tuple(name for result in results for name in instance_ids_of(result.action))
            done = first if first.answer is not Answer.DONE else replace(first, instance_ids=names)
            status = _settle_calls(status, CallKind.TERMINATE, names, done, at)
        case act.RegisterTargets() | act.DeregisterTargets() if first.answer is not Answer.REFUSED:
            return status
        case _:
            for result in results:
                status = _settle_result(status, result, at)
            return status
    for result in results:
        status = _settle_refusal(status, result, at) if result.answer is Answer.REFUSED else status
    return status


def _is_clear(results: tuple[Result, ...]) -> bool:
    """Return whether standalone launches have an instance each, or were not made."""
    if results[0].answer is Answer.DONE:
        return all(result.instance_ids for result in results)  # a standalone launch is one instance
    return results[0].answer is Answer.STALE


def _settle_result(status: Status, result: Result, at: datetime) -> Status:
    match result.action:
        case act.LaunchInstance(launch=launch) | act.LaunchInGroup(launch=launch):
            status = settle_launch(status, launch, result, at)
        case act.TerminateInGroup(instance_ids=ids, decrement=decrement):
            kind = CallKind.TERMINATE_AND_DECREMENT if decrement else CallKind.TERMINATE
            status = _settle_calls(status, kind, ids, result, at)
        case act.DetachFromGroup(instance_ids=ids):
            status = _settle_calls(status, CallKind.DETACH, ids, result, at)
        case act.EnterStandby(instance_ids=ids):
            status = _settle_calls(status, CallKind.ENTER_STANDBY, ids, result, at)
        case act.ExitStandby(instance_ids=ids):
            status = _settle_calls(status, CallKind.EXIT_STANDBY, ids, result, at)
        case act.SendCommand(instance_ids=ids):
            status = _settle_calls(status, CallKind.SEND_COMMAND, ids, result, at)
        case act.ClearUnhealthyMarks(instance_ids=ids):
            status = _settle_cleared_marks(status, ids, result)
        case act.SetDesiredCapacity(value=value, expected=expected):
            status = _settle_set_desired(status, value - expected, result, at)
        case (
            act.TerminateInstance()  # `_settle_alike` settles it
            | act.TagInstances()
            | act.RegisterTargets()
            | act.DeregisterTargets()
            | act.UpdateGroup()
            | act.SuspendProcesses()
            | act.ResumeProcesses()
            | act.DeleteWarmPool()
            | act.PutWarmPool()
            | act.SetDeregistrationDelay()
            | act.SetHealthChecks()
            | act.SaveSettings()
            | act.ForgetSavedSettings()
        ):
            pass  # absolute values: the next observation shows whether they are set
        case _ as never:
            assert_never(never)
    return _settle_refusal(status, result, at) if result.answer is Answer.REFUSED else status


def _settle_refusal(status: Status, result: Result, at: datetime) -> Status:
    if keeps_failed(result):
        return give_up_keeping(status, result)
    return leave_alone(status, result) if is_protected(result) else _refused(status, result, at)


def _refused(status: Status, result: Result, at: datetime) -> Status:
    if result.denied and _is_tag_of_new_server(result.action):
        return _tags_denied(status, result)
    what = f"{type(result.action).__name__} was refused: {result.message}"
    restores = status.mode is not Mode.ROLLING or (status.must_rest and isinstance(result.action, _CARE))
    if restores and not result.transient and not is_inconclusive(result):
        status = add_warnings(status, what)
        if names_set_by(result.action) == (VERSION,) and is_template_missing(result.code, result.message):
            return _without_version(status)
        abandoned = (*status.settings.abandoned, abandoned_name(result.action))
        return replace(status, settings=replace(status.settings, abandoned=abandoned))
    if result.denied and not is_launch_denied(result):
        return pause(status, f"{what} Grant the permission, then resume the rollout.")
    is_launch = isinstance(result.action, act.LaunchInstance | act.LaunchInGroup)
    if result.transient or is_launch or _waits_for_drains(status, result):
        return status
    instance_id = getattr(result.action, "instance_id", "")
    return add_failures(status, Failure(instance_id=instance_id, cause=what, at=at, owner=Owner.OURS))


def _waits_for_drains(status: Status, result: Result) -> bool:
    """Return whether a target group is full, and a server of ours that drains may count: its end makes room."""
    full = result.code == _TOO_MANY_TARGETS
    return full and any(server.phase.is_way_out for server in status.servers.values())


def _without_version(status: Status) -> Status:
    """Return the record without the group's old version: its launch template is gone, so nothing can restore it."""
    return replace(status, settings=status.settings.without([VERSION]))


def _is_tag_of_new_server(action: act.Action) -> bool:
    return isinstance(action, act.TagInstances) and action.reason is Reason.NEW_INSTANCE_RUNNING


def _tags_denied(status: Status, result: Result) -> Status:
    warning = (
        f"new servers cannot be tagged after their launch ({result.message}). Some lack tags of the servers that they "
        "replace. awsroll launches the others one by one, with all tags. Grant ec2:CreateTags on instances with the "
        f"tag {ROLE_TAG} = {REPLACEMENT} (`awsroll policy` prints it)"
    )
    return add_warnings(replace(status, tags_denied=True), warning)


def _settle_calls(status: Status, kind: CallKind, ids: tuple[str, ...], result: Result, at: datetime) -> Status:
    """Record the answer to a call on instances: done, without effect, or unknown."""
    if result.answer is Answer.UNANSWERED:
        return status
    accepted = set(result.instance_ids or ids) if result.answer is Answer.DONE else set()
    without_effect = set(ids) - accepted
    calls = tuple(
        replace(call, answered=True, at=at) if call.kind is kind and call.instance_id in accepted else call
        for call in status.calls
        if not (call.kind is kind and call.instance_id in without_effect)
    )
    effect = _EFFECT_ON_DESIRED.get(kind, 0) * len(accepted)
    status = moved(replace(status, calls=calls), effect, at)
    if result.code != PUT_OFF and kind is not CallKind.SEND_COMMAND:
        status = _count_fruitless(status, ids, accepted, result, at)
    if kind is CallKind.SEND_COMMAND and result.answer is not Answer.DONE:
        return _without_attempt(status, ids)
    return status


def _count_fruitless(status: Status, ids: tuple[str, ...], accepted: set[str], result: Result, at: datetime) -> Status:
    """Count the calls in a row that had no effect on a server, so that they are repeated more and more rarely."""
    changes, warnings = ServerChanges(status), list[str]()
    cause = result.message or result.code or "no reason given"
    for name in ids:
        server = changes.servers.get(name)
        if server is None:
            continue
        if name in accepted:
            changes.amend(name, fruitless=0, fruitless_at=None)
            continue
        count = min(server.fruitless + 1, MANY_FRUITLESS_CALLS)
        changes.amend(name, fruitless=count, fruitless_at=at)
        if count == MANY_FRUITLESS_CALLS > server.fruitless:
            action = type(result.action).__name__
            warnings.append(f"{name}: {action} had no effect {count} times: {cause}. awsroll tries again")
    return add_warnings(changes.status, *warnings)


def _without_attempt(status: Status, ids: tuple[str, ...]) -> Status:
    changes = ServerChanges(status)
    for name in set(ids) & status.servers.keys():
        changes.amend(name, attempt=0)
    return changes.status


def _settle_cleared_marks(status: Status, ids: tuple[str, ...], result: Result) -> Status:
    if result.answer is not Answer.DONE:
        return status
    changes = ServerChanges(status)
    for name in set(result.instance_ids or ids) & status.servers.keys():
        changes.amend(name, mark_cleared=True)
    return changes.status


def _settle_set_desired(status: Status, by: int, result: Result, at: datetime) -> Status:
    if result.answer is Answer.UNANSWERED:
        return status
    calls = tuple(call for call in status.calls if call.kind is not CallKind.SET_DESIRED)
    status = replace(status, calls=calls)
    return moved(status, by, at) if result.answer is Answer.DONE else status


def is_worth_a_call(view: View, instance_id: str) -> bool:
    """Return whether a call that moves the server should be made now: not at once after several without an effect."""
    server = view.status.servers.get(instance_id)
    if server is None or server.fruitless < MANY_FRUITLESS_CALLS or server.fruitless_at is None:
        return True
    return view.observation.at - server.fruitless_at >= timedelta(seconds=RETRY_FRUITLESS_SECONDS)


# --- calls without an answer ------------------------------------------------------------------------------------------


def settle_by_observation(view: View) -> Status:
    """Settle the calls whose effect, or lack of effect, this observation shows."""
    calls = list[Call]()
    for call in view.status.calls:
        had_effect = _had_effect(view, call)
        if had_effect is None:
            calls.append(call)
            continue
        view = view.with_status(_moved_desired(view, call, had_effect=had_effect))
        if had_effect and call.kind in LEAVING_CALLS:  # kept until the instance is gone, as proof that it ends
            calls.append(call if call.answered else replace(call, answered=True))
    is_same = len(calls) == len(view.status.calls) and all(map(is_, calls, view.status.calls))
    return view.status if is_same else replace(view.status, calls=tuple(calls))


def _moved_desired(view: View, call: Call, *, had_effect: bool) -> Status:
    """Return the record with what the call did to the desired capacity, or did not do after all."""
    if had_effect is call.answered:
        return view.status
    by = _effect_on_desired(view, call)
    return moved(view.status, by if had_effect else -by, view.observation.at)


def _effect_on_desired(view: View, call: Call) -> int:
    known, group = view.status.desired, view.observation.group
    if call.kind is CallKind.SET_DESIRED and known is not None:
        return call.number - known.expected
    unchanged = group is not None and known is not None and group.desired == known.expected
    instance = view.by_id.get(call.instance_id)
    ended = instance is None or view.is_gone(instance)
    if call.kind is CallKind.TERMINATE_AND_DECREMENT and ended and unchanged and not call.answered:
        return 0  # the instance ended by itself: the call was never made
    return _EFFECT_ON_DESIRED.get(call.kind, 0)


def _had_effect(view: View, call: Call) -> bool | None:
    """Return whether the call had its effect; None while it is not known."""
    if _is_shown(view, call):
        return True
    if call.kind is CallKind.SEND_COMMAND and call.answered:
        return None  # SSM has accepted it: it will be shown, or its deadline passes
    patience = timedelta(seconds=view.rollout.limits.settle_seconds)
    return False if view.observation.at - call.at >= patience else None


def _has_left_standby(view: View, instance: Instance | None) -> bool:
    """Return whether a member has left standby. If it has ended since, a raised desired capacity proves it."""
    if instance is not None and not view.is_ending(instance):
        return instance.lifecycle in (Lifecycle.PENDING, Lifecycle.IN_SERVICE)
    group, known = view.observation.group, view.status.desired
    raised = group is not None and known is not None and group.desired > known.expected
    return raised and not (instance is not None and view.is_in_standby(instance))


def _is_shown(view: View, call: Call) -> bool:
    group, instance = view.observation.group, view.by_id.get(call.instance_id)
    match call.kind:
        case CallKind.TERMINATE | CallKind.TERMINATE_AND_DECREMENT | CallKind.DETACH:
            detached = call.kind is CallKind.DETACH and instance is not None and instance.lifecycle is None
            recorded = group is not None and call.instance_id in group.terminations
            ends = instance is None or (view.is_ending(instance) and not view.is_still_listed(instance))
            return ends or recorded or detached
        case CallKind.ENTER_STANDBY | CallKind.EXIT_STANDBY if call.answered and (
            instance is None or view.is_ending(instance)
        ):
            return True  # the member has moved, and ended since
        case CallKind.ENTER_STANDBY:
            return instance is not None and view.is_in_standby(
                instance
            )  # a leaving member was never in standby: its group ends it
        case CallKind.EXIT_STANDBY:
            return _has_left_standby(view, instance)
        case CallKind.SET_DESIRED:
            return group is not None and group.desired == call.number
        case CallKind.SEND_COMMAND:
            shown = view.invocations.get((call.instance_id, call.number))
            return shown is not None and shown.state is not CommandState.UNSENT
        case _ as never:
            assert_never(never)
