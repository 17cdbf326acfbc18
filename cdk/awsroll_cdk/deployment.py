"""The construct for your stacks: everything that AWS needs to roll a fleet."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import aws_cdk as cdk
from aws_cdk import (
    aws_cloudwatch as cloudwatch,
    aws_cloudwatch_actions as actions,
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
from awsroll_cdk.alarms import person_awaited, watch, watch_durable, watch_waits
from awsroll_cdk.approval_links import ApprovalLinks
from awsroll_cdk.bundle import built_code
from awsroll_cdk.definition import fleets_machine, rollout_machine
from awsroll_cdk.durable import permit_keeping
from awsroll_cdk.fleet import Fleet
from awsroll_cdk.functions import (
    APPROVAL_PAGE,
    CODEPIPELINE,
    CONTROL,
    DRIVER,
    DURABLE,
    KEEP,
    STAGES,
    WAVES,
    Functions,
    Runtime,
)
from awsroll_cdk.keeping import Keeping, KeepSchedule
from awsroll_cdk.logs import Logs
from awsroll_cdk.machines import Watched, machine, permit_continuing, permit_mapping, placeholders
from awsroll_cdk.permissions import (
    permit,
    permit_answering,
    permit_pipeline,
    permit_stages,
)
from awsroll_cdk.store import records_table, signing_key
from awsroll_cdk.versions import LIVE, live_machine

Topic: TypeAlias = str | sns.ITopic
"""An SNS topic: its construct or ARN."""
Table: TypeAlias = str | dynamodb.ITable
"""A DynamoDB table: its construct, name or ARN."""

REPLACING = Rollouts(launches_batches=True)
_A_WEEK = cdk.Duration.days(7)
_LOOK = ("reconcile", CODEPIPELINE, DURABLE)  # the functions that look at rollouts which wait for a person


class RollingDeployment(Construct):
    """Functions, state machines, records, roles, logs and alarms for rollouts of one fleet, or of many.

    Attributes:
        machine: the state machine that rolls one fleet in each execution.
        live_machine: the ARN of its alias `live`, by which executions are started.
        fleets_machine: the state machine that rolls many fleets in waves; None without `many_fleets`.
        live_fleets_machine: the ARN of its alias `live`; empty without `many_fleets`.
        durable: the alias by which the durable function is invoked; None without `durable`.
        functions: the functions by the names of their handlers.
        live_functions: their aliases `live`, by the same names.
        fleet_role: the role of the functions that drive rollouts.
        sign_key: the key that signs records, user requests and notes; None without `sign_records`.
        approval_links: the page behind links to approve, and their key; None without `approval_links`.
        stages_role: the role of the single stages; None without `stages`.
        table: the records and locks: `--state dynamodb://TABLE` for the command line.
        alarms: the alarms: on failed executions, and on rollouts that wait for a person.
    """

    def __init__(  # noqa: PLR0913 - a construct's properties are keywords
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: Fleet,
        notify: Topic | None,
        rollouts: Rollouts = REPLACING,
        table: Table | None = None,
        retention: bool = False,
        sign_records: bool = False,
        sign_key: kms.IKey | None = None,
        timeout: cdk.Duration = _A_WEEK,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        log_key: kms.IKey | None = None,
        tracing: bool = False,
        architecture: lambda_.Architecture = lambda_.Architecture.ARM_64,
        stages: bool = False,
        codepipeline: bool = False,
        durable: bool = False,
        many_fleets: bool = False,
        approval_links: bool = False,
        keep: Keeping | None = None,
        roles_to_assume: Sequence[str] = (),
        allowed_commands: Sequence[str] = (),
        code: lambda_.Code | None = None,
        code_version: str = "",
    ) -> None:
        """Add the deployment to a stack.

        Args:
            scope: the stack.
            construct_id: the id of the construct.
            fleet: the fleet, or fleets.
            notify: the topic that gets a message when an execution fails, and when a rollout starts, waits for a
                person, is paused or ends. None, given explicitly: no messages, except by `rollouts.notify`.
            rollouts: what its rollouts may do. The roles allow only this. Default: replace servers.
            table: a table that several deployments share. Default: create a table.
            retention: have the table that is created delete records 400 days after their last write. Default: keep
                them.
            sign_records: sign what is stored with a key in KMS, so that write access to the table steers no rollout.
                Default: do not sign.
            sign_key: an HMAC key that several deployments with one table share. Default: create a key, if
                `sign_records`.
            timeout: the timeout of an execution. Default: 7 days.
            log_retention: how long events of functions and machines are kept. Default: one year.
            log_key: a key that CloudWatch Logs may use. Default: create a key.
            tracing: use X-Ray for functions and machines. Default: no.
            architecture: the processor of the functions. Default: arm64.
            stages: also deploy the single stages, for your own state machines. Default: no.
            codepipeline: also deploy the action for CodePipeline. Default: no.
            durable: also deploy the durable function, which rolls a fleet without a state machine. Default: no.
            many_fleets: also deploy the machine that rolls many fleets in waves. Default: no.
            approval_links: also deploy a public page by which the links in notices approve or reject a checkpoint. Who
                has a link may answer, so send notices only to people who may. Default: notices have the command.
            keep: fleets that a schedule keeps in their wanted state, as `awsroll keep` does. Needs `many_fleets`.
                Default: none.
            roles_to_assume: ARNs of roles in other accounts, for fleets there. Default: none.
            allowed_commands: digests of commands on servers that a function may run for a record, if the event that
                calls it has no request. `awsroll plan --json` prints them. Default: none.
            code: the bundle, if it is built already. Default: synthesis builds it.
            code_version: a name of `code`, if synthesis does not know its content: another name publishes the next
                version of each function. Default: the content of the bundle.

        Raises:
            ValueError: if the fleet or the rollouts have a value that no rollout has.
        """
        super().__init__(scope, construct_id)
        topic = sns.Topic.from_topic_arn(self, "Topic", notify) if isinstance(notify, str) else notify
        if topic is not None:
            rollouts = replace(rollouts, notify=(*rollouts.notify, f"sns:{topic.topic_arn}"))
        _check_known(fleet, rollouts)
        if keep is not None and not many_fleets:
            problem = "keep needs many_fleets=True: its rollouts are driven by the machine of many fleets"
            raise ValueError(problem)
        self.table = self._table(table, retention=retention)
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
            version=code_version,
        )
        names = [
            *DRIVER,
            *(STAGES if stages else ()),
            *((CODEPIPELINE,) if codepipeline else ()),
            *((DURABLE,) if durable else ()),
            *(WAVES if many_fleets else ()),
            *((APPROVAL_PAGE,) if approval_links else ()),
            *((KEEP,) if keep is not None else ()),
        ]
        made = Functions(self, names=names, runtime=runtime, logs=kept)
        self.functions, self.live_functions = made.by_name, made.live
        self.fleet_role, self.stages_role = made.fleet_role, made.stages_role
        watched = Watched(logs=kept, tracing=tracing)
        self.machine = self._rollout_machine(timeout, watched)
        self.live_machine = live_machine(self.machine)
        self.fleets_machine = self._fleets_machine(timeout, watched) if many_fleets else None
        self.live_fleets_machine = "" if self.fleets_machine is None else live_machine(self.fleets_machine)
        permitted = replace(
            rollouts,
            store=store,
            sign_key="" if self.sign_key is None else self.sign_key.key_id,
            roles_to_assume=(*rollouts.roles_to_assume, *roles_to_assume),
        )
        self._permit(made, fleet, permitted, rollouts)
        if keep is not None and self.fleets_machine is not None:
            KeepSchedule(self, made, self.fleets_machine, self.live_fleets_machine, keep)
        self.approval_links = ApprovalLinks(self, made) if approval_links else None
        if codepipeline:
            permit_pipeline(self, made.fleet_role, self.functions[CODEPIPELINE])
        self.durable = self._durable_function() if durable else None
        looking = [made.log_groups[name] for name in _LOOK if name in made.log_groups]
        self._awaited = person_awaited(self, looking)
        self.alarms = tuple(self._alarms())
        if topic is not None:
            self.add_alarm_action(actions.SnsAction(topic))

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a principal to start rollouts of the fleets: to any version that the roles may launch.

        Only executions of the alias `live` may be started: they keep the version of the code until their end.
        """
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["states:StartExecution"],
            resource_arns=[
                machine.state_machine_arn for machine in (self.machine, self.fleets_machine) if machine is not None
            ],
            conditions={"ForAnyValue:StringEquals": {"states:StateMachineQualifier": LIVE}},
        )

    def grant_approve(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a principal to send commands to rollouts, such as approve and abort, by the function `control`."""
        return self.live_functions[CONTROL].grant_invoke(grantee)

    def add_alarm_action(self, *alarm_actions: cloudwatch.IAlarmAction) -> None:
        """Add actions to every alarm."""
        for alarm in self.alarms:
            alarm.add_alarm_action(*alarm_actions)

    def metric_started(self) -> cloudwatch.Metric:
        """Return the metric of executions that started."""
        return self.machine.metric_started()

    def metric_succeeded(self) -> cloudwatch.Metric:
        """Return the metric of executions that succeeded."""
        return self.machine.metric_succeeded()

    def metric_failed(self) -> cloudwatch.Metric:
        """Return the metric of executions that failed: their rollouts were refused, rolled back or stopped."""
        return self.machine.metric_failed()

    def metric_duration(self) -> cloudwatch.Metric:
        """Return the metric of the time that executions took."""
        return self.machine.metric_time()

    def metric_person_awaited(self) -> cloudwatch.Metric:
        """Return the metric of looks at rollouts that wait for a person, paused or at a checkpoint."""
        return self._awaited

    def _table(self, table: Table | None, *, retention: bool) -> dynamodb.ITable:
        if not isinstance(table, str):
            return records_table(self, retention=retention) if table is None else table
        if table.startswith("arn:"):
            return dynamodb.Table.from_table_arn(self, "Table", table)
        return dynamodb.Table.from_table_name(self, "Table", table)

    def _permit(self, made: Functions, fleet: Fleet, permitted: Rollouts, rollouts: Rollouts) -> None:
        roles = {
            FunctionKind.DRIVE: made.fleet_role,
            FunctionKind.CHECK: made.prepare_role,
            FunctionKind.PIN: made.plan_role,
            FunctionKind.ASK: made.control_role,
            FunctionKind.WATCH: made.watch_role,
            FunctionKind.KEEP: made.keep_role,
        }
        for kind, role in roles.items():
            if role is not None:
                permit(self, kind, role, fleet, permitted)
        if made.page_role is not None:
            permit(made.page_role, FunctionKind.ASK, made.page_role, fleet, permitted)
        if made.stages_role is not None:
            permit_stages(self, made.stages_role, fleet, rollouts)
        roles_that_answer = (made.fleet_role, made.control_role, made.page_role, made.watch_role)
        answering = [one for one in roles_that_answer if one is not None]
        permit_answering(self, answering, self.machine, self.fleets_machine)

    def _alarms(self) -> Iterator[cloudwatch.Alarm]:
        for one in (self.machine, self.fleets_machine):
            if one is not None:
                yield from watch(one)
        if self.durable is not None:
            yield from watch_durable(self.functions[DURABLE])
        yield watch_waits(self, self._awaited)

    def _durable_function(self) -> lambda_.Alias:
        permit_keeping(self, self.fleet_role, self.functions[DURABLE])
        return self.live_functions[DURABLE]

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
