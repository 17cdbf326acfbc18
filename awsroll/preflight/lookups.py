"""Names that people give, looked up: target groups, groups, the account; and the id of a new rollout.

An unknown name is told with those that look like it.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from difflib import get_close_matches

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.errors import AccessRefusedError, AwsError, AwsUnansweredError, NotImplementedByEndpointError
from awsroll.preflight.findings import Findings

_LONGEST_NAME_IN_ID = 28  # so that `awsroll-<id>-<number>` fits a client token of 64 characters
_GROUP_IN_ARN = "autoScalingGroupName/"


def new_rollout_id(fleet: str, now: datetime) -> str:
    """Return an id like `web-20260101-000000-4f2a`."""
    name = re.sub(r"[^a-z0-9]+", "-", fleet.lower()).strip("-")[:_LONGEST_NAME_IN_ID].strip("-")
    return f"{name or 'fleet'}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def group_name(named: str) -> str:
    """Return the name of a group that is given by name or ARN."""
    return named.rpartition(_GROUP_IN_ARN)[2] if named.startswith("arn:") else named


def find_group(aws: Connection, named: str, findings: Findings) -> Reply | None:
    """Look a group up; an unknown one is refused."""
    name = group_name(named)
    described = aws.autoscaling.group(name)
    if described is None:
        hint = _hint(name, aws.autoscaling.group_names)
        findings.refuse(f"there is no Auto Scaling group {name!r} in {aws.region}{hint}: look at --asg and --region")
    return described


def find_target_groups(aws: Connection, named: Sequence[str], findings: Findings) -> dict[str, Reply]:
    """Look target groups up by name or ARN, by ARN; unknown ones are refused."""
    groups: dict[str, Reply] = {}
    for name in named:
        by_arn = name.startswith("arn:")
        described = aws.elbv2.target_group(name) if by_arn else aws.elbv2.target_group_named(name)
        if described is not None:
            groups[described["TargetGroupArn"]] = described
            continue
        hint = (
            "" if by_arn else _hint(name, lambda: [other["TargetGroupName"] for other in aws.elbv2.all_target_groups()])
        )
        findings.refuse(f"there is no target group {name!r} in {aws.region}{hint}: look at --target-group and --region")
    return groups


def _hint(name: str, existing: Callable[[], Sequence[str]]) -> str:
    try:
        close = get_close_matches(name, existing(), n=3)
    except AwsError:
        return ""  # a suggestion is not worth a failure
    return f" (did you mean {', '.join(close)}?)" if close else ""


def account_of(aws: Connection, findings: Findings) -> str:
    """Return the account; where STS cannot be reached (a private network) the rollout goes on without it."""
    try:
        return aws.sts.account()
    except AccessRefusedError:
        raise
    except (AwsUnansweredError, NotImplementedByEndpointError):
        findings.warn("STS could not be asked which account this is; `resume` cannot check that it is the same one")
        return ""
