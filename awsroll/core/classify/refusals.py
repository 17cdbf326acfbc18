"""The meaning of a refused launch: never, not here, not yet, or not permitted. The only table of AWS's words for it.

EC2 answers a call with a code and a message. For a launch that a group makes by itself, there is only the message of
its scaling activity. Both are judged here, by the same rules.

Sources: EC2 API reference, "Error codes for the Amazon EC2 API"; Amazon EC2 Auto Scaling User Guide, "Troubleshoot
Amazon EC2 Auto Scaling" (instance launch failures, AMI issues, load balancer issues, launch templates); EC2 API
reference, `StateReason`.
"""

from datetime import timedelta
from enum import StrEnum


class Refusal(StrEnum):
    """What a refusal says about the next attempt with the same template, account and group."""

    NEVER = "never"  # no later attempt and no other zone can succeed: fail at once, in AWS's words
    NOT_HERE = "not here"  # another zone may succeed at once, this zone later
    NOT_YET = "not yet"  # the same attempt may succeed later: try again until the launch deadline
    NOT_PERMITTED = "not permitted"  # a permission is missing: a person must act, or another call must do


_PROPAGATION = timedelta(seconds=45)  # IAM user guide, "Changes that I make are not always immediately visible"
_PERMISSIONS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedAccess", "UnauthorizedOperation"})

# A lack of capacity or of addresses in this zone. Codes that begin with "Insufficient" belong here, too.
_NO_CAPACITY = frozenset({"ReservationCapacityExceeded", "SpotMaxPriceTooLow", "UnfulfillableCapacity"})
_NO_CAPACITY_PREFIX = "Insufficient"

# What a server of the fleet may hold, so that its end frees it. A host and a reservation have messages of their own.
_HELD_BY_SERVERS = frozenset({
    "InsufficientCapacityOnHost",
    "InsufficientFreeAddressesInSubnet",
    "InsufficientHostCapacity",
    "ReservationCapacityExceeded",
})  # fmt: skip
_HELD_BY_SERVERS_MESSAGES = (
    ("capacity reservation", "sufficient"),
    ("host", "sufficient"),
    ("free addresses",),
    ("in use",),
)

# A quota of the account. It is "not yet" while an instance of ours that counts is not terminated, else "never".
_QUOTA_SUFFIXES = ("LimitExceeded", "CountExceeded")
_NO_QUOTAS = frozenset({
    "PrivateIpAddressLimitExceeded",  # of the instance type
    "RequestLimitExceeded",
    "SecurityGroupsPerInstanceLimitExceeded",
    "SecurityGroupsPerInterfaceLimitExceeded",
    "TagLimitExceeded",
})  # fmt: skip

# A resource that the template names is still in use, or not ready.
_NOT_YET_SUFFIXES = ("InUse", ".Pending", "AlreadyAssociated", "IncorrectState", "IncorrectInstanceState")

_NEVER = frozenset({
    "AuthFailure",  # "Not authorized for images": the owner of the image does not share it
    "Blocked",
    "InstanceAlreadyLinked",
    "MalformedQueryString",
    "OptInRequired",  # an AWS Marketplace product without a subscription
    "PrivateIpAddressLimitExceeded",
    "TagLimitExceeded",
    "TagPolicyViolation",
    "UnknownParameter",
    "UnknownVolumeType.Unsupported",
})  # fmt: skip
_NEVER_PREFIXES = ("Invalid", "Malformed", "Missing", "SecurityGroupsPer", "Unsupported")
_NEVER_SUFFIXES = (".NotFound", ".Malformed", ".Unknown")

# Parts of messages. All parts of one entry must occur; case does not matter. The first entry that fits decides, so
# "not here" and "not yet" come first. An unknown message says nothing, and the next attempt may succeed.
_MESSAGES: tuple[tuple[Refusal, tuple[str, ...]], ...] = (
    (Refusal.NOT_HERE, ("not supported in your requested availability zone",)),
    (Refusal.NOT_HERE, ("requested availability zone is no longer supported",)),
    (Refusal.NOT_HERE, ("availability zone", "constrained")),
    (Refusal.NOT_HERE, ("does not have sufficient", "capacity")),  # a capacity reservation or a host
    (Refusal.NOT_HERE, ("do not have sufficient", "capacity")),
    (Refusal.NOT_HERE, ("no spot capacity available",)),
    (Refusal.NOT_HERE, ("insufficient capacity",)),
    (Refusal.NOT_HERE, ("insufficient free addresses",)),
    (Refusal.NOT_HERE, ("not enough free addresses",)),
    (Refusal.NOT_YET, ("in use",)),
    (Refusal.NOT_YET, ("is pending",)),
    (Refusal.NEVER, ("security group", "does not exist")),
    (Refusal.NEVER, ("key pair", "does not exist")),
    (Refusal.NEVER, ("image id", "does not exist")),
    (Refusal.NEVER, ("ami id", "does not exist")),
    (Refusal.NEVER, ("ami", "is no longer available")),
    (Refusal.NEVER, ("snapshot", "does not exist")),
    (Refusal.NEVER, ("subnet id", "does not exist")),
    (Refusal.NEVER, ("launch template", "does not exist")),
    (Refusal.NEVER, ("must use a valid fully-formed launch template",)),
    (Refusal.NEVER, ("invalid iam instance profile",)),
    (Refusal.NEVER, ("architecture", "does not match")),
    (Refusal.NEVER, ("virtualization type", "not supported")),
    (Refusal.NEVER, ("not authorized for images",)),
    (Refusal.NEVER, ("kms key", "state")),
    (Refusal.NEVER, ("kms key", "does not exist")),
    (Refusal.NEVER, ("invalidkmskey",)),
    (Refusal.NEVER, ("accept terms and subscribe",)),
    (Refusal.NEVER, ("account is currently blocked",)),
    (Refusal.NEVER, ("invalid device name",)),
    (Refusal.NEVER, ("for parameter", "is invalid")),
    (Refusal.NEVER, ("requested configuration is currently not supported",)),
    (Refusal.NEVER, ("marketplace product", "not supported")),
    (Refusal.NEVER, ("elastic network adapter", "is required")),
    (Refusal.NEVER, ("is smaller than snapshot",)),
    (Refusal.NEVER, ("cannot be used with the parameter",)),
    (Refusal.NEVER, ("request must contain the parameter",)),
    (Refusal.NEVER, ("reserved for internal use",)),  # a tag of the template that begins with aws:
    (Refusal.NEVER, ("ebs block device mappings not supported",)),
    (Refusal.NEVER, ("placement groups may not be used with instances of type",)),
    (Refusal.NEVER, ("client.internalerror", "client error on launch")),  # often a key policy
    (Refusal.NEVER, ("your spot request price of",)),
    (Refusal.NEVER, ("one or more target groups not found",)),
    (Refusal.NEVER, ("cannot find load balancer",)),
    (Refusal.NEVER, ("no active load balancer",)),
    (Refusal.NEVER, ("not authorized to use launch template",)),  # wording not confirmed by a source
    (Refusal.NEVER, ("not authorized to perform",)),  # in an activity: the group's service-linked role
)  # fmt: skip
_QUOTA_MESSAGES = (
    ("instance(s) are already running",),
    ("more vcpu capacity than your current vcpu limit",),
    ("more instances", "than your current instance limit"),
    ("your quota allows for",),
    ("max spot instance count exceeded",),
    ("maximum number of addresses has been reached",),
    ("limit", "exceeded"),
)


def refusal_of(code: str, message: str, *, frees_quota: bool = False) -> Refusal:
    """Return what a refused launch says about the next attempt.

    An unknown refusal is "not yet": the launch deadline ends the attempts, and a wrong "never" would stop a rollout
    that could succeed.

    Args:
        code: the code of EC2 or Auto Scaling; empty for a scaling activity.
        message: the message of the answer or of the scaling activity.
        frees_quota: an instance of the rollout is on its way out, so that its share of a quota becomes free.
    """
    if code in _PERMISSIONS:
        return Refusal.NOT_PERMITTED
    if _is_quota(code, message):
        return Refusal.NOT_YET if frees_quota else Refusal.NEVER
    by_code = _by_code(code)
    by_message = _by_message(message)
    # The message is more precise: `Unsupported` may mean one zone, `InvalidAMIID.Unavailable` a pending image.
    return by_message or by_code or Refusal.NOT_YET


def is_short_of_capacity(code: str) -> bool:
    """Return whether an error code means a lack of capacity in this zone, now."""
    return code in _NO_CAPACITY or code.startswith(_NO_CAPACITY_PREFIX)


def may_appear(message: str, waited: timedelta | None) -> bool:
    """Return whether what a refusal misses may exist already: IAM shows a new instance profile to EC2 with a delay.

    Args:
        message: the message of the refusal.
        waited: since when a launch has been refused; None for the first refusal.
    """
    return _holds(message, ("iam instance profile",)) and (waited is None or waited < _PROPAGATION)


def is_about_image(message: str) -> bool:
    """Return whether a refusal is about the image of a launch, and not about the caller's credentials."""
    return _holds(message, ("not authorized for images",)) or _holds(message, ("accept terms and subscribe",))


def is_template_missing(code: str, message: str) -> bool:
    """Return whether a call was refused because its launch template, or the version of it, does not exist."""
    missing = (("launch template", "does not exist"), ("must use a valid fully-formed launch template",))
    return code.startswith("InvalidLaunchTemplate") or any(_holds(message, parts) for parts in missing)


def frees_what_is_missing(code: str, message: str) -> bool:
    """Return whether the end of a drained server may give a launch what it lacks.

    A quota, an address, an interface, a dedicated host or a capacity reservation becomes free. The capacity of a zone
    does not: AWS gives it to the next caller.
    """
    if _is_quota(code, message) or code.endswith(_NOT_YET_SUFFIXES) or code in _HELD_BY_SERVERS:
        return True
    return any(_holds(message, parts) for parts in _HELD_BY_SERVERS_MESSAGES)


def is_not_offered(code: str, message: str) -> bool:
    """Return whether a zone does not offer the instance type. Waiting does not change that."""
    return not is_short_of_capacity(code) and _by_message(message) is Refusal.NOT_HERE and "not supported" in message


def _is_quota(code: str, message: str) -> bool:
    if code.endswith(_QUOTA_SUFFIXES) and code not in _NO_QUOTAS:
        return True
    return not code and any(_holds(message, parts) for parts in _QUOTA_MESSAGES)


def _by_code(code: str) -> Refusal | None:
    if is_short_of_capacity(code):
        return Refusal.NOT_HERE
    if code.endswith(_NOT_YET_SUFFIXES):
        return Refusal.NOT_YET
    if code in _NEVER or code.startswith(_NEVER_PREFIXES) or code.endswith(_NEVER_SUFFIXES):
        return Refusal.NEVER
    return None


def _by_message(message: str) -> Refusal | None:
    return next((refusal for refusal, parts in _MESSAGES if _holds(message, parts)), None)


def _holds(message: str, parts: tuple[str, ...]) -> bool:
    text = message.casefold()
    return all(part in text for part in parts)
