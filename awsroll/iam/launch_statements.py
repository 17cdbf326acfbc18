"""What launching and terminating take.

A standalone fleet's servers are launched by whoever calls. A group launches its own, but two calls on it are checked as
if the caller did: UpdateAutoScalingGroup with a numbered template version, and LaunchInstances.
"""

from collections.abc import Sequence

from awsroll.iam.fleet_statements import marked
from awsroll.iam.policy_request import Asked
from awsroll.iam.statement import Statement, allow

_OF_THE_ACCOUNT = (
    "capacity-reservation",
    "instance",
    "key-pair",
    "network-interface",
    "placement-group",
    "security-group",
    "subnet",
    "volume",
)
_OF_NO_ACCOUNT = ("image", "snapshot")
_OF_A_FLEET = ("fleet", "instance", "placement-group", "subnet", "volume")
_TAGGED_AT_LAUNCH = ("fleet", "instance", "network-interface", "spot-instances-request", "volume")
_CHINA = "aws-cn"


def launching(asked: Asked) -> list[Statement]:
    """Return what launching takes; a reload launches nothing, and the stages let a group launch by itself."""
    if asked.rollouts.reloads or (asked.rollouts.stages and asked.grouped):
        return []
    by_fleet = asked.grouped and asked.rollouts.may_surge
    found = [_run(asked), *([_create_fleet(asked)] if by_fleet else []), _tag(asked, by_fleet=by_fleet)]
    if asked.rollouts.roles:
        services = ["ec2.amazonaws.com"] + (["ec2.amazonaws.com.cn"] if asked.place.partition == _CHINA else [])
        condition = {"StringEquals": {"iam:PassedToService": services}}
        found.append(allow("PassInstanceRole", ["iam:PassRole"], asked.rollouts.roles, condition))
    if asked.rollouts.image_parameters:
        arns = [_parameter(asked, one) for one in asked.rollouts.image_parameters]
        found.append(allow("FindImage", ["ssm:GetParameters"], arns))
    return found


def terminating(asked: Asked) -> list[Statement]:
    """Return what terminating takes: only servers that were marked before. A group terminates its own."""
    if asked.grouped or asked.rollouts.reloads:
        return []
    instances = [asked.place.arn("ec2", "instance/*")]
    return [allow("TerminateMarkedServers", ["ec2:TerminateInstances"], instances, marked(asked))]


def _run(asked: Asked) -> Statement:
    """Allow launches from these templates alone: all that is not theirs is what the request must name besides."""
    templates = _templates(asked)
    arns = [*templates, *_owned(asked, _OF_THE_ACCOUNT), *_public(asked, _OF_NO_ACCOUNT)]
    condition = {"ArnLike": {"ec2:LaunchTemplate": templates}}
    return allow("LaunchFromTemplate", ["ec2:RunInstances"], arns, condition)


def _create_fleet(asked: Asked) -> Statement:
    arns = [*_templates(asked), *_owned(asked, _OF_A_FLEET), *_public(asked, ("image",))]
    return allow("LaunchInGroup", ["ec2:CreateFleet"], arns)


def _tag(asked: Asked, *, by_fleet: bool) -> Statement:
    """Allow tags on what is just being launched: ours, those that are copied, and those of the template."""
    kinds = [one for one in _TAGGED_AT_LAUNCH if by_fleet or one != "fleet"]
    calls = ["CreateFleet", "RunInstances"] if by_fleet else ["RunInstances"]
    condition = {"StringEquals": {"ec2:CreateAction": calls}}
    return allow("TagLaunches", ["ec2:CreateTags"], _owned(asked, kinds), condition)


def _templates(asked: Asked) -> list[str]:
    return [asked.place.arn("ec2", f"launch-template/{one}") for one in sorted(asked.rollouts.launch_templates) or "*"]


def _owned(asked: Asked, kinds: Sequence[str]) -> list[str]:
    return [asked.place.arn("ec2", f"{one}/*") for one in kinds]


def _public(asked: Asked, kinds: Sequence[str]) -> list[str]:
    return [asked.place.arn("ec2", f"{one}/*", account="") for one in kinds]


def _parameter(asked: Asked, named: str) -> str:
    if named.startswith("arn:"):
        return named
    account = "" if named.startswith("/aws/service/") else None
    return asked.place.arn("ssm", f"parameter/{named.removeprefix('/')}", account=account)
