"""The reload commands of a fleet, sent through SSM Run Command.

SSM has no client token. So each command carries the rollout and the number of the attempt in its comment, and awsroll
searches for that comment before it sends the command. `reload_script` wraps shell commands so that they run once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from awsroll.aws.batches import batches
from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.aws_limits import COMMAND_INSTANCES
from awsroll.core.aws_names import command_comment
from awsroll.core.model.action_results import Result
from awsroll.core.model.actions import SendCommand
from awsroll.core.model.observation import CommandState, Invocation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import ReloadCommand
from awsroll.core.model.status import Status
from awsroll.errors import AwsRefusedError, AwsUnansweredError, NotImplementedByEndpointError
from awsroll.fleets.fallbacks import LIST_INVOCATIONS, Fallbacks
from awsroll.fleets.reload_script import run_once
from awsroll.fleets.results import done, failed, refused

_SHELL_DOCUMENT = "AWS-RunShellScript"
_LEAST_SECONDS = 30  # the smallest delivery timeout of SSM
_CLOCK_SKEW = timedelta(minutes=5)
_SEARCHED = timedelta(hours=24)
_FOLDED = {
    "Success": CommandState.SUCCEEDED,
    "Failed": CommandState.FAILED,
    "TimedOut": CommandState.FAILED,
    "Cancelled": CommandState.FAILED,
}
_LONGEST_DETAIL = 300
# The agent is not running or not registered; it may come online later.
_OFFLINE = "InvalidInstanceId"


class Commands:
    """The reload commands of one fleet."""

    def __init__(self, aws: Connection, fallbacks: Fallbacks) -> None:
        self._aws = aws
        self._fallbacks = fallbacks
        self._found: dict[tuple[str, int], set[str]] = {}
        self._ended: dict[str, list[Reply]] = {}

    def observe(self, rollout: Rollout, status: Status) -> tuple[Invocation, ...]:
        """Return the state of the command on each instance that reloads. If none reloads, make no call."""
        sendings = {name: server.attempt or server.void_attempt for name, server in status.servers.items()}
        flying = {name: attempt for name, attempt in sendings.items() if attempt}
        if rollout.reload is None or not flying:
            return ()
        wanted = set(flying.values())
        commands = self._search(rollout, status.started_at, wanted)
        states: dict[tuple[str, int], Invocation] = {}
        for attempt in sorted(wanted):
            sent = [name for name, number in flying.items() if number == attempt]
            for invocation in self._invocations(commands.get(attempt, ()), attempt, sent):
                if invocation.instance_id in sent:
                    other = states.get((invocation.instance_id, attempt))
                    states[invocation.instance_id, attempt] = (
                        invocation if other is None else _stronger(other, invocation)
                    )
        return tuple(states[key] for key in sorted(states))

    def send(self, rollout: Rollout, action: SendCommand, instance_ids: Sequence[str]) -> Result:
        """Send the command to the instances that have not received this attempt."""
        reload = rollout.reload
        if reload is None:
            return refused(action, "NoCommand", "the rollout has no reload command")
        already_sent = self._sent_to(rollout, action.attempt)
        waiting = [instance_id for instance_id in instance_ids if instance_id not in already_sent]
        sent, offline = [instance_id for instance_id in instance_ids if instance_id in already_sent], list[str]()
        for batch in batches(waiting, COMMAND_INSTANCES):
            try:
                accepted, message = self._send(rollout, reload, action.attempt, batch)
            except (AwsRefusedError, AwsUnansweredError) as error:
                if sent and not isinstance(error, AwsUnansweredError):
                    return done(action, instance_ids=tuple(sent), message=str(error))
                return failed(action, error)
            sent += accepted
            offline += [message] if message else []
        if not sent:
            return refused(
                action, _OFFLINE, offline[0] if offline else "there is no instance to send to", transient=True
            )
        return done(action, instance_ids=tuple(sent), message="; ".join(offline))

    def _send(
        self, rollout: Rollout, reload: ReloadCommand, attempt: int, batch: Sequence[str]
    ) -> tuple[list[str], str]:
        """Send to all instances in one call. If one is offline SSM refuses all: then send to each on its own."""
        try:
            command_id = self._aws.ssm.send_command(_request(rollout, reload, attempt, batch))
        except AwsRefusedError as error:
            if error.code != _OFFLINE:
                raise
            if len(batch) == 1:
                return [], f"{batch[0]}: its SSM agent is not online ({error})"
            answers = [self._send(rollout, reload, attempt, [instance_id]) for instance_id in batch]
            return [name for names, _ in answers for name in names], "; ".join(text for _, text in answers if text)
        self._found.setdefault((rollout.rollout_id, attempt), set()).add(command_id)
        return list(batch), ""

    def _sent_to(self, rollout: Rollout, attempt: int) -> set[str]:
        since = self._aws.now() - _SEARCHED
        sent: set[str] = set()
        for command in self._aws.ssm.commands(since):
            if command.get("Comment") == _comment(rollout, attempt):
                self._found.setdefault((rollout.rollout_id, attempt), set()).add(command["CommandId"])
                sent |= set(command.get("InstanceIds", []))
        return sent

    def _search(self, rollout: Rollout, since: datetime, wanted: set[int]) -> dict[int, set[str]]:
        """Return the command ids of each attempt; search SSM only for attempts that were not found before."""
        unknown = {attempt for attempt in wanted if (rollout.rollout_id, attempt) not in self._found}
        if unknown:
            comments = {_comment(rollout, attempt): attempt for attempt in unknown}
            for command in self._aws.ssm.commands(since - _CLOCK_SKEW):
                attempt = comments.get(command.get("Comment", ""), 0)
                if attempt:
                    self._found.setdefault((rollout.rollout_id, attempt), set()).add(command["CommandId"])
        return {attempt: self._found.get((rollout.rollout_id, attempt), set()) for attempt in wanted}

    def _invocations(
        self, command_ids: Iterable[str], attempt: int, instance_ids: Sequence[str]
    ) -> Iterable[Invocation]:
        for command_id in sorted(command_ids):
            answers = self._ended.get(command_id, [])
            if not set(instance_ids) <= {invocation["InstanceId"] for invocation in answers}:
                answers = self._ask(command_id, instance_ids)
                if all(invocation.get("Status") in _FOLDED for invocation in answers):
                    self._ended[command_id] = answers
            for invocation in answers:
                yield _read(invocation, attempt)

    def _ask(self, command_id: str, instance_ids: Sequence[str]) -> list[Reply]:
        if not self._fallbacks.lacks(LIST_INVOCATIONS):
            try:
                return self._aws.ssm.invocations(command_id)
            except NotImplementedByEndpointError as error:
                self._fallbacks.note(
                    LIST_INVOCATIONS, f"{error}; awsroll reads the command of each instance on its own"
                )
        invocations = (self._aws.ssm.invocation(command_id, instance_id) for instance_id in instance_ids)
        return [invocation for invocation in invocations if invocation is not None]


def _comment(rollout: Rollout, attempt: int) -> str:
    return command_comment(rollout.rollout_id, attempt)


def _request(rollout: Rollout, reload: ReloadCommand, attempt: int, batch: Sequence[str]) -> Reply:
    """Return the request. Both timeouts are the reload's deadline, so that no command runs after the deadline."""
    seconds = max(_LEAST_SECONDS, round(rollout.limits.launch_seconds))
    if reload.document:
        parameters: Reply = {key: list(values) for key, values in reload.parameters.items()}
    else:
        script = run_once(reload.commands, rollout_id=rollout.rollout_id, attempt=attempt)
        parameters = {"commands": [script], "executionTimeout": [str(seconds)]}
    return {
        "InstanceIds": list(batch),
        "DocumentName": reload.document or _SHELL_DOCUMENT,
        "Parameters": parameters,
        "Comment": _comment(rollout, attempt),
        "TimeoutSeconds": seconds,
        "MaxConcurrency": "100%",
        "MaxErrors": "100%",  # by default one failure stops the command on the others
    }


def _read(invocation: Reply, attempt: int) -> Invocation:
    state = _FOLDED.get(invocation.get("Status", ""), CommandState.RUNNING)
    detail = invocation.get("StatusDetails", "") or invocation.get("Status", "")
    for plugin in invocation.get("CommandPlugins", []):
        if state is CommandState.FAILED and plugin.get("Status") != "Success":
            code, output = plugin.get("ResponseCode"), " ".join(str(plugin.get("Output", "")).split())
            ended = f", exit code {code}" if code is not None and code >= 0 else ""
            detail = f"{detail}{ended}" + (f": {output[-_LONGEST_DETAIL:]}" if output else "")
            break
    return Invocation(attempt=attempt, instance_id=invocation["InstanceId"], state=state, detail=detail)


def _stronger(first: Invocation, other: Invocation) -> Invocation:
    """Choose between two deliveries of one attempt: a running one first, then a successful one."""
    order = (CommandState.RUNNING, CommandState.SUCCEEDED, CommandState.FAILED, CommandState.UNSENT)
    return min(first, other, key=lambda invocation: order.index(invocation.state))
