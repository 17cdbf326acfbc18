"""The lookup of names in a request: target groups, groups, the account; and the id of a new rollout.

An unknown name is reported together with similar names.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.model.rollout import Rollout
from awsroll.errors import AccessRefusedError, AwsError, AwsUnansweredError, NotImplementedByEndpointError
from awsroll.preflight.findings import Findings

_LONGEST_NAME_IN_ID = 28  # so that people can read the id
_GROUP_IN_ARN = "autoScalingGroupName/"


def new_rollout_id(fleet: str, now: datetime) -> str:
    """Return an id like `web-20260101-000000-4f2a`."""
    return f"{id_prefix(fleet)}{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def id_prefix(fleet: str) -> str:
    """Return how the ids of the rollouts of a fleet begin; the date follows."""
    name = re.sub(r"[^a-z0-9]+", "-", fleet.lower()).strip("-")[:_LONGEST_NAME_IN_ID].strip("-")
    return f"{name or 'fleet'}-"


def group_name(named: str) -> str:
    """Return the name of a group from its name or ARN."""
    return named.rpartition(_GROUP_IN_ARN)[2] if named.startswith("arn:") else named


def fleet_option(rollout: Rollout) -> str:
    """Return the option that names the fleet of a rollout, for `awsroll repair`."""
    return f"--asg {rollout.group}" if rollout.group else f"--target-group {next(iter(rollout.target_groups), '')}"


def find_group(aws: Connection, named: str, findings: Findings) -> Reply | None:
    """Return the described group; refuse an unknown name."""
    name = group_name(named)
    described = aws.autoscaling.group(name)
    if described is None:
        hint = similar_names(name, aws.autoscaling.group_names)
        findings.refuse(f"there is no Auto Scaling group {name!r} in {aws.region}{hint}: check --asg and --region")
    return described


def find_target_groups(
    aws: Connection, named: Sequence[str], findings: Findings, *, option: str = "--target-group"
) -> dict[str, Reply]:
    """Return the described target groups by ARN, from their names or ARNs; refuse unknown names."""
    groups: dict[str, Reply] = {}
    listed = aws.elbv2.target_groups_named(named) if named else {}  # the inventory needs the list too
    for name in named:
        by_arn = name.startswith("arn:")
        described = listed.get(name)
        if described is None:
            described = aws.elbv2.target_group(name) if by_arn else aws.elbv2.target_group_named(name)
        if described is not None:
            groups[described["TargetGroupArn"]] = described
            continue
        hint = "" if by_arn else similar_names(name, aws.elbv2.target_group_names)
        findings.refuse(f"there is no target group {name!r} in {aws.region}{hint}: check {option} and --region")
    return groups


def unknown_target_groups(aws: Connection, named: Sequence[str]) -> list[str]:
    """Return the refusals of target groups that do not exist; empty if AWS refuses to tell or does not answer."""
    findings = Findings()
    with suppress(AwsError):
        find_target_groups(aws, named, findings)
    return findings.refusals()


def unknown_names(named: Sequence[str], found: Mapping[str, Reply]) -> list[str]:
    """Return the names and ARNs of target groups that were not found."""
    known = {*found, *(group["TargetGroupName"] for group in found.values())}
    return [name for name in named if name not in known]


def similar_names(name: str, existing: Callable[[], Sequence[str]]) -> str:
    """Return the existing names that are similar to a wrong one, as an addition to a refusal; empty if there are none.

    Args:
        name: the wrong name.
        existing: reads the existing names. If AWS refuses that, there is no addition.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - slow to import, and only for a wrong name

    try:
        close = get_close_matches(name, existing(), n=3)
    except AwsError:
        return ""  # without similar names the refusal is still complete
    return f" (did you mean {', '.join(close)}?)" if close else ""


def account_of(aws: Connection, findings: Findings) -> str:
    """Return the account; empty with a warning if STS cannot be reached, as in a private network."""
    try:
        return aws.sts.account()
    except AccessRefusedError:
        raise
    except (AwsUnansweredError, NotImplementedByEndpointError):
        findings.warn_unchecked(
            "awsroll could not read the account from STS, so `resume` cannot check that it is the same account"
        )
        return ""
