"""Servers that are left alone: a person has protected them from termination after the preflight.

Such a server is drained and out of the target groups when EC2 refuses to terminate it. It is not of the fleet any
longer: it runs on until a person acts, and another server gets its place. A scale-in protection of a group is not meant
here: it does not keep awsroll from having the group terminate a member.
"""

from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.view import View
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import TerminateInstance
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Status

_NOT_PERMITTED = "OperationNotPermitted"


def is_protected(result: Result) -> bool:
    """Return whether EC2 refused to terminate a server because someone has protected it."""
    refused = result.answer is Answer.REFUSED and result.code == _NOT_PERMITTED
    return refused and isinstance(result.action, TerminateInstance)


def leave_alone(status: Status, result: Result) -> Status:
    """Leave the protected server alone."""
    name = getattr(result.action, "instance_id", "")
    warning = (
        f"{name}: someone has protected it from termination ({result.message}). It gets no requests, another server "
        "takes its place, and it runs on at your cost. Terminate it, or register it again"
    )
    left = tuple(dict.fromkeys((*status.left_alone, name)))
    return add_warnings(replace(status, left_alone=left), warning)


def take_up_registered_again(view: View) -> Status:
    """Take up servers that someone has registered again. Forget those that are gone."""
    left = tuple(
        name
        for name in view.status.left_alone
        if name in view.by_id and not view.is_gone(view.by_id[name]) and not active_registrations(view.by_id[name])
    )
    return view.status if left == view.status.left_alone else replace(view.status, left_alone=left)
