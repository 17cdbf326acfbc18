"""The schedule that keeps fleets in their wanted state: it calls the function `keep`, which starts executions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_scheduler as scheduler, aws_stepfunctions as stepfunctions
from constructs import Construct

from awsroll_cdk.acknowledging import acknowledge, spelt
from awsroll_cdk.functions import KEEP, Functions
from awsroll_cdk.machines import executions
from awsroll_cdk.versions import LIVE

MACHINE = "AWSROLL_KEEP_MACHINE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Which fleets a schedule keeps in their wanted state, and how often it looks at them.

    Attributes:
        fleets: the content of a file of many fleets, as for `awsroll keep`.
        every: the time between two passes.
    """

    fleets: Mapping[str, Any]
    every: cdk.Duration = field(default_factory=lambda: cdk.Duration.hours(1))


class KeepSchedule(Construct):
    """The schedule and what its function may start.

    Args:
        scope: the deployment.
        made: its functions.
        machine: the machine of many fleets.
        live: the ARN of its alias.
        keeping: the fleets.
    """

    def __init__(
        self, scope: Construct, made: Functions, machine: stepfunctions.StateMachine, live: str, keeping: Keeping
    ) -> None:
        super().__init__(scope, "KeepSchedule")
        made.by_name[KEEP].add_environment(MACHINE, live)
        self._permit_starting(made, machine)
        own = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        caller = iam.Role(self, "Caller", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=own))
        made.live[KEEP].grant_invoke(caller)
        minutes = int(keeping.every.to_minutes())
        scheduler.CfnSchedule(
            self,
            "Schedule",
            description="awsroll: keeps fleets in their wanted state",
            schedule_expression=f"rate({minutes} {'minute' if minutes == 1 else 'minutes'})",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=made.live[KEEP].function_arn,
                role_arn=caller.role_arn,
                input=json.dumps({"fleets": keeping.fleets}),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_retry_attempts=0),
            ),
        )

    def _permit_starting(self, made: Functions, machine: stepfunctions.StateMachine) -> None:
        own = executions(self, f"{machine.state_machine_name}:*")
        starting = iam.PolicyStatement(
            actions=["states:StartExecution"],
            resources=[machine.state_machine_arn],
            conditions={"ForAnyValue:StringEquals": {"states:StateMachineQualifier": LIVE}},
        )
        looking = iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[own])
        assert made.keep_role is not None  # noqa: S101 - a deployment with a schedule has the function
        policy = iam.Policy(self, "Starting", statements=[starting, looking], roles=[made.keep_role])
        finding = f"IAM5[Resource::{spelt(policy, own)}]"
        acknowledge(policy, finding, "the name of an execution is not known before its start")
