"""The permissions to launch and to terminate.

awsroll launches the servers of a standalone fleet. A group launches its members itself, but AWS checks two calls as if
the caller launched: UpdateAutoScalingGroup with a numbered template version, and LaunchInstances.
"""

from collections.abc import Sequence

from awsroll.iam.fleet_statements import fleet_tag_condition
from awsroll.iam.policy_request import PolicyRequest
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


def launching(request: PolicyRequest) -> list[Statement]:
    """Return the permissions to launch. A reload launches nothing, and stages let a group launch by itself."""
    if request.rollouts.reloads or (request.rollouts.stages and request.grouped):
        return []
    by_fleet = request.grouped and request.rollouts.may_surge
    statements = [_run(request), *([_create_fleet(request)] if by_fleet else []), _tag(request, by_fleet=by_fleet)]
    if request.rollouts.roles:
        services = ["ec2.amazonaws.com"] + (["ec2.amazonaws.com.cn"] if request.place.partition == _CHINA else [])
        condition = {"StringEquals": {"iam:PassedToService": services}}
        statements.append(allow("PassInstanceRole", ["iam:PassRole"], request.rollouts.roles, condition))
    if request.rollouts.image_parameters:
        arns = [_parameter(request, parameter) for parameter in request.rollouts.image_parameters]
        statements.append(allow("FindImage", ["ssm:GetParameters"], arns))
    return statements


def terminating(request: PolicyRequest) -> list[Statement]:
    """Return the permission to terminate servers that carry the fleet tag. A group terminates its own members."""
    if request.grouped or request.rollouts.reloads:
        return []
    instances = [request.place.arn("ec2", "instance/*")]
    return [allow("TerminateTaggedServers", ["ec2:TerminateInstances"], instances, fleet_tag_condition(request))]


def _run(request: PolicyRequest) -> Statement:
    """Allow launches only from these templates; the other resources are those that a launch uses or creates."""
    templates = _templates(request)
    arns = [*templates, *_owned(request, _OF_THE_ACCOUNT), *_public(request, _OF_NO_ACCOUNT)]
    condition = {"ArnLike": {"ec2:LaunchTemplate": templates}}
    return allow("LaunchFromTemplate", ["ec2:RunInstances"], arns, condition)


def _create_fleet(request: PolicyRequest) -> Statement:
    arns = [*_templates(request), *_owned(request, _OF_A_FLEET), *_public(request, ("image",))]
    return allow("LaunchInGroup", ["ec2:CreateFleet"], arns)


def _tag(request: PolicyRequest, *, by_fleet: bool) -> Statement:
    """Allow tags on new resources during a launch: awsroll's tags, copied tags, and the template's tags."""
    kinds = [kind for kind in _TAGGED_AT_LAUNCH if by_fleet or kind != "fleet"]
    calls = ["CreateFleet", "RunInstances"] if by_fleet else ["RunInstances"]
    condition = {"StringEquals": {"ec2:CreateAction": calls}}
    return allow("TagLaunches", ["ec2:CreateTags"], _owned(request, kinds), condition)


def _templates(request: PolicyRequest) -> list[str]:
    return [
        request.place.arn("ec2", f"launch-template/{template}")
        for template in sorted(request.rollouts.launch_templates) or "*"
    ]


def _owned(request: PolicyRequest, kinds: Sequence[str]) -> list[str]:
    return [request.place.arn("ec2", f"{kind}/*") for kind in kinds]


def _public(request: PolicyRequest, kinds: Sequence[str]) -> list[str]:
    return [request.place.arn("ec2", f"{kind}/*", account="") for kind in kinds]


def _parameter(request: PolicyRequest, named: str) -> str:
    if named.startswith("arn:"):
        return named
    account = "" if named.startswith("/aws/service/") else None
    return request.place.arn("ssm", f"parameter/{named.removeprefix('/')}", account=account)
