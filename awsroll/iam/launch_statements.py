"""The permissions to launch and to terminate.

awsroll launches the servers of a standalone fleet. A group launches its members itself, but AWS checks two calls as if
the caller launched: UpdateAutoScalingGroup with a numbered template version, and LaunchInstances.
"""

from collections.abc import Sequence

from awsroll.core.tags import FLEET_TAG, KEPT_FAILED, ROLE_TAG, fleet_tag_value
from awsroll.iam.fleet_statements import fleet_tag_condition
from awsroll.iam.policy_request import PolicyRequest
from awsroll.iam.statement import Condition, Statement, allow

_CREATED_OR_CHOSEN = ("instance", "subnet", "volume")
"""What a launch creates, and what awsroll may choose: the subnet, and with it the network interfaces."""
_CHOSEN_IN_RUN = ("network-interface", "security-group")
"""The same, of RunInstances alone. A request with network interfaces names their security groups."""
_NAMED_IN_RUN = ("capacity-reservation", "key-pair")
"""What the template alone names, for RunInstances. For EC2 Fleet too: images and placement groups."""
_TAGGED_AT_LAUNCH = ("fleet", "instance", "network-interface", "spot-instances-request", "volume")
_CHINA = "aws-cn"


def launching(request: PolicyRequest) -> list[Statement]:
    """Return the permissions to launch. A reload launches nothing, and stages let a group launch by itself."""
    if request.rollouts.reloads or (request.rollouts.stages and request.grouped):
        return []
    by_fleet = request.grouped and request.rollouts.may_surge
    statements = [*_launch(request, by_fleet=by_fleet), _tag(request, by_fleet=by_fleet)]
    if request.rollouts.roles:
        services = ["ec2.amazonaws.com"] + (["ec2.amazonaws.com.cn"] if request.place.partition == _CHINA else [])
        condition = {"StringEquals": {"iam:PassedToService": services}}
        statements.append(allow("PassInstanceRole", ["iam:PassRole"], request.rollouts.roles, condition))
    if request.rollouts.image_parameters:
        arns = [parameter(request, named) for named in request.rollouts.image_parameters]
        statements.append(allow("FindImage", ["ssm:GetParameters"], arns))
    return statements


def terminating(request: PolicyRequest) -> list[Statement]:
    """Return the permission to terminate servers that carry the fleet tag.

    A group terminates its own members. Failed servers that are kept for inspection are members no longer.
    """
    if request.rollouts.reloads:
        return []
    instances = [request.place.arn("ec2", "instance/*")]
    if request.grouped:
        fleets = [fleet_tag_value(name) for name in request.fleets.groups]
        kept = {f"aws:ResourceTag/{FLEET_TAG}": fleets, f"aws:ResourceTag/{ROLE_TAG}": [KEPT_FAILED]}
        call = ["ec2:TerminateInstances"]
        condition = {"StringEquals": kept}
        return [allow("TerminateKeptServers", call, instances, condition)] if request.rollouts.keeps_failed else []
    return [allow("TerminateTaggedServers", ["ec2:TerminateInstances"], instances, fleet_tag_condition(request))]


def _launch(request: PolicyRequest, *, by_fleet: bool) -> list[Statement]:
    """Allow launches only from these templates, and only with the image, key pair and so on that they name.

    LaunchInstances needs the same of EC2 Fleet, which knows fewer resources and no condition for the fleet itself.
    """
    named_templates, rollouts = templates(request), request.rollouts
    from_templates: Condition = {"ArnLike": {"ec2:LaunchTemplate": named_templates}}
    # Every launch creates an instance, whose statement limits the templates; here the request may change nothing.
    unchanged: Condition = {"Bool": {"ec2:IsLaunchTemplateResource": "true"}}
    run, each = ["ec2:RunInstances"], ["ec2:RunInstances", *(["ec2:CreateFleet"] if by_fleet else [])]
    # EC2 knows no condition on launch templates for these resources (service authorization reference of EC2).
    further = [*rollouts.capacity_groups, *rollouts.licenses]
    if rollouts.tags_spot_requests:  # EC2 checks the request as a resource only if it is tagged (EC2 user guide, Spot)
        further += _owned(request, ("spot-instances-request",))
    named = [*_owned(request, ("placement-group",)), *_public(request, ("image",))]
    named_in_run = [*_owned(request, _NAMED_IN_RUN), *_public(request, ("snapshot",))]
    return [
        allow("LaunchFromTemplate", each, [*named_templates, *_owned(request, _CREATED_OR_CHOSEN)], from_templates),
        allow("LaunchInNetwork", run, _owned(request, _CHOSEN_IN_RUN), from_templates),
        allow("LaunchAsNamed", each, named, unchanged),
        allow("LaunchWithNamed", run, named_in_run, unchanged),
        *([allow("LaunchWithFurther", run, further)] if further else []),
        *([allow("LaunchInGroup", ["ec2:CreateFleet"], _owned(request, ("fleet",)))] if by_fleet else []),
    ]


def _tag(request: PolicyRequest, *, by_fleet: bool) -> Statement:
    """Allow tags on new resources during a launch: awsroll's tags, copied tags, and the template's tags."""
    kinds = [kind for kind in _TAGGED_AT_LAUNCH if by_fleet or kind != "fleet"]
    calls = ["CreateFleet", "RunInstances"] if by_fleet else ["RunInstances"]
    condition = {"StringEquals": {"ec2:CreateAction": calls}}
    return allow("TagLaunches", ["ec2:CreateTags"], _owned(request, kinds), condition)


def templates(request: PolicyRequest) -> list[str]:
    """Return the ARNs of the launch templates."""
    return [
        request.place.arn("ec2", f"launch-template/{template}")
        for template in sorted(request.rollouts.launch_templates) or "*"
    ]


def _owned(request: PolicyRequest, kinds: Sequence[str]) -> list[str]:
    return [request.place.arn("ec2", f"{kind}/*") for kind in kinds]


def _public(request: PolicyRequest, kinds: Sequence[str]) -> list[str]:
    return [request.place.arn("ec2", f"{kind}/*", account="") for kind in kinds]


def parameter(request: PolicyRequest, named: str) -> str:
    """Return the ARN of a parameter of Systems Manager."""
    if named.startswith("arn:"):
        return named
    account = "" if named.startswith("/aws/service/") else None
    return request.place.arn("ssm", f"parameter/{named.removeprefix('/')}", account=account)
