"""The state machines with the definitions of `definition`. All their events are logged and encrypted.

The log has no input or output of a state: they hold requests, external ids of roles and task tokens.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_lambda as lambda_, aws_stepfunctions as stepfunctions
from constructs import Construct

from awsroll_cdk.acknowledging import ANY_RESOURCE, acknowledge, spelt
from awsroll_cdk.functions import in_words
from awsroll_cdk.logs import Logs


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How executions are logged and traced.

    Attributes:
        logs: the log groups.
        tracing: whether X-Ray is on.
    """

    logs: Logs
    tracing: bool


def placeholders(functions: Mapping[str, lambda_.Function]) -> dict[str, str]:
    """Return the placeholders for the ARNs of functions in a definition, such as `${PlanWaves}`."""
    return {name: f"${{{in_words(name)}}}" for name in functions}


def machine(
    scope: Construct,
    name: str,
    definition: Mapping[str, Any],
    *,
    functions: Mapping[str, lambda_.Function],
    watched: Watched,
) -> stepfunctions.StateMachine:
    """Create a state machine that may only invoke its functions.

    Args:
        scope: the deployment.
        name: the id of the construct.
        definition: the definition in the Amazon States Language, with `placeholders` for the functions.
        functions: the functions that it invokes.
        watched: how executions are logged and traced.
    """
    role = iam.Role(scope, f"{name}Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
    made = stepfunctions.StateMachine(
        scope,
        name,
        definition_body=stepfunctions.DefinitionBody.from_string(json.dumps(definition, indent=1)),
        definition_substitutions={in_words(name): one.current_version.function_arn for name, one in functions.items()},
        role=role,
        logs=stepfunctions.LogOptions(
            destination=watched.logs.group(name), level=stepfunctions.LogLevel.ALL, include_execution_data=False
        ),
        tracing_enabled=watched.tracing,
    )
    acknowledge(role, ANY_RESOURCE, "AWS cannot limit the delivery of logs and traces to a resource")
    versions = [f"{one.function_arn}:*" for one in functions.values()]
    made.add_to_role_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=versions))
    for one in versions:
        acknowledge(role, f"IAM5[Resource::{spelt(role, one)}]", "an execution calls the versions it was started with")
    if not watched.tracing:
        acknowledge(made, "SF2", "tracing is an option: the logs hold all events at a lower cost")
    return made


def permit_continuing(scope: Construct, made: stepfunctions.StateMachine) -> None:
    """Allow a machine to continue in a new execution of itself, of the version that an execution was started with."""
    # A separate policy: a policy in the role would be created before the machine whose ARN it names.
    starting = iam.PolicyStatement(actions=["states:StartExecution"], resources=[made.state_machine_arn])
    own = executions(scope, f"{made.state_machine_name}:*")
    looking = iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[own])
    policy = iam.Policy(scope, "Continuing", statements=[starting, looking], roles=[made.role])
    finding = f"IAM5[Resource::{spelt(policy, own)}]"
    acknowledge(policy, finding, "the name of an execution is not known before its start")


def permit_mapping(scope: Construct, made: stepfunctions.StateMachine) -> None:
    """Allow a machine to run the items of its distributed Map as child executions, and to redrive them."""
    items = f"{made.state_machine_name}:*"
    redriven = f"{made.state_machine_name}/*:*"  # items of a Map are redriven with its label
    follow = iam.PolicyStatement(
        actions=["states:DescribeExecution", "states:StopExecution"], resources=[executions(scope, items)]
    )
    redrive = iam.PolicyStatement(actions=["states:RedriveExecution"], resources=[executions(scope, redriven)])
    start = iam.PolicyStatement(actions=["states:StartExecution"], resources=[made.state_machine_arn])
    statements = [start, follow, redrive]
    policy = iam.Policy(scope, "Mapping", statements=statements, roles=[made.role])
    for one in (items, redriven):
        finding = f"IAM5[Resource::{spelt(policy, executions(scope, one))}]"
        acknowledge(policy, finding, "the name of an execution is not known before its start")


def executions(scope: Construct, name: str) -> str:
    """Return the ARN of executions: `name` is that of the machine and of the execution, with a colon between."""
    arn_format = cdk.ArnFormat.COLON_RESOURCE_NAME
    stack = cdk.Stack.of(scope)
    arn: str = stack.format_arn(service="states", resource="execution", resource_name=name, arn_format=arn_format)
    return arn
