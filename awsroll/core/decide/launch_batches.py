"""Joins standalone launches into batches, so that one call of RunInstances launches up to 100 servers.

AWS takes two calls of RunInstances a second, so 1,000 servers would take more than eight minutes of calls. The launches
of a batch have one subnet, one template version, the same registrations, one token, and the tags that all of them need.
Each launch stays a record of its own, for one slot. AWS's answer is the same whenever the call is repeated: the n-th
launch of a batch gets the n-th instance, and the launches beyond the last instance were refused.

A few launches are not worth a batch: AWS takes five calls at once. While EC2 refuses launches, each one is tried on its
own, so that a batch that is too large for a quota or a subnet stops none of the servers that would fit.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace

from awsroll.core.aws_limits import TOGETHER
from awsroll.core.aws_names import client_token
from awsroll.core.classify.view import View
from awsroll.core.model.calls import Launch

LAUNCHED_SINGLY = 5
"""The largest number of launches in one step that are made one by one."""


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
    return tuple(
        replace(
            launch,
            number=first + index,
            token=token,
            batch=len(batch),
            index=index,
            tags=tuple(tag for tag in launch.tags if tag in common),
            own_tags=tuple(tag for tag in launch.tags if tag not in common),
        )
        for index, launch in enumerate(batch)
    )
