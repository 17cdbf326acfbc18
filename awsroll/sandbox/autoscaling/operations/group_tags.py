"""Operations on group tags. PropagateAtLaunch affects later launches, never running instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsroll.sandbox import tag_rules
from awsroll.sandbox.autoscaling.group_state import GroupTag
from awsroll.sandbox.autoscaling.views import describe_tags
from awsroll.sandbox.handler_parts import page, refuse, with_token
from awsroll.sandbox.service_limits import GROUP_PAGES

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters

FIELDS = {
    "auto-scaling-group": "ResourceId",
    "key": "Key",
    "value": "Value",
    "propagate-at-launch": "PropagateAtLaunch",
}


class TagOperations:
    """Handlers of the tag operations.

    Args:
        registry: the groups.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {"CreateOrUpdateTags": self.put, "DeleteTags": self.delete, "DescribeTags": self.describe}

    def put(self, parameters: Parameters) -> Answer:
        """Create tags or change their values, after all groups have been found."""
        tags = parameters.get("Tags") or []
        groups = [self._group(tag) for tag in tags]
        _check(groups, tags)
        for group, tag in zip(groups, tags, strict=True):
            propagate = bool(tag.get("PropagateAtLaunch"))
            group.tags[str(tag["Key"])] = GroupTag(value=str(tag.get("Value") or ""), propagate=propagate)
            self._registry.wake(group)
        return {}

    def delete(self, parameters: Parameters) -> Answer:
        """Delete tags. A value in the request must match; an absent tag is no error."""
        tags = parameters.get("Tags") or []
        for group, tag in zip([self._group(tag) for tag in tags], tags, strict=True):
            existing = group.tags.get(str(tag["Key"]))
            if existing is not None and tag.get("Value") in (None, existing.value):
                del group.tags[str(tag["Key"])]
        return {}

    def describe(self, parameters: Parameters) -> Answer:
        """Return the tags of all groups that match the filters, in pages of 50."""
        filters = parameters.get("Filters") or []
        for tag_filter in filters:
            if tag_filter.get("Name") not in FIELDS:
                refuse(f"Filter {tag_filter.get('Name')} is not valid; use one of {', '.join(FIELDS)}.")
        rows = [row for group in self._registry.groups.values() for row in describe_tags(group)]
        matching = [row for row in rows if all(_matches(row, tag_filter) for tag_filter in filters)]
        shown, token = page(matching, parameters, GROUP_PAGES)
        return with_token({"Tags": shown}, token)

    def _group(self, tag: dict[str, Any]) -> Group:
        return self._registry.group(str(tag.get("ResourceId")))


def _check(groups: list[Group], tags: list[dict[str, Any]]) -> None:
    """Refuse tags that are too long, and more tags than a group can have."""
    keys_of = {group.name: set(group.tags) for group in groups}
    for group, tag in zip(groups, tags, strict=True):
        tag_rules.check_lengths({str(tag["Key"]): str(tag.get("Value") or "")}, tag_rules.refuse_for_load_balancing)
        keys_of[group.name].add(str(tag["Key"]))
    if any(tag_rules.are_too_many(keys) for keys in keys_of.values()):
        refuse(f"The maximum number of tags for an Auto Scaling group is {tag_rules.TAGS_PER_RESOURCE}.")


def _matches(row: dict[str, Any], tag_filter: dict[str, Any]) -> bool:
    value = row[FIELDS[tag_filter["Name"]]]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text in [str(value) for value in tag_filter.get("Values") or []]
