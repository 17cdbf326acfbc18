"""Slots and tags of replacements: the same rules for the engine and the stages.

A replacement gets the zone, subnet, registrations and user tags of the server that it replaces, and awsroll's own tags.
It does not get tags that came with a launch template version: its own template sets those.
"""

from collections.abc import Iterable

from awsroll.core.model.observation import Instance, TargetKey, TemplateVersion
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.server_record import Slots
from awsroll.core.tags import (
    AWS_PREFIX,
    FLEET_TAG,
    OWN_PREFIX,
    REPLACEMENT,
    REPLACES_TAG,
    ROLE_TAG,
    ROLLOUT_TAG,
    TEMPLATE_TAG,
    fleet_tag_value,
)

Tag = tuple[str, str]


def slot_of(instance: Instance, targets: Iterable[TargetKey]) -> Slots:
    """Return what a replacement of the instance is given: its zone, its subnet and these registrations."""
    return Slots(
        zone=instance.zone,
        subnet_id=instance.subnet_id,
        targets=tuple(sorted(targets)),
        instance_ids=(),
        template=instance.template,
    )


def owner_tags(rollout: Rollout, role: str) -> tuple[Tag, ...]:
    """Return the tags that assign an instance to a rollout, set before anything is done to it."""
    return ((ROLLOUT_TAG, rollout.rollout_id), (ROLE_TAG, role), (FLEET_TAG, fleet_tag_value(rollout.fleet)))


def replacement_tags(
    rollout: Rollout, tags: Iterable[Tag], *, replaces: str, template: TemplateVersion | None
) -> tuple[Tag, ...]:
    """Return the tags of a replacement.

    Args:
        rollout: the rollout, with the tags that its templates set.
        tags: the tags of the server that is replaced.
        replaces: the id of that server.
        template: what the replacement is launched from.
    """
    users = tuple(tag for tag in tags if is_users_tag(rollout, tag))
    own = (*owner_tags(rollout, REPLACEMENT), (TEMPLATE_TAG, str(template)), (REPLACES_TAG, replaces))
    return (*users, *own)


def is_users_tag(rollout: Rollout, tag: Tag) -> bool:
    """Return whether a tag is the user's: not AWS's, not awsroll's, and not one that a launch template version sets."""
    key = tag[0]
    of_template = key in rollout.goal_tags or tag in rollout.baseline_tags
    return not of_template and not key.startswith((OWN_PREFIX, AWS_PREFIX))
