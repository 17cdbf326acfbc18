"""The construct for your stacks: everything that AWS needs to roll a fleet."""

from collections.abc import Sequence
from dataclasses import replace

import aws_cdk as cdk
from aws_cdk import (
    aws_cloudwatch as cloudwatch,
    aws_dynamodb as dynamodb,
    aws_iam as iam,
    aws_kms as kms,
    aws_lambda as lambda_,
    aws_logs as logs,
    aws_sns as sns,
    aws_stepfunctions as stepfunctions,
)
from constructs import Construct

from awsroll.iam import FunctionKind, Rollouts, unknown_values
from awsroll_cdk.alarms import watch, watch_durable
from awsroll_cdk.bundle import built_code
from awsroll_cdk.durable import live_alias, permit_keeping
from awsroll_cdk.fleet import Fleet
from awsroll_cdk.functions import CODEPIPELINE, CONTROL, DRIVER, DURABLE, STAGES, WAVES, Functions, Runtime
from awsroll_cdk.logs import Logs
from awsroll_cdk.machines import Watched, machine, permit_continuing, permit_mapping, placeholders
from awsroll_cdk.permissions import (
    permit,
    permit_answering,
    permit_pipeline,
    permit_stages,
)
from awsroll_cdk.store import records_table, signing_key
from definition import fleets_machine, rollout_machine

REPLACING = Rollouts(launches_batches=True)
_A_WEEK = cdk.Duration.days(7)


class RollingDeployment(Construct):
    """Functions, state machines, records, roles, logs and alarms for rollouts of one fleet.

    Attributes:
        machine: the state machine that rolls one fleet in each execution.
        fleets_machine: the state machine that rolls many fleets in waves; None without `many_fleets`.
        durable: the alias by which the durable function is invoked; None without `durable`.
        functions: the functions by the names of their handlers.
        fleet_role: the role of the functions that drive rollouts.
        sign_key: the key that signs records, user requests and notes; None without `sign_records`.
        stages_role: the role of the single stages; None without `stages`.
        table: the records and locks: `--state dynamodb://TABLE` for the command line.
    """

    def __init__(  # noqa: PLR0913 - a construct's properties are keywords
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: Fleet,
        rollouts: Rollouts = REPLACING,
        table: dynamodb.ITable | None = None,
        sign_records: bool = False,
        sign_key: kms.IKey | None = None,
        timeout: cdk.Duration = _A_WEEK,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        log_key: kms.IKey | None = None,
        tracing: bool = False,
        architecture: lambda_.Architecture = lambda_.Architecture.ARM_64,
        alarm_topic: sns.ITopic | None = None,
        stages: bool = False,
        codepipeline: bool = False,
        durable: bool = False,
        many_fleets: bool = False,
        roles_to_assume: Sequence[str] = (),
        allowed_commands: Sequence[str] = (),
        code: lambda_.Code | None = None,
    ) -> None:
        """Add the deployment to a stack.

        Args:
            scope: the stack.
            construct_id: the id of the construct.
            fleet: the fleet.
            rollouts: what its rollouts may do. The roles allow only this.
            table: a table that several deployments share; None: create a table.
            sign_records: sign what is stored with a key in KMS, so that write access to the table steers no rollout.
            sign_key: an HMAC key that several deployments with one table share; None: create a key.
            timeout: the timeout of an execution.
            log_retention: how long events of functions and machines are kept.
            log_key: a key that CloudWatch Logs may use; None: create a key.
            tracing: use X-Ray for functions and machines.
            architecture: the processor of the functions.
            alarm_topic: the topic that is notified when an execution fails.
            stages: also deploy the single stages, for your own state machines.
            codepipeline: also deploy the action for CodePipeline.
            durable: also deploy the durable function, which rolls a fleet without a state machine.
            many_fleets: also deploy the machine that rolls many fleets in waves.
            roles_to_assume: ARNs of roles in other accounts, for fleets there.
            allowed_commands: digests of commands on servers that a function may run for a record, if the event that
                calls it has no request. `awsroll plan --json` prints them.
            code: the bundle, if it is built already.
        """
        super().__init__(scope, construct_id)
        _check_known(fleet, rollouts)
        self.table = table or records_table(self)
        kept = Logs(self, retention=log_retention, key=log_key)
        store = f"dynamodb://{self.table.table_name}"
        self.sign_key = sign_key or (signing_key(self) if sign_records else None)
        signing = {} if self.sign_key is None else {"AWSROLL_SIGN_KEY": self.sign_key.key_arn}
        allowed = _allowed(roles_to_assume, rollouts.functions, allowed_commands)
        runtime = Runtime(
            code=code or built_code(architecture, durable=durable),
            architecture=architecture,
            environment={"AWSROLL_STATE": store, **signing, **allowed, **_notified(rollouts.notify)},
            tracing=tracing,
            longest=timeout,
        )
        names = [
            *DRIVER,
            *(STAGES if stages else ()),
            *((CODEPIPELINE,) if codepipeline else ()),
            *((DURABLE,) if durable else ()),
            *(WAVES if many_fleets else ()),
        ]
        made = Functions(self, names=names, runtime=runtime, logs=kept)
        self.functions = made.by_name
        self.fleet_role, self.stages_role = made.fleet_role, made.stages_role
        watched = Watched(logs=kept, tracing=tracing)
        self.machine = self._rollout_machine(timeout, watched)
        self.fleets_machine = self._fleets_machine(timeout, watched) if many_fleets else None
        machines = [one for one in (self.machine, self.fleets_machine) if one is not None]
        permitted = replace(
            rollouts,
            store=store,
            sign_key="" if self.sign_key is None else self.sign_key.key_id,
            roles_to_assume=(*rollouts.roles_to_assume, *roles_to_assume),
        )
        roles = {
            FunctionKind.DRIVE: made.fleet_role,
            FunctionKind.CHECK: made.prepare_role,
            FunctionKind.PIN: made.plan_role,
            FunctionKind.ASK: made.control_role,
        }
        for kind, role in roles.items():
            if role is not None:
                permit(self, kind, role, fleet, permitted)
        if made.stages_role is not None:
            permit_stages(self, made.stages_role, fleet, rollouts)
        permit_answering(self, (made.fleet_role, made.control_role), self.machine, self.fleets_machine)
        if codepipeline:
            permit_pipeline(self, made.fleet_role)
        for one in machines:
            watch(one, alarm_topic)
        self.durable = self._durable_function(alarm_topic) if durable else None

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a principal to start rollouts of the fleets: to any version that the roles may launch."""
        return self.machine.grant_start_execution(grantee)

    def grant_approve(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a principal to send commands to rollouts, such as approve and abort, by the function `control`."""
        return self.functions[CONTROL].grant_invoke(grantee)

    def metric_failed(self) -> cloudwatch.Metric:
        """Return the metric of executions that failed: their rollouts were refused, rolled back or stopped."""
        return self.machine.metric_failed()

    def _durable_function(self, topic: sns.ITopic | None) -> lambda_.Alias:
        function = self.functions[DURABLE]
        permit_keeping(self, self.fleet_role, function)
        watch_durable(function, topic)
        return live_alias(self, function)

    def _rollout_machine(self, timeout: cdk.Duration, watched: Watched) -> stepfunctions.StateMachine:
        driver = {name: self.functions[name] for name in DRIVER}
        definition = rollout_machine(placeholders(driver), timeout_seconds=int(timeout.to_seconds()))
        made = machine(self, "Rollout", definition, functions=driver, watched=watched)
        permit_continuing(self, made)
        return made

    def _fleets_machine(self, timeout: cdk.Duration, watched: Watched) -> stepfunctions.StateMachine:
        driver = {name: self.functions[name] for name in (*DRIVER, *WAVES)}
        definition = fleets_machine(placeholders(driver), timeout_seconds=int(timeout.to_seconds()))
        made = machine(self, "Fleets", definition, functions=driver, watched=watched)
        permit_mapping(self, made)
        return made


def _check_known(fleet: Fleet, rollouts: Rollouts) -> None:
    """Refuse values that no rollout has, so that synthesis fails and not a rollout.

    Raises:
        ValueError: with all of them.
    """
    problems = unknown_values(fleet.permitted, rollouts)
    if rollouts.store:
        problems.append("store is set: the construct makes the table, or pass one as table")
    if problems:
        message = "; ".join(problems)
        raise ValueError(message)


def _notified(destinations: Sequence[str]) -> dict[str, str]:
    """Return the variable that says where notices go; none without destinations."""
    return {"AWSROLL_NOTIFY": " ".join(destinations)} if destinations else {}


def _allowed(roles: Sequence[str], functions: Sequence[str], commands: Sequence[str]) -> dict[str, str]:
    """Return the variables that list what a record may make the functions run or use; an empty list is left out."""
    lists = {"ROLES": roles, "FUNCTIONS": functions, "COMMANDS": commands}
    return {f"AWSROLL_ALLOWED_{name}": " ".join(allowed) for name, allowed in lists.items() if allowed}
