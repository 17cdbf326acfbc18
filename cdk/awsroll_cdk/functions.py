"""The Lambda functions: one a handler, all of them from one bundle.

Those that drive rollouts share a role, the single stages another one. `control`, which only writes what people want,
has its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_lambda as lambda_
from constructs import Construct

from awsroll_cdk.acknowledging import ANY_RESOURCE, acknowledge
from awsroll_cdk.logs import Logs

DRIVER = ("prepare", "reconcile", "control")
STAGES = (
    "deregister_targets",
    "check_drained",
    "terminate_and_launch",
    "double_group",
    "retire_old_half",
    "check_healthy",
    "reload_instances",
)
WAVES = ("plan_waves", "judge_wave")
CODEPIPELINE = "codepipeline"
DURABLE = "durable"
CONTROL = "control"
# A pass is bounded by 30 s; one that runs a hook's function waits for it, and checks of a large fleet take many calls;
# versions are looked up with the role of each fleet.
_SECONDS = {"reconcile": 300, "prepare": 300, "codepipeline": 300, "plan_waves": 300, "durable": 300}
_USUAL_SECONDS = 60
_MEGABYTES = 1024  # Lambda gives processor time by memory: a cold start at 512 MB takes twice as long


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What all functions of a deployment run on.

    Attributes:
        code: the bundle.
        architecture: the processor that the bundle was made for.
        environment: variables of every function.
        tracing: X-Ray.
        longest: what a durable execution may take.
    """

    code: lambda_.Code
    architecture: lambda_.Architecture
    environment: Mapping[str, str]
    tracing: bool
    longest: cdk.Duration


class Functions(Construct):
    """The functions of a deployment, by the names of their handlers."""

    def __init__(self, scope: Construct, *, names: Sequence[str], runtime: Runtime, logs: Logs) -> None:
        super().__init__(scope, "Functions")
        self._runtime = runtime
        self._logs = logs
        self.fleet_role = self._role("FleetRole", "awsroll: reads and changes the fleet")
        self.control_role = self._role("ControlRole", "awsroll: keeps what people want of a rollout")
        self.stages_role = self._role("StagesRole", "awsroll: single stages") if set(names) & set(STAGES) else None
        self.by_name = {name: self._function(name) for name in names}

    def _role(self, name: str, description: str) -> iam.Role:
        principal = iam.ServicePrincipal("lambda.amazonaws.com")
        return iam.Role(self, name, assumed_by=principal, description=description)

    def _role_of(self, name: str) -> iam.Role:
        if name in STAGES and self.stages_role is not None:
            return self.stages_role
        return self.control_role if name == CONTROL else self.fleet_role

    def _function(self, name: str) -> lambda_.Function:
        runtime = self._runtime
        role = self._role_of(name)
        identifier = in_words(name)
        group = self._logs.group(identifier)
        group.grant_write(role)
        made = lambda_.Function(
            self,
            identifier,
            description=f"awsroll: {name.replace('_', ' ')}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=runtime.architecture,
            code=runtime.code,
            handler=f"{name}.handler",
            role=role,
            log_group=group,
            environment=dict(runtime.environment),
            timeout=cdk.Duration.seconds(_SECONDS.get(name, _USUAL_SECONDS)),
            memory_size=_MEGABYTES,
            tracing=lambda_.Tracing.ACTIVE if runtime.tracing else lambda_.Tracing.DISABLED,
            durable_config=lambda_.DurableConfig(execution_timeout=runtime.longest) if name == DURABLE else None,
            current_version_options=lambda_.VersionOptions(removal_policy=cdk.RemovalPolicy.RETAIN),
        )
        if runtime.tracing:
            acknowledge(role, ANY_RESOURCE, "X-Ray's calls cannot be limited to a resource")
        acknowledge(made, "L1", "Python 3.13 is the newest that the whole test suite runs on; Lambda supports it")
        return made


def in_words(name: str) -> str:
    """Return a handler's name as constructs and placeholders are named: `plan_waves`, `PlanWaves`."""
    return "".join(word.capitalize() for word in name.split("_"))
