"""The tags that stages write on instances, so that the next call or stage knows what was done.

Stages keep no record: they rely on what AWS shows and on these tags. Each tag is set before the effect that it
announces. Tags that `awsroll repair` knows are the engine's own.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from awsroll.core.classify.replacement import owner_tags
from awsroll.core.model.observation import Instance, TargetKey
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import DEREGISTERED_TAG, ENDING_TAG, FINISHED_TAG, PORTS_PREFIX, RETIRING

_INSTANT = "%Y%m%dT%H%M%SZ"


def retiring_tags(rollout: Rollout, keys: Iterable[TargetKey] = ()) -> dict[str, str]:
    """Return the tags of an instance that is taken out of traffic, with its registrations."""
    return dict(owner_tags(rollout, RETIRING)) | port_tags(rollout.rollout_id, keys)


def is_taken_out(rollout: Rollout, instance: Instance) -> bool:
    """Return whether this rollout has taken the instance out of traffic."""
    return instance.rollout == rollout.rollout_id and instance.role == RETIRING


def is_finished(rollout: Rollout, instance: Instance) -> bool:
    """Return whether this rollout has finished with the instance."""
    return (FINISHED_TAG, rollout.rollout_id) in instance.tags


def port_tags(rollout_id: str, keys: Iterable[TargetKey]) -> dict[str, str]:
    """Return tags that hold the registrations of an instance: one for each target group, with the ports."""
    by_group: dict[str, list[int]] = {}
    for key in sorted(set(keys)):
        by_group.setdefault(key.target_group, []).append(key.port)
    return {_ports_key(arn): f"{rollout_id} {'+'.join(map(str, ports))}" for arn, ports in by_group.items()}


def registered_at(instance: Instance, arns: Iterable[str]) -> tuple[TargetKey, ...]:
    """Return the registrations in the tags of an instance, if the rollout that works on the instance wrote them."""
    tags, keys = dict(instance.tags), list[TargetKey]()
    for arn in arns:
        owner, _, ports = tags.get(_ports_key(arn), "").partition(" ")
        if instance.rollout and owner == instance.rollout:
            keys += [TargetKey(target_group=arn, port=int(port)) for port in ports.split("+") if port.isdigit()]
    return tuple(sorted(keys))


def deregistered_tag(rollout_id: str, at: datetime) -> dict[str, str]:
    """Return the tag that says when an instance is deregistered from a Network Load Balancer."""
    return {DEREGISTERED_TAG: f"{rollout_id} {format_instant(at)}"}


def deregistered_at(instance: Instance) -> datetime | None:
    """Return when its rollout deregistered an instance from a Network Load Balancer; None if it did not."""
    owner, _, instant = dict(instance.tags).get(DEREGISTERED_TAG, "").partition(" ")
    return _parse_instant(instant) if instance.rollout and owner == instance.rollout else None


def missing_tags(instance: Instance, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return those of the tags that the instance does not carry yet."""
    tags = dict(instance.tags)
    return {key: value for key, value in wanted.items() if tags.get(key) != value}


def format_instant(at: datetime) -> str:
    """Return an instant in the format of a tag."""
    return at.astimezone(UTC).strftime(_INSTANT)


def termination_requested_at(instance: Instance) -> datetime | None:
    """Return when the group was last asked to terminate this member; None if it never was."""
    return _parse_instant(dict(instance.tags).get(ENDING_TAG, ""))


def _parse_instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)
    except ValueError:
        return None


def _ports_key(arn: str) -> str:
    """Return the key of a tag. A key that instance metadata shows may not contain a slash."""
    return PORTS_PREFIX + arn.rpartition(":targetgroup/")[2].replace("/", ".")
