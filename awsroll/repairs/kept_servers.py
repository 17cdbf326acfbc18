"""Failed servers that rollouts have kept for inspection (`--keep-failed`): until when, and their end after that.

Tags on the servers say until when they are kept. Anyone with `ec2:CreateTags` can set these tags. So a server is
terminated without a person's confirmation only if a record of the store names it, too. A server that is a member of a
group, or registered in a target group of the fleet, is back in use: it is never a finding.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from awsroll.aws.caller import Reply
from awsroll.aws.parse_answers import read_instance, tags_of
from awsroll.core.model.observation import InstanceState
from awsroll.core.model.rollout import Rollout
from awsroll.core.repair.leftovers import KEPT_FAILED, Leftover
from awsroll.core.tags import FLEET_TAG, KEEP_UNTIL_TAG, ROLLOUT_TAG, fleet_tag_value
from awsroll.driver.session import Session
from awsroll.errors import AwsError
from awsroll.repairs.repair_findings import confirmed_by_id

_LIVING = (InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING, InstanceState.STOPPED)


def kept_servers(session: Session, rollout: Rollout) -> tuple[Leftover, ...]:
    """Return a finding for each failed server of the fleet that is kept for inspection."""
    aws = session.aws
    tagged = aws.ec2.instances_tagged(FLEET_TAG, fleet_tag_value(rollout.fleet))
    kept = {one["InstanceId"]: one for one in tagged if KEEP_UNTIL_TAG in tags_of(one) and _lives(one)}
    if not kept:
        return ()
    used = _in_use(session, rollout, kept)
    known = _known(session, rollout)
    now = aws.now()
    findings = (_finding(kept[name], now) for name in sorted(kept.keys() - used))
    return tuple(
        confirmed_by_id(found) if found.acts and found.about not in known else found
        for found in findings
        if found is not None
    )


def terminate_expired(
    session: Session, rollout: Rollout, found: Iterable[Leftover], confirmed: Collection[str]
) -> tuple[str, ...]:
    """Terminate the servers whose time is over, after a last check; return what AWS refused, one line each."""
    wanted = {each.about for each in found if _is_expired(each) and (not each.confirm_by_id or each.about in confirmed)}
    still = {each.about for each in kept_servers(session, rollout) if _is_expired(each)} if wanted else set[str]()
    problems = []
    for name in sorted(wanted & still):
        try:
            session.aws.ec2.terminate_instance(name)
        except AwsError as error:
            problems.append(f"{name} was not terminated: {error}")
    return tuple(problems)


def _is_expired(leftover: Leftover) -> bool:
    return leftover.what == KEPT_FAILED and leftover.acts


def _lives(described: Reply) -> bool:
    return read_instance(described).state in _LIVING


def _in_use(session: Session, rollout: Rollout, kept: Iterable[str]) -> set[str]:
    """Return the servers that a group has taken up, or that are registered in a target group of the fleet."""
    names = sorted(kept)
    used = set(session.aws.autoscaling.memberships(names))
    existing = session.aws.elbv2.existing_target_groups(rollout.target_groups)
    for group in existing:
        health = session.aws.elbv2.target_health(group["TargetGroupArn"])
        used |= {each["Target"]["Id"] for each in health} & set(names)
    return used


def _known(session: Session, rollout: Rollout) -> set[str]:
    """Return the servers that records of this store have kept for inspection."""
    records = (record for record in session.store.list() if record.rollout.fleet == rollout.fleet)
    return {kept.instance_id for record in records for kept in record.status.kept_failed}


def _finding(described: Reply, now: datetime) -> Leftover | None:
    name, tags = described["InstanceId"], tags_of(described)
    try:
        until = datetime.fromisoformat(tags[KEEP_UNTIL_TAG])
    except ValueError:
        return None  # no rollout writes such a value
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    shown = f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    found = f"{name} failed in rollout {tags.get(ROLLOUT_TAG, 'unknown')} and is kept for inspection until {shown}"
    if now >= until:
        return Leftover(what=KEPT_FAILED, about=name, found=found, remedy="that time is over, so it is terminated")
    remedy = f"not changed until then; to end it now, run `aws ec2 terminate-instances --instance-ids {name}`"
    return Leftover(what=KEPT_FAILED, about=name, found=found, remedy=remedy, acts=False)
