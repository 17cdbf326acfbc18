"""The durable function: an alias to invoke it by, and what it may do to its own executions."""

from aws_cdk import aws_iam as iam, aws_lambda as lambda_
from constructs import Construct

from awsroll_cdk.acknowledging import acknowledge, spelt

_LIVE = "live"


def live_alias(scope: Construct, function: lambda_.Function) -> lambda_.Alias:
    """Publish a version and name it: a durable function is invoked by a version or an alias alone.

    Older versions stay, since executions that began with one go on with it.
    """
    return lambda_.Alias(scope, "Live", alias_name=_LIVE, version=function.current_version)


def permit_keeping(scope: Construct, role: iam.Role, function: lambda_.Function) -> None:
    """Allow a role to keep how far the executions of its durable function have come, and to begin a further one.

    AWS checks the former against the ARN of the execution, which is that of a version with more behind it:
    https://docs.aws.amazon.com/lambda/latest/dg/durable-security.html
    """
    versions = f"{function.function_arn}:*"
    actions = ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState", "lambda:InvokeFunction"]
    statement = iam.PolicyStatement(actions=actions, resources=[versions])
    made = iam.Policy(scope, "Durable", statements=[statement], roles=[role])
    acknowledge(made, f"IAM5[Resource::{spelt(made, versions)}]", "versions, and their executions, come and go")
