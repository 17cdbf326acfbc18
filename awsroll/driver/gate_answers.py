"""How a gate gets its approval while a process drives the rollout."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from awsroll.core.model.plan import Plan, pause
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.user_requests import UserRequests, approval_of, rejection_of
from awsroll.driver.caller_name import local_name
from awsroll.ports import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """The way in which a gate gets its approval.

    Attributes:
        approves: called with the number of the checkpoint, from 1; None: the approval comes as a user request.
        waits: whether the driver waits at the gate for the user request. If False, the rollout pauses there.
    """

    approves: Callable[[int], bool] | None = None
    waits: bool = True


def with_approval(decided: Plan, approver: Approver, rollout: Rollout, store: Store) -> Plan:
    """Ask for the approval that a plan waits for; pause there if the driver does not wait for it.

    Args:
        decided: the plan; returned as it is if it waits for no approval.
        approver: how gates get their approval.
        rollout: the rollout.
        store: gets the answer of `approver.approves` as a user request.
    """
    if not any(hold.reason is Reason.APPROVAL for hold in decided.holds):
        return decided
    number = decided.status.gate.passed + 1
    if approver.approves is not None:
        approved = approver.approves(number)
        store.change_user_requests(rollout.rollout_id, lambda requests: _answered(requests, number, approved=approved))
        return replace(decided, requeue_seconds=0)
    if approver.waits:
        return decided
    reason = f"waits for approval at checkpoint {number}"
    return replace(decided, actions=(), hooks=(), status=pause(decided.status, reason))


def _answered(requests: UserRequests, number: int, *, approved: bool) -> UserRequests:
    """Return the user requests with an answer to a checkpoint, unless a person has answered meanwhile."""
    if requests.approved >= number or requests.rejects(number):
        return requests
    if approved:
        return requests.approving(number).named(approval_of(number), local_name())
    return requests.rejecting(number).named(rejection_of(number), local_name())
