"""The state machines, from the definitions in `definition`: everything that happens is logged, encrypted."""

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
    """How machines are run and watched.

    Attributes:
        logs: where their events are kept.
        tracing: X-Ray.
    """

    logs: Logs
    tracing: bool


def placeholders(functions: Mapping[str, lambda_.Function]) -> dict[str, str]:
    """Return what stands in a definition for the ARNs of functions: `${PlanWaves}`."""
    return {name: f"${{{in_words(name)}}}" for name in functions}


def machine(
    scope: Construct,
    name: str,
    definition: Mapping[str, Any],
    *,
    functions: Mapping[str, lambda_.Function],
    watched: Watched,
) -> stepfunctions.StateMachine:
    """Make a state machine, which may invoke its functions and nothing else.

    Args:
        scope: the deployment.
        name: of the construct.
        definition: in Amazon States Language, with `placeholders` for the functions.
        functions: which it invokes.
        watched: how it is run.
    """
    role = iam.Role(scope, f"{name}Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
    made = stepfunctions.StateMachine(
        scope,
        name,
        definition_body=stepfunctions.DefinitionBody.from_string(json.dumps(definition, indent=1)),
        definition_substitutions={in_words(name): one.function_arn for name, one in functions.items()},
        role=role,
        logs=stepfunctions.LogOptions(
            destination=watched.logs.group(name), level=stepfunctions.LogLevel.ALL, include_execution_data=True
        ),
        tracing_enabled=watched.tracing,
    )
    acknowledge(role, ANY_RESOURCE, "delivery of logs, and traces, cannot be limited to a resource")
    arns = [one.function_arn for one in functions.values()]
    made.add_to_role_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=arns))
    if not watched.tracing:
        acknowledge(made, "SF2", "traces are an option: all that happens is in the logs, for less")
    return made


def permit_continuing(scope: Construct, made: stepfunctions.StateMachine) -> None:
    """Allow a machine to go on as a new execution of its own."""
    # A policy beside the role: one in it would have to be there before the machine, whose ARN it names.
    starting = iam.PolicyStatement(actions=["states:StartExecution"], resources=[made.state_machine_arn])
    iam.Policy(scope, "Continuing", statements=[starting], roles=[made.role])


def permit_mapping(scope: Construct, made: stepfunctions.StateMachine) -> None:
    """Allow a machine to run the items of its distributed Map as executions of its own, and to take them up again."""
    items = f"{made.state_machine_name}:*"
    redriven = f"{made.state_machine_name}/*:*"  # a Map's items are redriven under its label
    follow = iam.PolicyStatement(
        actions=["states:DescribeExecution", "states:StopExecution"], resources=[_executions(scope, items)]
    )
    redrive = iam.PolicyStatement(actions=["states:RedriveExecution"], resources=[_executions(scope, redriven)])
    start = iam.PolicyStatement(actions=["states:StartExecution"], resources=[made.state_machine_arn])
    statements = [start, follow, redrive]
    policy = iam.Policy(scope, "Mapping", statements=statements, roles=[made.role])
    for one in (items, redriven):
        finding = f"IAM5[Resource::{spelt(policy, _executions(scope, one))}]"
        acknowledge(policy, finding, "an execution has no name before it is started")


def _executions(scope: Construct, name: str) -> str:
    arn_format = cdk.ArnFormat.COLON_RESOURCE_NAME
    stack = cdk.Stack.of(scope)
    return stack.format_arn(service="states", resource="execution", resource_name=name, arn_format=arn_format)
