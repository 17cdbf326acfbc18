"""The Lambda functions: one for each handler, all from one bundle.

Functions that drive rollouts share a role, and the single stages share another role. `prepare`, which changes no fleet,
`plan_waves`, which only reads versions, `judge_wave`, which reads nothing, `watch_waves`, which reads alarms and stores
requests, `keep`, which starts executions, `control`, which only stores requests of users, and `approval_page`, which
stores the answers of links, have a role each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_lambda as lambda_, aws_logs
from constructs import Construct

from awsroll_cdk.acknowledging import ANY_RESOURCE, acknowledge
from awsroll_cdk.logs import Logs
from awsroll_cdk.versions import live_function

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
PREPARE, PLAN_WAVES, JUDGE_WAVE, WATCH_WAVES = "prepare", "plan_waves", "judge_wave", "watch_waves"
KEEP = "keep"
WAVES = (PLAN_WAVES, JUDGE_WAVE, WATCH_WAVES)
CODEPIPELINE = "codepipeline"
DURABLE = "durable"
CONTROL = "control"
APPROVAL_PAGE = "approval_page"
# A step takes at most 30 s, but a step that runs a Lambda hook waits for it. Checks of a large fleet take many calls,
# and versions are read with the role of each fleet.
_SECONDS = {
    "reconcile": 300,
    "prepare": 300,
    "codepipeline": 300,
    "plan_waves": 300,
    "watch_waves": 300,
    "keep": 300,
    "durable": 300,
}
_USUAL_SECONDS = 60
_MEGABYTES = 1024  # Lambda scales processor time with memory: a cold start at 512 MB takes twice as long


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What all functions of a deployment share.

    Attributes:
        code: the bundle.
        architecture: the processor for which the bundle was built.
        environment: variables of every function.
        tracing: whether X-Ray is on.
        longest: the timeout of a durable execution.
        version: the description of published versions: another one publishes the next version. Empty: a version is
            published when the code that synthesis knows, or the configuration, has changed.
    """

    code: lambda_.Code
    architecture: lambda_.Architecture
    environment: Mapping[str, str]
    tracing: bool
    longest: cdk.Duration
    version: str = ""


class Functions(Construct):
    """The functions of a deployment, by the names of their handlers.

    Attributes:
        by_name: the functions.
        live: their aliases, each for the version of this deployment.
        log_groups: their log groups.
    """

    def __init__(self, scope: Construct, *, names: Sequence[str], runtime: Runtime, logs: Logs) -> None:
        super().__init__(scope, "Functions")
        self._runtime = runtime
        self._logs = logs
        self.fleet_role = self._role("FleetRole", "awsroll: reads and changes the fleet")
        self.prepare_role = self._role("PrepareRole", "awsroll: checks requests and writes first records")
        self.control_role = self._role("ControlRole", "awsroll: stores user requests for rollouts")
        self.page_role = (
            self._role("PageRole", "awsroll: stores the answers of links") if APPROVAL_PAGE in names else None
        )
        self.plan_role = self._role("PlanRole", "awsroll: reads versions of fleets") if PLAN_WAVES in names else None
        self.judge_role = (
            self._role("JudgeRole", "awsroll: compares failures of waves") if JUDGE_WAVE in names else None
        )
        self.watch_role = (
            self._role("WatchRole", "awsroll: watches waves and stores requests") if WATCH_WAVES in names else None
        )
        self.keep_role = self._role("KeepRole", "awsroll: starts rollouts of fleets to keep") if KEEP in names else None
        self.stages_role = self._role("StagesRole", "awsroll: single stages") if set(names) & set(STAGES) else None
        self.log_groups: dict[str, aws_logs.LogGroup] = {}
        self.by_name = {name: self._function(name) for name in names}
        self.live = {name: live_function(function) for name, function in self.by_name.items()}

    def _role(self, name: str, description: str) -> iam.Role:
        principal = iam.ServicePrincipal("lambda.amazonaws.com")
        return iam.Role(self, name, assumed_by=principal, description=description)

    def _role_of(self, name: str) -> iam.Role:
        own = {
            PREPARE: self.prepare_role,
            CONTROL: self.control_role,
            APPROVAL_PAGE: self.page_role,
            PLAN_WAVES: self.plan_role,
            JUDGE_WAVE: self.judge_role,
            WATCH_WAVES: self.watch_role,
            KEEP: self.keep_role,
            **dict.fromkeys(STAGES, self.stages_role),
        }
        return own.get(name) or self.fleet_role

    def _function(self, name: str) -> lambda_.Function:
        runtime = self._runtime
        role = self._role_of(name)
        identifier = in_words(name)
        group = self.log_groups[name] = self._logs.group(identifier)
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
            current_version_options=lambda_.VersionOptions(
                removal_policy=cdk.RemovalPolicy.RETAIN, description=runtime.version or None
            ),
        )
        if runtime.tracing:
            acknowledge(role, ANY_RESOURCE, "AWS cannot limit the calls of X-Ray to a resource")
        acknowledge(made, "L1", "Python 3.13 is the newest version that all tests run on; Lambda supports it")
        return made


def in_words(name: str) -> str:
    """Return the name of a handler as a construct id and placeholder: `PlanWaves` for `plan_waves`."""
    return "".join(word.capitalize() for word in name.split("_"))
