"""The permissions of the durable function on its own executions."""

from aws_cdk import aws_iam as iam, aws_lambda as lambda_
from constructs import Construct

from awsroll_cdk.acknowledging import acknowledge, spelt


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
