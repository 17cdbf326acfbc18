"""Published versions behind an alias `live`, of functions and of state machines.

The definition of a machine names the versions of its functions. So an execution calls the code with which it was
started until its end, whatever is deployed meanwhile. Old versions stay when the stack is updated: an execution may
still call them. CloudFormation deletes them with the function or machine.
"""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_, aws_stepfunctions as stepfunctions

LIVE = "live"
"""The name of every alias."""


def live_function(function: lambda_.Function) -> lambda_.Alias:
    """Publish the version of this deployment, and point the alias of the function at it."""
    return lambda_.Alias(function, "Live", alias_name=LIVE, version=function.current_version)


def live_machine(machine: stepfunctions.StateMachine) -> str:
    """Publish the version of this deployment, point the alias of the machine at it, and return the alias's ARN."""
    version = stepfunctions.CfnStateMachineVersion(
        machine,
        "Version",
        state_machine_arn=machine.state_machine_arn,
        state_machine_revision_id=machine.state_machine_revision_id,  # a new one for each new definition
    )
    version.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    routes = stepfunctions.CfnStateMachineAlias.RoutingConfigurationVersionProperty(
        state_machine_version_arn=version.attr_arn, weight=100
    )
    alias = stepfunctions.CfnStateMachineAlias(machine, "Live", name=LIVE, routing_configuration=[routes])
    return str(alias.attr_arn)
