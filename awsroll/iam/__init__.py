"""The least that AWS must allow for rollouts of a fleet: the one source of its IAM policies.

`policy` is a pure function of plain values: no AWS, no boto3. `awsroll policy` looks the values up; the CDK construct
knows them. A call that is new in `awsroll.aws` belongs here too: tests roll fleets under exactly these policies.

AWS checks two things that no request of awsroll names: a launch is checked for everything it creates and uses, and some
calls on a group are checked as launches. What the calls need in the end is in `fleets`, `launching`, `running` and
`driving`, one statement a purpose.
"""

from typing import Any

from awsroll.iam.command_statements import commands, functions
from awsroll.iam.driver_statements import roles, store, tasks
from awsroll.iam.fleet_statements import groups, reading, server_tags, target_groups
from awsroll.iam.launch_statements import launching, terminating
from awsroll.iam.policy_request import Fleets, Place, PolicyRequest, Rollouts

__all__ = ["NOT_FOR_ROLLOUTS", "Fleets", "Place", "Rollouts", "action_of", "policy"]

_VERSION = "2012-10-17"  # of IAM's policy language
_PARTS = (reading, target_groups, groups, server_tags, launching, terminating, commands, functions, store, roles, tasks)
_SERVICES = {"elbv2": "elasticloadbalancing", "stepfunctions": "states"}
_ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction", "s3:ListObjectsV2": "s3:ListBucket"}

NOT_FOR_ROLLOUTS = {
    "sts:GetCallerIdentity": "needs no permission",
    "ssm:GetCommandInvocation": "beside scripts of hooks, only where an emulator lacks ListCommandInvocations",
    "dynamodb:CreateTable": "`awsroll state create` alone",
    "dynamodb:DescribeTable": "`awsroll state create` alone",
    "dynamodb:UpdateContinuousBackups": "`awsroll state create` alone",
    "iam:GetInstanceProfile": "`awsroll policy` alone",
    "codepipeline:PutJobSuccessResult": "the function that a pipeline invokes, alone",
    "codepipeline:PutJobFailureResult": "the function that a pipeline invokes, alone",
}
"""Actions that `awsroll.aws` can call and that some or all policies leave out, with the reason."""


def policy(place: Place, fleets: Fleets, rollouts: Rollouts) -> dict[str, Any]:
    """Return the identity-based policy, as JSON has it, of whoever rolls these fleets.

    It is enough for `roll`, `resume`, `rollback`, `abort`, `repair` and all that only read.

    Args:
        place: where the fleets are.
        fleets: which they are.
        rollouts: what their rollouts may do.
    """
    request = PolicyRequest(place=place, fleets=fleets, rollouts=rollouts)
    return {"Version": _VERSION, "Statement": [statement for part in _PARTS for statement in part(request)]}


def action_of(service: str, operation: str) -> str:
    """Return the action that IAM checks for an operation of boto3's service: its name, but for a few."""
    return _ACTIONS.get(f"{service}:{operation}", f"{_SERVICES.get(service, service)}:{operation}")
