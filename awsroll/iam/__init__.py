"""The IAM policies for rollouts: the least permissions that AWS must grant.

`policy` is a pure function of plain values, without AWS or boto3. `awsroll policy` looks the values up, and the CDK
construct knows them. Tests roll fleets under exactly these policies, so add each new call of `awsroll.aws` here.

AWS checks more than the calls that awsroll makes. It checks a launch for everything that the launch creates and uses,
and it checks some calls on a group as launches. The modules of this package hold one statement per purpose.
"""

from typing import Any

from awsroll.iam.command_statements import commands, functions
from awsroll.iam.driver_statements import notices, roles, store, tasks
from awsroll.iam.fleet_statements import groups, reading, server_tags, target_groups
from awsroll.iam.function_policies import FunctionKind, statements_for
from awsroll.iam.key_statements import sign_key, store_key, volume_keys
from awsroll.iam.known_values import unknown_values
from awsroll.iam.launch_statements import launching, terminating
from awsroll.iam.policy_request import Fleets, Place, PolicyRequest, Rollouts

__all__ = [
    "NOT_FOR_ROLLOUTS",
    "Fleets",
    "FunctionKind",
    "Place",
    "Rollouts",
    "action_of",
    "function_policy",
    "policy",
    "unknown_values",
]

_VERSION = "2012-10-17"  # of IAM's policy language
_FOR_FLEETS = (
    reading,
    target_groups,
    groups,
    server_tags,
    launching,
    volume_keys,
    terminating,
    commands,
    functions,
)
_PARTS = (*_FOR_FLEETS, store, store_key, sign_key, roles, tasks, notices)
_SERVICES = {
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "service-quotas": "servicequotas",
    "stepfunctions": "states",
}
_ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
}

NOT_FOR_ROLLOUTS = {
    "sts:GetCallerIdentity": "needs no permission",
    "ssm:GetCommandInvocation": "only for hook scripts, and for emulators that lack ListCommandInvocations",
    "dynamodb:CreateTable": "only `awsroll state create`",
    "dynamodb:DescribeTable": "only `awsroll state create` and `awsroll policy`",
    "dynamodb:UpdateContinuousBackups": "only `awsroll state create`",
    "dynamodb:UpdateTimeToLive": "only `awsroll state create --retention`",
    "iam:GetInstanceProfile": "only `awsroll policy`",
    "ec2:GetEbsDefaultKmsKeyId": "only `awsroll policy`",
    "ec2:GetEbsEncryptionByDefault": "only `awsroll policy`",
    "s3:GetEncryptionConfiguration": "only `awsroll policy`",
    "ec2:DescribeLaunchTemplates": "only for similar names in a refusal, which lacks them without this permission",
    "ec2:GetConsoleOutput": "only `awsroll explain`, which says what it could not read",
    "states:StartExecution": "only the function `keep` of the construct, which grants it",
    "states:DescribeExecution": "only the function `keep` of the construct, which grants it",
    "ec2:CreateLaunchTemplateVersion": "only `awsroll keep`, with an image parameter or a maximum age",
    "ssm:GetParameter": "only `awsroll keep`, with an image parameter",
    "codepipeline:PutJobSuccessResult": "only the function that a pipeline invokes",
    "codepipeline:PutJobFailureResult": "only the function that a pipeline invokes",
}
"""Actions that `awsroll.aws` can call but some or all policies leave out, with the reason."""


def policy(place: Place, fleets: Fleets, rollouts: Rollouts) -> dict[str, Any]:
    """Return the identity-based policy, as a JSON document, for rolling these fleets.

    It allows `roll`, `resume`, `rollback`, `abort`, `repair` and all commands that only read.

    Args:
        place: the partition, region and account of the fleets.
        fleets: the fleets.
        rollouts: what the rollouts may do.
    """
    request = PolicyRequest(place=place, fleets=fleets, rollouts=rollouts)
    return {"Version": _VERSION, "Statement": [statement for part in _PARTS for statement in part(request)]}


def function_policy(kind: FunctionKind, place: Place, fleets: Fleets, rollouts: Rollouts) -> dict[str, Any]:
    """Return the policy of a Lambda function for these fleets.

    Args:
        kind: what the function does.
        place: the partition, region and account of the fleets.
        fleets: the fleets.
        rollouts: what the rollouts may do; its store is the store of the functions.
    """
    request = PolicyRequest(place=place, fleets=fleets, rollouts=rollouts)
    return {"Version": _VERSION, "Statement": statements_for(kind, request, _FOR_FLEETS)}


def action_of(service: str, operation: str) -> str:
    """Return the IAM action of an operation of boto3's service. A few actions have other names than the operation."""
    return _ACTIONS.get(f"{service}:{operation}", f"{_SERVICES.get(service, service)}:{operation}")
