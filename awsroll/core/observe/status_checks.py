"""EC2's status checks of new servers: a version whose servers fail them is not trusted, whatever a target group says.

A group replaces a member whose status checks are impaired, minutes after they fail. So a rollout that ends before that
would be undone by the group. The checks are read when the rollout is about to trust the new servers: at a checkpoint,
in the bake time, and once all new servers serve.

Whose failure it is (EC2 User Guide, "Status checks for your instances"): an impaired *instance* status may come from
what the version installs or configures, so it is the version's. An impaired *system* status is AWS's host, and impaired
EBS volumes are AWS's too: such a server is replaced, and the rollout continues.
"""

from datetime import timedelta
from typing import assert_never

from awsroll.core.classify.capacity import Capacity
from awsroll.core.classify.view import View
from awsroll.core.model.observation import StatusCheck
from awsroll.core.model.plan import add_failures, add_warnings
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Failure, Owner

KNOWN_AFTER_SECONDS = 300
"""For how long after its launch a server's status checks are waited for. EC2 takes two or three minutes."""

_CAUSES = {
    StatusCheck.INSTANCE_IMPAIRED: "its instance status check is impaired: it has not started well, or has no network",
    StatusCheck.SYSTEM_IMPAIRED: "its system status check is impaired: the host of AWS has failed",
    StatusCheck.VOLUME_IMPAIRED: "the status check of its EBS volumes is impaired",
}


def is_trust_due(view: View, capacity: Capacity) -> bool:
    """Return whether the rollout is about to trust its new servers, so that their status checks must be known."""
    status, gate = view.status, view.status.gate
    if status.mode is not Mode.ROLLING or status.rolling_back or not status.to_check:
        return False
    all_serve = capacity.current_serving >= capacity.goal_current > 0 and not view.candidates
    return all_serve or gate.closed_since is not None or gate.baking_since is not None


def check_status_checks(view: View) -> Status:
    """Note a failure for each new server that serves and whose status checks are impaired."""
    return add_failures(view.status, *_failures(view)) if view.status.mode is Mode.ROLLING else view.status


def _failures(view: View) -> list[Failure]:
    wanted, at = frozenset(view.status.to_check), view.observation.at
    return [
        Failure(instance_id=name, cause=_CAUSES[check], at=at, owner=_owner(check))
        for name, check in view.observation.status_checks or ()
        if name in wanted and check in _CAUSES
    ]


def _owner(check: StatusCheck) -> Owner:
    match check:
        case StatusCheck.SYSTEM_IMPAIRED | StatusCheck.VOLUME_IMPAIRED:
            return Owner.OTHERS
        case StatusCheck.INSTANCE_IMPAIRED | StatusCheck.OK | StatusCheck.UNKNOWN:
            return Owner.VERSION
        case _ as never:
            assert_never(never)


def await_status_checks(view: View, proposals: Proposals) -> Status:
    """Wait until the status checks of the new servers are read and, in a group, known of one of them.

    One good server is enough: what a version breaks, it breaks on each of its servers. A server that EC2 says nothing
    about is waited for until `KNOWN_AFTER_SECONDS` after the first launch. Without a group nothing acts on the checks.
    """
    status, at, seen = view.status, view.observation.at, view.observation.status_checks
    wanted = status.to_check
    if status.rolling_back or not wanted or status.checking_since is None:
        return status
    if seen is None:
        if status.checking_since == at:  # the next observation has them, unless the caller may not read them
            proposals.wait(Reason.VERIFYING, *wanted)
        return status
    checks = {name: check for name, check in seen if name in wanted}
    if view.observation.group is None or StatusCheck.OK in checks.values():
        return status
    launches = [one.launched_at for name in wanted if (one := view.by_id.get(name)) is not None and one.launched_at]
    if not launches or at - min(launches) >= timedelta(seconds=KNOWN_AFTER_SECONDS):
        return add_warnings(status, "EC2 gives no result of the status checks of the new servers; not awaited")
    proposals.wait(Reason.VERIFYING, *wanted)
    return status
