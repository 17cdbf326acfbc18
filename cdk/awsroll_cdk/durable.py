"""The alias of the durable function, and its permissions on its own executions."""

from aws_cdk import aws_iam as iam, aws_lambda as lambda_
from constructs import Construct

from awsroll_cdk.acknowledging import acknowledge, spelt

_LIVE = "live"


def live_alias(scope: Construct, function: lambda_.Function) -> lambda_.Alias:
    """Publish a version with an alias: a durable function can only be invoked by a version or an alias.

    Older versions stay, because executions continue with the version that they started with.
    """
    return lambda_.Alias(scope, "Live", alias_name=_LIVE, version=function.current_version)


def permit_keeping(scope: Construct, role: iam.Role, function: lambda_.Function) -> None:
    """Allow a role to checkpoint the executions of its durable function, and to start a further one.

    AWS checks checkpoints against the ARN of the execution, which begins with the ARN of a version:
    https://docs.aws.amazon.com/lambda/latest/dg/durable-security.html
    """
    versions = f"{function.function_arn}:*"
    actions = ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState", "lambda:InvokeFunction"]
    statement = iam.PolicyStatement(actions=actions, resources=[versions])
    made = iam.Policy(scope, "Durable", statements=[statement], roles=[role])
    acknowledge(made, f"IAM5[Resource::{spelt(made, versions)}]", "versions and executions are not known in advance")
