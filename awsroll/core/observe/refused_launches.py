"""Detects launches that no later attempt can make succeed.

The table of codes and messages is in `classify/refusals`. A launch with an unknown message is retried until its
deadline: a wrong verdict would stop a rollout that could succeed. A rollback of a standalone fleet gives no empty place
up before its deadline, whatever AWS says: nothing else would fill it. In a group, the group itself launches again after
the rollback has stopped, so the rollback waits for two minutes only.
"""

from datetime import timedelta

from awsroll.core.classify.ended_by import owner_of_code
from awsroll.core.classify.refusals import Refusal, may_appear, refusal_of
from awsroll.core.classify.view import View
from awsroll.core.model.observation import Group, ScalingFailure
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Failure
from awsroll.core.observe.launch_answers import frees_quota

# Words of activities whose instance existed (Amazon EC2 Auto Scaling User Guide, "Troubleshoot issues with lifecycle
# hooks", and "Health checks": a member that ends while it is pending).
_GIVEN_UP = ("lifecycle action", "while waiting for instance to be in inservice")
_PATIENCE_OF_ROLLBACKS = timedelta(minutes=2)


def excuse_failures(view: View, *, owed: bool) -> Status:
    """Record up to when failed launches of the group do not count.

    Failures do not count before the group had launches due, or before it launched the target version: the rollout may
    be the fix for a template that cannot be launched. Times from AWS are compared only with each other.
    """
    group = view.observation.group
    if group is None or not group.launch_failures or (owed and _launches_target(view, group)):
        return view.status
    excused_until = max(failure.at for failure in group.launch_failures)
    return replace(view.status, shortage=replace(view.status.shortage, excused_until=excused_until))


def refused_launches(view: View) -> list[Failure]:
    """Return a failure if no later attempt to launch can succeed."""
    status, group = view.status, view.observation.group
    if group is None or (status.rolling_back and not _has_waited(view)):
        return []
    cause = _not_offered_anywhere(view, group) or _refused_by_group(view, group)
    return [Failure(instance_id="", cause=cause, at=view.observation.at, final=True)] if cause else []


def given_up(view: View) -> list[Failure]:
    """Return a failure for each new member that its group gave up before it was in service.

    A launch hook abandoned it or timed out, or it ended while the group waited for it. The group launches again at
    once, and would do so for ever.
    """
    group, known = view.observation.group, {failure.instance_id for failure in view.status.failures}
    if group is None:
        return []
    return [
        Failure(
            instance_id=launch.instance_id,
            cause=f"ended before it was in service: {launch.message}",
            at=view.observation.at,
            owner=owner_of_code(_termination_reason(launch.message)),
        )
        for launch in group.launch_failures
        if launch.instance_id not in {"", *known} and _is_given_up(view, launch)
    ]


def _is_given_up(view: View, launch: ScalingFailure) -> bool:
    instance = view.by_id.get(launch.instance_id)
    words = launch.message.casefold()
    counts = instance is not None and view.is_current(instance) and not _is_excused(view.status, launch)
    return counts and any(part in words for part in _GIVEN_UP)


def _termination_reason(message: str) -> str:
    """Return the code behind "Termination Reason:" in a message; empty if the message has none."""
    return message.partition("Termination Reason: ")[2].partition(":")[0].split(" ")[0]


def _has_waited(view: View) -> bool:
    """Return whether a rollback has waited long enough for a launch that AWS calls impossible."""
    since = view.status.shortage.since
    return since is not None and view.observation.at - since >= _PATIENCE_OF_ROLLBACKS


def _not_offered_anywhere(view: View, group: Group) -> str:
    zones = {zone for zone, _ in group.zones}
    if not zones or not zones <= set(view.status.shortage.not_offered):
        return ""
    return f"launch refused in every zone of the group: {view.status.shortage.reason}"


def _refused_by_group(view: View, group: Group) -> str:
    """Return the message of the group's last launch if it failed in a way that rules out every retry."""
    status = view.status
    if status.shortage.since is None or not _launches_target(view, group):
        return ""
    counted = [failure for failure in group.launch_failures if not _is_excused(status, failure)]
    if not counted or counted[-1] != group.launch_failures[-1]:
        return ""
    message, at = counted[-1].message, view.observation.at
    never = refusal_of("", message, frees_quota=frees_quota(status, at)) is Refusal.NEVER
    never = never and not may_appear(message, at - status.shortage.since)
    return f"the group cannot launch: {message}" if never else ""


def _launches_target(view: View, group: Group) -> bool:
    template = view.rollout.template
    return template is None or (group.template == template and group.version == str(template.number))


def _is_excused(status: Status, failure: ScalingFailure) -> bool:
    since = status.shortage.excused_until
    return failure.at < status.started_at or (since is not None and failure.at <= since)
