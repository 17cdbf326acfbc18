"""The Run Command operations of SSM: send, list, get, cancel, and which nodes there are.

Just after SendCommand a command is unknown to all operations that read (eventual consistency).
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from awsroll.sandbox.handling import PageSize, page, refuse, with_token
from awsroll.sandbox.ssm import views
from awsroll.sandbox.ssm.command_runner import Command, CommandRunner, Invocation
from awsroll.sandbox.ssm.requests import check

if TYPE_CHECKING:
    from awsroll.sandbox.handling import Answer, Handler, Parameters
    from awsroll.sandbox.interfaces import InstanceContext
    from awsroll.sandbox.ssm.nodes import Nodes

LISTED = PageSize(default=50, most=50, parameter="MaxResults", refusal="ValidationException")
NODES = PageSize(default=10, least=5, most=50, parameter="MaxResults", refusal="ValidationException")


class CommandOperations:
    """Handlers of the Run Command operations.

    Args:
        context: the time, the switches and the instances.
        nodes: who can be reached.
        runner: delivers what is sent.
    """

    def __init__(self, context: InstanceContext, nodes: Nodes, runner: CommandRunner) -> None:
        self._context = context
        self._nodes = nodes
        self._runner = runner
        self._commands: dict[str, Command] = {}
        self._random = Random(0)  # noqa: S311  repeatable on purpose

    def operations(self) -> dict[str, Handler]:
        """Answer the handlers by operation name."""
        return {
            "SendCommand": self.send,
            "ListCommands": self.list_commands,
            "ListCommandInvocations": self.list_invocations,
            "GetCommandInvocation": self.get,
            "CancelCommand": self.cancel,
            "DescribeInstanceInformation": self.describe_nodes,
        }

    def send(self, parameters: Parameters) -> Answer:
        """Send a command; every call is a new one, there is no idempotency token."""
        request = check(self._context, self._nodes, parameters)
        now = self._context.now()
        command = Command(
            command_id=str(UUID(int=self._random.getrandbits(128), version=4)),
            document=request.document,
            text=request.text,
            comment=request.comment,
            parameters=request.parameters,
            targets=request.targets,
            instance_ids=[] if request.targets else request.instance_ids,
            requested_at=now,
            visible_at=now + self._context.scaled(self._context.options.ssm_visibility_seconds),
            timeout_seconds=request.timeout_seconds,
            execution_seconds=request.execution_seconds,
            max_concurrency=request.max_concurrency,
            max_errors=request.max_errors,
            invocations={each: Invocation(instance_id=each) for each in request.instance_ids},
        )
        self._commands[command.command_id] = command
        answer = {"Command": views.describe_command(command)}
        self._runner.send(command)
        return answer

    def list_commands(self, parameters: Parameters) -> Answer:
        """Answer commands, the latest first."""
        found = [
            command
            for command in self._visible(parameters)
            if all(_meets(command, command.status, each) for each in parameters.get("Filters") or [])
        ]
        shown, token = page(found, parameters, LISTED)
        return with_token({"Commands": [views.describe_command(command) for command in shown]}, token)

    def list_invocations(self, parameters: Parameters) -> Answer:
        """Answer invocations, one row for each command and node."""
        instance_id, filters = parameters.get("InstanceId"), parameters.get("Filters") or []
        pairs = [(command, each) for command in self._visible(parameters) for each in command.invocations.values()]
        found = [
            (command, each)
            for command, each in pairs
            if instance_id in (None, each.instance_id)
            and all(_meets(command, (each.status, each.details), one) for one in filters)
        ]
        shown, token = page(found, parameters, LISTED)
        details = bool(parameters.get("Details"))
        rows = [views.describe_invocation(command, each, with_details=details) for command, each in shown]
        return with_token({"CommandInvocations": rows}, token)

    def get(self, parameters: Parameters) -> Answer:
        """Answer one invocation with its output."""
        command_id, instance_id = str(parameters["CommandId"]), str(parameters["InstanceId"])
        command = self._commands.get(command_id)
        plugin = parameters.get("PluginName")
        if plugin not in (None, views.PLUGIN):
            refuse(f"The plugin name {plugin} is not valid", code="InvalidPluginName")
        if command is None or command.visible_at > self._context.now() or instance_id not in command.invocations:
            message = f"The command ID {command_id} and instance ID {instance_id} do not match any invocations"
            return refuse(message, code="InvocationDoesNotExist")
        return views.describe_result(command, command.invocations[instance_id])

    def cancel(self, parameters: Parameters) -> Answer:
        """Cancel a command, everywhere or on some nodes; what ran before that is not undone."""
        command = self._commands.get(str(parameters["CommandId"]))
        if command is None:
            return refuse("The command ID is not valid", code="InvalidCommandId")
        ids = [str(each) for each in parameters.get("InstanceIds") or []]
        unknown = [each for each in ids if each not in command.invocations]
        if unknown:
            refuse(f"The command was not sent to {', '.join(unknown)}", code="InvalidInstanceId")
        command.cancelled = not ids
        self._runner.cancel(command, ids or list(command.invocations))
        return {}

    def describe_nodes(self, parameters: Parameters) -> Answer:
        """Answer the managed nodes; instances that never had an agent online are absent."""
        filters = [(str(each["Key"]), list(each["Values"])) for each in parameters.get("Filters") or []]
        old = parameters.get("InstanceInformationFilterList") or []
        filters += [(str(each["key"]), list(each["valueSet"])) for each in old]
        found = [each for each in self._nodes.all_ids() if all(self._is(each, *one) for one in filters)]
        shown, token = page(found, parameters, NODES)
        rows = [views.describe_node(self._nodes, each) for each in shown]
        return with_token({"InstanceInformationList": rows}, token)

    def _visible(self, parameters: Parameters) -> list[Command]:
        command_id, instance_id = parameters.get("CommandId"), parameters.get("InstanceId")
        now = self._context.now()
        return [
            command
            for command in reversed(self._commands.values())
            if command.visible_at <= now
            and command_id in (None, command.command_id)
            and (instance_id is None or instance_id in command.invocations)
        ]

    def _is(self, instance_id: str, key: str, values: list[str]) -> bool:
        if key == "InstanceIds":
            return instance_id in values
        if key == "PingStatus":
            return self._nodes.ping_status(instance_id) in values
        if key == "PlatformTypes":
            return "Linux" in values
        if key == "ResourceType":
            return "EC2Instance" in values
        if key.startswith("tag:"):
            return self._context.ec2.instance(instance_id).tags.get(key.removeprefix("tag:")) in values
        return refuse(f"The filter key {key} is not valid", code="InvalidFilterKey")


def _meets(command: Command, status: tuple[str, str], wanted: dict[str, Any]) -> bool:
    key, value = str(wanted["key"]), str(wanted["value"])
    match key:
        case "Status":
            return value in (status[0], status[1].replace(" ", ""))
        case "DocumentName":
            return value == command.document
        case "InvokedAfter":
            return command.requested_at >= _instant(value)
        case "InvokedBefore":
            return command.requested_at <= _instant(value)
        case "ExecutionStage":
            return value == ("Executing" if status[0] in {"Pending", "InProgress", "Cancelling"} else "Complete")
        case _:
            return refuse(f"The filter key {key} is not valid", code="InvalidFilterKey")


def _instant(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return refuse(f"{value} is not a valid timestamp", code="ValidationException")
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
