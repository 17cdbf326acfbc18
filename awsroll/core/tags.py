"""The names of the tags that awsroll writes, and of the AWS tags that it reads.

A tag is set before the change that it announces, so that `awsroll repair` can find the change after a crash.
"""

from collections.abc import Mapping
from hashlib import sha256

OWN_PREFIX = "awsroll:"
AWS_PREFIX = "aws:"

# On instances, while a rollout works on them.
ROLLOUT_TAG = "awsroll:rollout"
ROLE_TAG = "awsroll:role"
FLEET_TAG = "awsroll:fleet"
TEMPLATE_TAG = "awsroll:template"
REPLACES_TAG = "awsroll:replaces"
REPLACED_TOGETHER_PREFIX = "awsroll:replaces:"
"""Prefix of a tag that servers of one launch call share; the launch index of the first of them follows. Its value lists
the servers that they replace, in the order of their launch indexes, `-` for one that the tag says nothing about."""
KEEP_UNTIL_TAG = "awsroll:keep-until"
"""Until when a failed server is kept for inspection. After that, `awsroll repair` terminates it."""
APP_VERSION_TAG = "awsroll:app-version"

# The values of ROLE_TAG.
RETIRING = "retiring"
RELOADING = "reloading"
REPLACEMENT = "replacement"
KEPT_FAILED = "kept-failed"

# On groups and target groups.
SAVED_SETTING_PREFIX = "awsroll:was:"
"""Prefix of a tag that holds the old value of a setting; the setting's name follows."""
HELD_BY_TAG = "awsroll:held-by"
"""The rollout that holds the fleet, its store, and until when."""

# Of the stages.
STAGES_TAG = "awsroll:stages"
"""On a group: the rollout whose stages work on it, and its phase."""
FINISHED_TAG = "awsroll:finished"
"""The rollout that has finished with the instance: a late call of that rollout leaves the instance in traffic."""
ENDING_TAG = "awsroll:ending"
"""The time of the terminate call for this member. The call has no token, so it is not repeated too early."""
DEREGISTERED_TAG = "awsroll:deregistered"
"""The rollout, and when it deregistered the instance from a Network Load Balancer: new flows arrive for a while."""
PORTS_PREFIX = "awsroll:ports:"
"""Prefix of a tag that holds an instance's ports in one target group; the target group's name follows."""

# Of AWS.
GROUP_TAG = "aws:autoscaling:groupName"
LAUNCH_TEMPLATE_ID_TAG = "aws:ec2launchtemplate:id"
LAUNCH_TEMPLATE_VERSION_TAG = "aws:ec2launchtemplate:version"


def fleet_tag_value(fleet: str) -> str:
    """Return the value of `FLEET_TAG` for the name of a fleet: the name, or its start and a hash if it is too long.

    The name of a standalone fleet joins the names of its target groups. EC2 takes 256 characters (EC2 user guide, tag
    restrictions).
    """
    if len(fleet) <= _LONGEST_VALUE:
        return fleet
    digest = sha256(fleet.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{fleet[: _LONGEST_VALUE - _DIGEST_CHARACTERS - 1]}-{digest}"


_LONGEST_VALUE = 256
_DIGEST_CHARACTERS = 16


# --- what the servers of one launch call replace ----------------------------------------------------------------------

REPLACED_TOGETHER = 12
"""How many servers one tag lists: a value has at most 256 characters."""
_NOTHING = "-"


def replaced_together(replaced: Mapping[int, str]) -> tuple[str, str]:
    """Return the tag for servers of one launch call, from their launch indexes and what each replaces.

    Their indexes are in one run of twelve: from 0, 12, 24 and so on.
    """
    first = min(replaced) // REPLACED_TOGETHER * REPLACED_TOGETHER
    ids = (replaced.get(first + place, _NOTHING) for place in range(max(replaced) - first + 1))
    return f"{REPLACED_TOGETHER_PREFIX}{first}", " ".join(ids)


def with_own_replaced(tags: Mapping[str, str], index: int) -> dict[str, str]:
    """Return the tags of a server, with its own part of a tag that it shares with others of its launch call."""
    own = {key: value for key, value in tags.items() if not key.startswith(REPLACED_TOGETHER_PREFIX)}
    if len(own) == len(tags):
        return own
    first = index // REPLACED_TOGETHER * REPLACED_TOGETHER
    ids = tags.get(f"{REPLACED_TOGETHER_PREFIX}{first}", "").split(" ")
    replaced = ids[index - first] if index - first < len(ids) else ""
    if replaced and replaced != _NOTHING:
        own[REPLACES_TAG] = replaced
    return own
