"""The policies of the Lambda functions: each function may do exactly what it calls.

`policy` is for a person or a process that runs every command. A function runs one part: `prepare` changes no fleet,
`control` writes only requests of users, `watch_waves` only these and notes, and only the functions that drive rollouts
change a fleet.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum

from awsroll.iam.command_statements import commands, functions
from awsroll.iam.driver_statements import (
    notices,
    roles,
    store_of_drivers,
    store_of_rotations,
    store_of_users,
    store_of_waves,
)
from awsroll.iam.fleet_statements import read_calendars, reading
from awsroll.iam.key_statements import sign_key, store_key
from awsroll.iam.launch_statements import parameter, templates
from awsroll.iam.policy_request import PolicyRequest
from awsroll.iam.statement import Statement, allow

_CHECKS = ("Describe", "GetServiceQuota", "ListTarget")  # those that list commands belong to rollouts


class FunctionKind(StrEnum):
    """What a function does."""

    DRIVE = "drive"  # reconcile, codepipeline, durable: the whole rollout
    CHECK = "check"  # prepare: checks a request and writes the first record
    PIN = "pin"  # plan_waves: reads the versions of many fleets
    ASK = "ask"  # control: writes requests of users
    KEEP = "keep"  # keep: reads fleets, publishes versions, writes what it knows of them; it starts executions
    WATCH = "watch"  # watch_waves: reads alarms, writes requests of users and the progress of waves


def statements_for(
    kind: FunctionKind, request: PolicyRequest, for_fleets: Iterable[Callable[[PolicyRequest], list[Statement]]]
) -> list[Statement]:
    """Return the statements of a function.

    Args:
        kind: what the function does.
        request: the input of the policy.
        for_fleets: the permissions to roll fleets, without the store.
    """
    keys = [*store_key(request), *sign_key(request)]
    match kind:
        case FunctionKind.DRIVE:
            fleet = [statement for part in for_fleets for statement in part(request)]
            return [*fleet, *store_of_drivers(request), *keys, *roles(request), *notices(request)]
        case FunctionKind.CHECK:
            checks = [_checking(statement) for statement in (*reading(request), *commands(request))]
            made = [statement for statement in checks if statement["Action"]]
            return [*made, *store_of_drivers(request), *keys, *roles(request), *notices(request)]
        case FunctionKind.PIN:
            group = ["autoscaling:DescribeAutoScalingGroups"] if request.grouped else []
            return [allow("ReadVersions", ["ec2:DescribeLaunchTemplateVersions", *group]), *roles(request)]
        case FunctionKind.ASK:
            return [*store_of_users(request), *keys]
        case FunctionKind.KEEP:
            return [*_rotating(request), *store_of_rotations(request), *keys, *roles(request)]
        case FunctionKind.WATCH:
            alarms = allow("ReadAlarms", ["cloudwatch:DescribeAlarms"])  # a narrower resource hides composite alarms
            return [alarms, *_counting(request), *store_of_waves(request), *keys, *roles(request)]


def _rotating(request: PolicyRequest) -> list[Statement]:
    """Return what a rotation reads of fleets, and the permission to publish versions of their launch templates."""
    group = ["autoscaling:DescribeAutoScalingGroups"]
    standalone = ["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"]
    of_fleet = group if request.grouped else standalone
    reads = [*of_fleet, "ec2:DescribeInstances", "ec2:DescribeLaunchTemplateVersions"]
    parameters = [parameter(request, named) for named in request.rollouts.image_parameters]
    return [
        allow("ReadRotation", reads),
        allow("PublishVersions", ["ec2:CreateLaunchTemplateVersion"], templates(request)),
        *([allow("ReadImages", ["ssm:GetParameter"], parameters)] if parameters else []),
        *read_calendars(request),
    ]


def _counting(request: PolicyRequest) -> list[Statement]:
    """Return what the judge of waves needs: to find the servers of fleets, and to run the hooks that count."""
    if not request.rollouts.reads_metrics:
        return []
    actions = ["autoscaling:DescribeAutoScalingGroups"] if request.grouped else []
    actions += ["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"]
    actions += ["ec2:DescribeInstances", "cloudwatch:GetMetricData"]  # addresses in a URL; a hook that is a metric
    return [allow("CountRequests", actions), *functions(request)]


def _checking(statement: Statement) -> Statement:
    """Return a statement with only the actions of the checks."""
    actions = [action for action in statement["Action"] if action.partition(":")[2].startswith(_CHECKS)]
    return {**statement, "Action": actions}
