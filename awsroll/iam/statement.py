"""A statement of a policy, in the form of IAM's JSON."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from awsroll.core.tags import OWN_PREFIX

Statement: TypeAlias = dict[str, Any]
Condition: TypeAlias = Mapping[str, Mapping[str, Any]]
ANYTHING = "*"


def allow(
    sid: str, actions: Iterable[str], resources: Iterable[str] = (ANYTHING,), condition: Condition | None = None
) -> Statement:
    """Return a statement that allows actions on resources."""
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(set(actions)),
        "Resource": sorted(set(resources)),
    }
    return statement if condition is None else statement | {"Condition": condition}


def carries(tag: str, values: Iterable[str]) -> Condition:
    """Return the condition that a resource has a tag with one of these values."""
    return {"StringEquals": {f"aws:ResourceTag/{tag}": sorted(values)}}


def only_own_tags() -> Condition:
    """Return the condition that a request sets or removes only awsroll's own tags."""
    return {"ForAllValues:StringLike": {"aws:TagKeys": [f"{OWN_PREFIX}*"]}}
