"""The state machines, from the definitions in `definition`: everything that happens is logged, encrypted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from awsroll_cdk.acknowledging import ANY_RESOURCE, acknowledge
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


def machine(
    scope: Construct, name: str, definition: Mapping[str, Any], *, fills: Mapping[str, str], watched: Watched
) -> stepfunctions.StateMachine:
    """Make a state machine.

    Args:
        scope: the deployment.
        name: of the construct.
        definition: in Amazon States Language, with `${NAME}` where something is filled in.
        fills: what is filled in, by name.
        watched: how it is run.
    """
    role = iam.Role(scope, f"{name}Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
    made = stepfunctions.StateMachine(
        scope,
        name,
        definition_body=stepfunctions.DefinitionBody.from_string(json.dumps(definition, indent=1)),
        definition_substitutions=dict(fills),
        role=role,
        logs=stepfunctions.LogOptions(
            destination=watched.logs.group(name), level=stepfunctions.LogLevel.ALL, include_execution_data=True
        ),
        tracing_enabled=watched.tracing,
    )
    acknowledge(role, ANY_RESOURCE, "delivery of logs, and traces, cannot be limited to a resource")
    if not watched.tracing:
        acknowledge(made, "SF2", "traces are an option: all that happens is in the logs, for less")
    return made


def permit_invoking(made: stepfunctions.StateMachine, functions: Mapping[str, lambda_.Function]) -> None:
    """Allow a machine to invoke functions, the very versions that it names."""
    arns = [function.function_arn for function in functions.values()]
    made.add_to_role_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=arns))


def permit_continuing(scope: Construct, made: stepfunctions.StateMachine) -> None:
    """Allow a machine to go on as a new execution of its own."""
    # A policy beside the role: one in it would have to be there before the machine, whose ARN it names.
    starting = iam.PolicyStatement(actions=["states:StartExecution"], resources=[made.state_machine_arn])
    iam.Policy(scope, "Continuing", statements=[starting], roles=[made.role])
