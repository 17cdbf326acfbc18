"""Judges failed launches: whether a retry, later or in another zone, can succeed.

EC2 answers a call with a code. For a launch that a group makes by itself there is only the text of its scaling
activity. Only this module judges both. A launch with an unknown message is retried until its deadline: a wrong verdict
would stop a rollout that could succeed.
"""

from dataclasses import replace

from awsroll.core.classify.view import View
from awsroll.core.model.observation import Group, ScalingFailure
from awsroll.core.model.status import Failure, Status

# Codes of EC2 (and of LaunchInstances' `Errors`) for a lack of capacity in this zone, now.
# Source: EC2 API reference, "Error codes for the Amazon EC2 API".
NO_CAPACITY = frozenset({
    "InsufficientAddressCapacity",
    "InsufficientCapacity",
    "InsufficientFreeAddressesInSubnet",
    "InsufficientHostCapacity",
    "InsufficientInstanceCapacity",
    "InsufficientReservedInstanceCapacity",
    "ReservationCapacityExceeded",
    "SpotMaxPriceTooLow",
    "UnfulfillableCapacity",
})  # fmt: skip

# Parts of scaling activity messages that rule out every retry with the same template, account and group. All parts of
# one entry must occur in the message; case does not matter.
# Source: Amazon EC2 Auto Scaling User Guide, "Troubleshoot Amazon EC2 Auto Scaling: EC2 instance launch failures" and
# "... load balancer issues". Left out on purpose, because a retry in another zone or later may succeed: "We currently
# do not have sufficient ... capacity", "There is no Spot capacity available", "Your requested instance type (...) is
# not supported in your requested Availability Zone".
_DEFINITE: tuple[tuple[str, ...], ...] = (
    ("security group", "does not exist"),
    ("key pair", "does not exist"),
    ("invalid device name",),
    ("for parameter virtualname is invalid",),
    ("requested configuration is currently not supported",),
    ("ebs block device mappings not supported",),
    ("placement groups may not be used with instances of type",),
    ("client.internalerror", "client error on launch"),  # usually the key policy of an encrypted volume
    ("instance(s) are already running",),  # the account's quota
    ("more vcpu capacity than your current vcpu limit",),  # the same, counted in vCPUs
    ("your spot request price of",),
    ("one or more target groups not found",),
    ("you are not authorized to use launch template",),  # wording not confirmed by a source
)


def is_definite(message: str) -> bool:
    """Return whether the message of a failed scaling activity rules out that a retry succeeds."""
    text = message.casefold()
    return any(all(part in text for part in parts) for parts in _DEFINITE)


def is_short_of_capacity(code: str) -> bool:
    """Return whether an error code means a lack of capacity in this zone, now."""
    return code in NO_CAPACITY


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
    """Return a failure if the last launch of the group failed in a way that rules out every retry."""
    status, group = view.status, view.observation.group
    if group is None or status.shortage.since is None or not _launches_target(view, group):
        return []
    counted = [failure for failure in group.launch_failures if not _is_excused(status, failure)]
    definite = [failure for failure in counted if is_definite(failure.message)]
    if not definite or definite[-1] != group.launch_failures[-1]:
        return []  # a later attempt failed for another reason
    cause = f"the group cannot launch: {definite[-1].message}"
    return [Failure(instance_id="", cause=cause, at=view.observation.at)]


def _launches_target(view: View, group: Group) -> bool:
    template = view.rollout.template
    return template is None or (group.template == template and group.version == str(template.number))


def _is_excused(status: Status, failure: ScalingFailure) -> bool:
    since = status.shortage.excused_until
    return failure.at < status.started_at or (since is not None and failure.at <= since)
