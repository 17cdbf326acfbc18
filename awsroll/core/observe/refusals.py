"""What a failed launch means: whether it may pass by itself, somewhere else or later, or never without a person.

EC2 answers a call with a code; of a launch that a group made by itself there is only the message of its scaling
activity, in prose. Both are judged here and nowhere else. A message that is not known waits for its deadline, like one
that may pass: a wrong "never" would stop a rollout that could have gone on.
"""

from dataclasses import replace

from awsroll.core.classify.view import View
from awsroll.core.model.observation import Group, ScalingFailure
from awsroll.core.model.status import Failure, Status

# Codes of EC2 (and of LaunchInstances' `Errors`) that say: not here, not now.
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

# Parts of a scaling activity's message after which the same template, account and group can never launch: all the
# parts of one entry must be in it, in whatever case.
# Source: Amazon EC2 Auto Scaling User Guide, "Troubleshoot Amazon EC2 Auto Scaling: EC2 instance launch failures" and
# "... load balancer issues". Left out on purpose, because another zone or another hour may do: "We currently do not
# have sufficient ... capacity", "There is no Spot capacity available", "Your requested instance type (...) is not
# supported in your requested Availability Zone".
_DEFINITE: tuple[tuple[str, ...], ...] = (
    ("security group", "does not exist"),
    ("key pair", "does not exist"),
    ("invalid device name",),
    ("for parameter virtualname is invalid",),
    ("requested configuration is currently not supported",),
    ("ebs block device mappings not supported",),
    ("placement groups may not be used with instances of type",),
    ("client.internalerror", "client error on launch"),  # as a rule the key policy of an encrypted volume
    ("instance(s) are already running",),  # the account's quota
    ("more vcpu capacity than your current vcpu limit",),  # the same, counted in vCPUs
    ("your spot request price of",),
    ("one or more target groups not found",),
    ("you are not authorized to use launch template",),  # wording not confirmed by a source
)


def is_definite(message: str) -> bool:
    """Tell whether a failed scaling activity's message says that the launch can never succeed as things are."""
    said = message.casefold()
    return any(all(part in said for part in parts) for parts in _DEFINITE)


def is_short_of_capacity(code: str) -> bool:
    """Tell whether an error code says that there is no room, here or now."""
    return code in NO_CAPACITY


def excuse_failures(view: View, *, owed: bool) -> Status:
    """Keep up to when failed launches of the group say nothing about this rollout.

    Those are the ones from before the group owed us anything, or before it launched what we want: a rollout may well be
    the cure for a template that cannot be launched. AWS's own instants are compared with each other, never with ours.
    """
    group = view.observation.group
    if group is None or not group.launch_failures or (owed and _launches_the_goal(view, group)):
        return view.status
    excused_until = max(failure.at for failure in group.launch_failures)
    return replace(view.status, shortage=replace(view.status.shortage, excused_until=excused_until))


def refused_launches(view: View) -> list[Failure]:
    """Find what the group owes us and has said it can never launch: waiting for a deadline would be in vain."""
    status, group = view.status, view.observation.group
    if group is None or status.shortage.since is None or not _launches_the_goal(view, group):
        return []
    found = [one for one in group.launch_failures if is_definite(one.message) and not _is_excused(status, one)]
    if not found or found[-1] != group.launch_failures[-1]:
        return []  # it has tried again since, with another outcome
    cause = f"the group cannot launch: {found[-1].message}"
    return [Failure(instance_id="", cause=cause, at=view.observation.at)]


def _launches_the_goal(view: View, group: Group) -> bool:
    template = view.rollout.template
    return template is None or (group.template == template and group.version == str(template.number))


def _is_excused(status: Status, failure: ScalingFailure) -> bool:
    since = status.shortage.excused_until
    return failure.at < status.started_at or (since is not None and failure.at <= since)
