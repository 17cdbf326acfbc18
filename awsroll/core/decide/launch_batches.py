"""Joins standalone launches into batches, so that one call of RunInstances launches up to 100 servers.

AWS takes two calls of RunInstances a second, so 1,000 servers would take more than eight minutes of calls. The launches
of a batch have one subnet, one template version, the same registrations, one token, and the tags that all of them need.
Each launch stays a record of its own, for one slot. AWS's answer is the same whenever the call is repeated: the n-th
launch of a batch gets the n-th instance, and the launches beyond the last instance were refused.

The tags that tell what each server replaces are set by the call too, if they are few: one tag lists twelve servers.

A few launches are not worth a batch: AWS takes five calls at once. While EC2 refuses launches, each one is tried on its
own, so that a batch that is too large for a quota or a subnet stops none of the servers that would fit.
"""

from collections.abc import Hashable, Sequence, Set as AbstractSet

from awsroll.core.aws_limits import TAGS_PER_RESOURCE, TOGETHER
from awsroll.core.aws_names import client_token
from awsroll.core.classify.view import View
from awsroll.core.model.calls import Launch
from awsroll.core.model.replacing import replace
from awsroll.core.tags import REPLACED_TOGETHER, REPLACES_TAG, replaced_together

Tag = tuple[str, str]
LAUNCHED_SINGLY = 5
"""The largest number of launches in one step that are made one by one."""
_LISTS = 4
"""The most tags that list what the servers of a call replace: all servers of the call get all of them."""


def in_calls(view: View, launches: Sequence[Launch]) -> tuple[tuple[Launch, ...], ...]:
    """Return launches without numbers and tokens in groups: each group is one call."""
    status = view.status
    one_by_one = len(launches) <= LAUNCHED_SINGLY or status.shortage.since is not None or status.tags_denied
    if one_by_one:
        return tuple((launch,) for launch in launches)
    alike: dict[Hashable, list[Launch]] = {}
    for launch in launches:
        alike.setdefault((launch.zone, launch.subnet_id, launch.template, launch.targets), []).append(launch)
    return tuple(
        tuple(group[start : start + TOGETHER]) for group in alike.values() for start in range(0, len(group), TOGETHER)
    )


def numbered(view: View, batch: Sequence[Launch], first: int) -> tuple[Launch, ...]:
    """Return the launches of a batch with their numbers, from `first`, and the token and tags of its call."""
    token = client_token(view.rollout.rollout_id, first, batch[0].zone)
    common = set(batch[0].tags).intersection(*(launch.tags for launch in batch))
    lists = _replaced_by(view, batch, common)
    return tuple(
        replace(
            launch,
            number=first + index,
            token=token,
            batch=len(batch),
            index=index,
            tags=(*(tag for tag in launch.tags if tag in common), *lists),
            own_tags=() if lists else tuple(tag for tag in launch.tags if tag not in common),
        )
        for index, launch in enumerate(batch)
    )


def _replaced_by(view: View, batch: Sequence[Launch], common: AbstractSet[Tag]) -> tuple[Tag, ...]:
    """Return the tags for all servers of a call that list what they replace.

    There are none if they would be too many, or if each server needs other tags of its own: a later call sets those.
    """
    others = {key for launch in batch for key, value in launch.tags if (key, value) not in common} - {REPLACES_TAG}
    runs = range(0, len(batch), REPLACED_TOGETHER)
    keys = {key for key, _ in common}.union(view.rollout.goal_tags)
    if len(batch) == 1 or others or len(runs) > _LISTS or len(keys) + len(runs) > TAGS_PER_RESOURCE:
        return ()
    replaced = {index: launch.replaces for index, launch in enumerate(batch)}
    return tuple(
        replaced_together({index: name for index, name in replaced.items() if index // REPLACED_TOGETHER == number})
        for number in range(len(runs))
    )
