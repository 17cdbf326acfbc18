"""The fleets of the policy tests, and functions that read a policy."""

from typing import Any

from awsroll.iam import Fleets, Place, Rollouts, policy
from tests.iam.judge import Ask, allowing

HERE = Place(region="eu-west-1", account="111122223333")
WEB = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/50dc6c495c0c9188"
API = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/api/60dc6c495c0c9188"
BY_HAND = Fleets(names=("web",), target_groups=(WEB,))
GROUP = Fleets(groups=("web",), target_groups=(WEB,))
GROUP_ARN = "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:*:autoScalingGroupName/web"
READ_BALANCERS = [
    f"elasticloadbalancing:Describe{one}"
    for one in ("LoadBalancers", "Tags", "TargetGroupAttributes", "TargetGroups", "TargetHealth")
]
OWN = {"ForAllValues:StringLike": {"aws:TagKeys": ["awsroll:*"]}}
KINDS = {"standalone": BY_HAND, "group": GROUP}


def ec2(*resources: str) -> list[str]:
    return [f"arn:aws:ec2:eu-west-1:111122223333:{one}" for one in resources]


def statements(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {one["Sid"]: one for one in made["Statement"]}
    assert len(found) == len(made["Statement"])
    return found


def actions(fleets: Fleets, sid: str, **wanted: Any) -> list[str]:
    one = statements(policy(HERE, fleets, Rollouts(**wanted))).get(sid)
    return [] if one is None else [name.partition(":")[2] for name in one["Action"]]


def asks(made: dict[str, Any], action: str, resource: str, **context: list[str]) -> bool:
    named = {key.replace("__", "/").replace("_", ":", 1): value for key, value in context.items()}
    return bool(list(allowing(made, Ask(action=action, resource=resource, context=named))))
