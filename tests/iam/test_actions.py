"""`awsroll.iam` knows every call that awsroll can make, and each of its actions exists on its resource."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from policy_sentry.querying.actions import get_action_data

import awsroll
from awsroll.core.model.rollout_choices import Strategy
from awsroll.iam import (
    NOT_FOR_ROLLOUTS,
    Fleets,
    FunctionKind,
    Place,
    Rollouts,
    action_of,
    function_policy,
    policy,
)
from tests.iam.judge import is_like

HERE = Place(region="eu-west-1", account="111122223333")
TARGET_GROUPS = ("arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/50dc6c495c0c9188",)
EVERYTHING = {
    "surges": True,
    "keep_old": True,
    "keeps_failed": True,
    "alarms": True,
    "reads_metrics": True,
    "calendars": ("production",),
    "changes_deregistration_delay": True,
    "changes_health_checks": True,
    "purges_warm_pool": True,
    "launch_templates": ("lt-1",),
    "roles": ("arn:aws:iam::111122223333:role/web/server",),
    "image_parameters": ("/web/image", "/aws/service/ami"),
    "keys": ("arn:aws:kms:eu-west-1:111122223333:key/1", "alias/web"),
    "capacity_groups": ("arn:aws:resource-groups:eu-west-1:111122223333:group/reserved",),
    "licenses": ("arn:aws:license-manager:eu-west-1:111122223333:license-configuration:lic-1",),
    "launches_batches": True,
    "tags_spot_requests": True,
    "store_key": "alias/records",
    "sign_key": "alias/awsroll",
    "documents": ("Web-Reload",),
    "runs_commands": True,
    "functions": ("check:live",),
    "script_points": ("after_healthy",),
    "roles_to_assume": ("arn:aws:iam::444455556666:role/roller",),
    "answers_tasks": True,
    "notify": ("sns:arn:aws:sns:eu-west-1:111122223333:notices", "eventbridge"),
}
ALL = [
    policy(
        HERE,
        Fleets(
            groups=groups,
            names=() if groups else ("web",),
            target_groups=TARGET_GROUPS,
            extra_target_groups=extra,
            network_load_balancers=True,
        ),
        Rollouts(strategy=strategy, store=store, **EVERYTHING),
    )
    for groups, extra in (((), ()), (("web",), TARGET_GROUPS))
    for strategy in [one.value for one in Strategy]
    for store in ("dynamodb://records", "s3://records/awsroll")
]
ALL += [
    policy(HERE, Fleets(groups=groups, target_groups=TARGET_GROUPS), Rollouts(strategy=strategy, stages=True))
    for groups in ((), ("web",))
    for strategy in [one.value for one in Strategy]
]
ALL += [
    function_policy(
        kind,
        HERE,
        Fleets(groups=groups, target_groups=TARGET_GROUPS),
        Rollouts(store=store, strategy=strategy, **EVERYTHING),
    )
    for kind in FunctionKind
    for groups in ((), ("web",))
    for strategy in ("replace", "reload")
    for store in ("dynamodb://records", "s3://records/awsroll")
]
STATEMENTS = {
    json.dumps([action, one["Resource"], one.get("Condition", {})]): (action, one)
    for made in ALL
    for one in made["Statement"]
    for action in one["Action"]
}
_USES_OF_KEYS = ("Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo")
# The EC2 user guide (tagging Spot Instance requests) names it for RunInstances; the reference of actions does not.
NOT_IN_THE_REFERENCE = ("ec2:RunInstances", "arn:aws:ec2:eu-west-1:111122223333:spot-instances-request/*")
# These reads are asked of resources whose names are not known in advance, so they are permitted for all resources.
FOR_ALL_RESOURCES = {
    "cloudwatch:DescribeAlarms": "AWS shows composite alarms only with this resource",
    "servicequotas:GetServiceQuota": "the quota depends on the family of the instance type",
    "vpc-lattice:ListTargets": "any target group of VPC Lattice can hold a server of the fleet",
}
_OF_SOME_FUNCTION = {"ssm:GetCommandInvocation", "ec2:CreateLaunchTemplateVersion", "ssm:GetParameter"}
MADE_BY_BOTO3 = {"sts:AssumeRole"}  # botocore's credentials make this call


def _operations(source: Path) -> Iterator[str]:
    """Yield the operations of AWS that a file of `awsroll.aws` names, by the SDK's names."""
    session = botocore.session.get_session()
    words = {one.value for one in ast.walk(ast.parse(source.read_text())) if isinstance(one, ast.Constant)}
    services = words & set(session.get_available_services())
    for service in services:
        for operation in words & set(session.get_service_model(service).operation_names):
            yield f"{service}:{operation}"


def _all_operations() -> set[str]:
    folder = Path(str(awsroll.__file__)).parent / "aws"
    return {one for source in folder.glob("*.py") if source.name != "faults.py" for one in _operations(source)}


def test_every_call_of_the_aws_layer_is_allowed_by_some_policy_or_left_out_for_a_reason() -> None:
    operations = _all_operations()
    allowed = {action for action, _ in STATEMENTS.values()}
    needed = {action_of(*one.split(":")) for one in operations}

    assert len(operations) > 50
    assert needed - allowed == set(NOT_FOR_ROLLOUTS) - _OF_SOME_FUNCTION


def test_every_action_is_one_that_awsroll_calls_or_that_aws_checks_besides() -> None:
    allowed = {action for action, _ in STATEMENTS.values()}
    needed = {action_of(*one.split(":")) for one in _all_operations()}

    keys = {f"kms:{use}" for use in (*_USES_OF_KEYS, "CreateGrant", "GenerateDataKey")}
    assert allowed - needed - MADE_BY_BOTO3 - keys == {"ec2:CreateFleet", "iam:PassRole", "ssm:GetParameters"}
    assert keys <= allowed


@pytest.mark.parametrize(("action", "statement"), STATEMENTS.values(), ids=[f"{one[0]}" for one in STATEMENTS.values()])
def test_the_action_exists_and_takes_these_resources_and_condition_keys(action: str, statement: dict) -> None:
    service, name = action.split(":")
    rows = get_action_data(service, name)
    assert rows, f"AWS has no action {action}"
    known = {_shape(row["resource_arn_format"]): row["condition_keys"] for row in rows[service]}

    for resource in statement["Resource"]:
        if (action, resource) == NOT_IN_THE_REFERENCE:
            continue
        limits = known.keys() - {"*"}
        fitting = [shape for shape in limits if _fits(resource, shape)]
        if action in FOR_ALL_RESOURCES:
            assert resource == "*"
            assert name.startswith(("Describe", "Get", "List"))
            continue
        assert fitting or (resource == "*" and not limits), (resource, known.keys())
        keys = {key.split("/")[0].lower() for shape in fitting for key in known[shape]}
        for asked in statement.get("Condition", {}).values():
            assert {key.split("/")[0].lower() for key in asked} <= keys, (resource, asked)


def _shape(template: str) -> str:
    """Return an ARN with a star for each variable."""
    parts = template.split("${")
    return parts[0] + "".join("*" + part.partition("}")[2] for part in parts[1:])


def _fits(resource: str, shape: str) -> bool:
    # An image, a shared document or a public parameter belongs to another account or to none.
    return is_like(resource, shape) or is_like(resource.replace("::", ":0:", 1), shape.replace("::", ":0:", 1))
