"""The Run Command operations of SSM: send, list, get and cancel commands, and describe nodes.

A new command is unknown to the reading operations for a while (eventual consistency).
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from awsroll.sandbox.handler_parts import page, refuse, timestamp, with_token
from awsroll.sandbox.service_limits import COMMAND_PAGES, NODE_PAGES
from awsroll.sandbox.ssm import views
from awsroll.sandbox.ssm.command_runner import Command, CommandRunner, Invocation
from awsroll.sandbox.ssm.requests import check

if TYPE_CHECKING:
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters
    from awsroll.sandbox.interfaces import InstanceContext
    from awsroll.sandbox.ssm.nodes import Nodes


class CommandOperations:
    """Handlers of the Run Command operations.

    Args:
        context: the time, the switches and the instances.
        nodes: the managed nodes.
        runner: delivers the commands.
    """

    def __init__(self, context: InstanceContext, nodes: Nodes, runner: CommandRunner) -> None:
        self._context = context
        self._nodes = nodes
        self._runner = runner
        self._commands: dict[str, Command] = {}
        self._random = Random(0)  # noqa: S311  repeatable on purpose

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {
            "SendCommand": self.send,
            "ListCommands": self.list_commands,
            "ListCommandInvocations": self.list_invocations,
            "GetCommandInvocation": self.get,
            "CancelCommand": self.cancel,
            "DescribeInstanceInformation": self.describe_nodes,
        }

    def send(self, parameters: Parameters) -> Answer:
        """Send a command. Each call sends a new command, because there is no idempotency token."""
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
            invocations={instance_id: Invocation(instance_id=instance_id) for instance_id in request.instance_ids},
        )
        self._commands[command.command_id] = command
        answer = {"Command": views.describe_command(command)}
        self._runner.send(command)
        return answer

    def list_commands(self, parameters: Parameters) -> Answer:
        """Return commands, newest first."""
        commands = [
            command
            for command in self._visible(parameters)
            if all(_meets(command, command.status, condition) for condition in parameters.get("Filters") or [])
        ]
        shown, token = page(commands, parameters, COMMAND_PAGES)
        return with_token({"Commands": [views.describe_command(command) for command in shown]}, token)

    def list_invocations(self, parameters: Parameters) -> Answer:
        """Return invocations, one for each command and node."""
        instance_id, filters = parameters.get("InstanceId"), parameters.get("Filters") or []
        pairs = [
            (command, invocation)
            for command in self._visible(parameters)
            for invocation in command.invocations.values()
        ]
        selected = [
            (command, invocation)
            for command, invocation in pairs
            if instance_id in (None, invocation.instance_id)
            and all(_meets(command, (invocation.status, invocation.details), condition) for condition in filters)
        ]
        shown, token = page(selected, parameters, COMMAND_PAGES)
        details = bool(parameters.get("Details"))
        rows = [views.describe_invocation(command, invocation, with_details=details) for command, invocation in shown]
        return with_token({"CommandInvocations": rows}, token)

    def get(self, parameters: Parameters) -> Answer:
        """Return one invocation with its output."""
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
        """Cancel a command on all or some nodes. Completed invocations keep their effect."""
        command = self._commands.get(str(parameters["CommandId"]))
        if command is None:
            return refuse("The command ID is not valid", code="InvalidCommandId")
        ids = [str(instance_id) for instance_id in parameters.get("InstanceIds") or []]
        unknown = [instance_id for instance_id in ids if instance_id not in command.invocations]
        if unknown:
            refuse(f"The command was not sent to {', '.join(unknown)}", code="InvalidInstanceId")
        command.cancelled = not ids
        self._runner.cancel(command, ids or list(command.invocations))
        return {}

    def describe_nodes(self, parameters: Parameters) -> Answer:
        """Return the managed nodes. Instances whose agent was never online are absent."""
        filters = [(str(condition["Key"]), list(condition["Values"])) for condition in parameters.get("Filters") or []]
        old = parameters.get("InstanceInformationFilterList") or []
        filters += [(str(condition["key"]), list(condition["valueSet"])) for condition in old]
        node_ids = [
            node_id for node_id in self._nodes.all_ids() if all(self._is(node_id, *condition) for condition in filters)
        ]
        shown, token = page(node_ids, parameters, NODE_PAGES)
        rows = [views.describe_node(self._nodes, node_id) for node_id in shown]
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
        return _refuse_filter(key)


def _refuse_filter(key: str) -> NoReturn:
    refuse(f"The filter key {key} is not valid", code="InvalidFilterKey")


def _meets(command: Command, status: tuple[str, str], condition: dict[str, Any]) -> bool:
    key, value = str(condition["key"]), str(condition["value"])
    match key:
        case "Status":
            return value in (status[0], status[1].replace(" ", ""))
        case "DocumentName":
            return value == command.document
        case "InvokedAfter":
            return command.requested_at >= timestamp(value, code="ValidationException")
        case "InvokedBefore":
            return command.requested_at <= timestamp(value, code="ValidationException")
        case "ExecutionStage":
            return value == ("Executing" if status[0] in {"Pending", "InProgress", "Cancelling"} else "Complete")
        case _:
            return _refuse_filter(key)
