"""What a stage writes on instances, so that the next call, or the next stage, knows what was done. Tags as values.

There is no record: what AWS shows, and these tags, are all that a stage goes by. Each is set before the effect that it
announces. Those that `awsroll repair` knows are the engine's own.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256

from awsroll.core.classify.placement import owner_tags
from awsroll.core.model.observation import Instance, TargetKey
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import ENDING_TAG, FINISHED_TAG, PORTS_PREFIX, RETIRING

_INSTANT = "%Y%m%dT%H%M%SZ"


def taken_out(rollout: Rollout, keys: Iterable[TargetKey] = ()) -> dict[str, str]:
    """Return the tags of an instance that is taken out of traffic, with where it is registered until then."""
    return dict(owner_tags(rollout, RETIRING)) | ports(rollout.rollout_id, keys)


def is_taken_out(rollout: Rollout, one: Instance) -> bool:
    """Tell whether this very rollout has taken the instance out."""
    return one.rollout == rollout.rollout_id and one.role == RETIRING


def is_finished(rollout: Rollout, one: Instance) -> bool:
    """Tell whether this rollout is done with the instance, for good."""
    return (FINISHED_TAG, rollout.rollout_id) in one.tags


def ports(rollout_id: str, keys: Iterable[TargetKey]) -> dict[str, str]:
    """Return tags that say where an instance belongs: one for each target group, with the ports."""
    by_group: dict[str, list[int]] = {}
    for key in sorted(set(keys)):
        by_group.setdefault(key.target_group, []).append(key.port)
    return {_key(arn): f"{rollout_id} {'+'.join(map(str, numbers))}" for arn, numbers in by_group.items()}


def registered_at(one: Instance, arns: Iterable[str]) -> tuple[TargetKey, ...]:
    """Return where the rollout that has the instance in hand found it registered, or will register it."""
    tags, found = dict(one.tags), list[TargetKey]()
    for arn in arns:
        owner, _, numbers = tags.get(_key(arn), "").partition(" ")
        if one.rollout and owner == one.rollout:
            found += [TargetKey(target_group=arn, port=int(port)) for port in numbers.split("+") if port.isdigit()]
    return tuple(sorted(found))


def missing(one: Instance, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return which of the tags the instance does not carry yet."""
    tags = dict(one.tags)
    return {key: value for key, value in wanted.items() if tags.get(key) != value}


def instant(at: datetime) -> str:
    """Return an instant as a tag holds it."""
    return at.astimezone(UTC).strftime(_INSTANT)


def asked_to_end_at(one: Instance) -> datetime | None:
    """Return when the group was last asked to end this member; None if it never was."""
    try:
        return datetime.strptime(dict(one.tags).get(ENDING_TAG, ""), _INSTANT).replace(tzinfo=UTC)
    except ValueError:
        return None


def client_token(rollout_id: str, predecessor: str) -> str:
    """Return the token of a replacement's launch: the same for the same rollout and old instance."""
    return "awsroll-" + sha256(f"{rollout_id}/{predecessor}".encode()).hexdigest()[:40]


def _key(arn: str) -> str:
    """Name the tag: a slash is not allowed in a key that the instance's own metadata shows."""
    return PORTS_PREFIX + arn.rpartition(":targetgroup/")[2].replace("/", ".")
