"""The API shapes of commands, invocations and nodes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.service_limits import PLUGIN_OUTPUT_LENGTH
from awsroll.sandbox.ssm.nodes import WINDOWS

if TYPE_CHECKING:
    from datetime import datetime

    from awsroll.sandbox.ssm.command_runner import Command, Invocation
    from awsroll.sandbox.ssm.nodes import Nodes

PLUGIN = "aws:runShellScript"


def describe_command(command: Command) -> dict[str, Any]:
    """Return a command as an element of `Commands`."""
    status, details = command.status
    invocations = command.invocations.values()
    total = timedelta(seconds=command.timeout_seconds + command.execution_seconds)
    return {
        "CommandId": command.command_id,
        "DocumentName": command.document,
        "DocumentVersion": "$DEFAULT",
        "Comment": command.comment,
        "ExpiresAfter": command.requested_at + total,
        "Parameters": command.parameters,
        "InstanceIds": command.instance_ids,
        "Targets": command.targets,
        "RequestedDateTime": command.requested_at,
        "Status": status,
        "StatusDetails": details,
        "MaxConcurrency": command.max_concurrency,
        "MaxErrors": command.max_errors,
        "TargetCount": len(invocations),
        "CompletedCount": sum(invocation.is_over for invocation in invocations),
        "ErrorCount": command.errors,
        "DeliveryTimedOutCount": sum(invocation.details == "Delivery Timed Out" for invocation in invocations),
        "TimeoutSeconds": command.timeout_seconds,
    }


def describe_invocation(command: Command, invocation: Invocation, *, with_details: bool) -> dict[str, Any]:
    """Return an invocation as an element of `CommandInvocations`."""
    answer: dict[str, Any] = {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "InstanceName": "",
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": "$DEFAULT",
        "RequestedDateTime": command.requested_at,
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": [],
    }
    if with_details:
        plugin: dict[str, Any] = {
            "Name": PLUGIN,
            "Status": invocation.status,
            "StatusDetails": invocation.details,
            "ResponseCode": invocation.response_code,
            "Output": (invocation.output + invocation.error_output)[:PLUGIN_OUTPUT_LENGTH],
        }
        times = {"ResponseStartDateTime": invocation.started_at, "ResponseFinishDateTime": invocation.ended_at}
        answer["CommandPlugins"] = [plugin | {key: at for key, at in times.items() if at is not None}]
    return answer


def describe_result(command: Command, invocation: Invocation) -> dict[str, Any]:
    """Return an invocation as the answer of GetCommandInvocation."""
    has_run = invocation.status not in {"Pending", "Delayed"}
    elapsed = ""
    if invocation.started_at is not None and invocation.ended_at is not None:
        elapsed = f"PT{(invocation.ended_at - invocation.started_at).total_seconds():g}S"
    return {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": "$DEFAULT",
        "PluginName": PLUGIN,
        "ResponseCode": invocation.response_code,
        "ExecutionStartDateTime": _text(invocation.started_at) if has_run else "",
        "ExecutionElapsedTime": elapsed if has_run else "",
        "ExecutionEndDateTime": _text(invocation.ended_at),
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputContent": invocation.output,
        "StandardOutputUrl": "",
        "StandardErrorContent": invocation.error_output,
        "StandardErrorUrl": "",
    }


def describe_node(nodes: Nodes, instance_id: str) -> dict[str, Any]:
    """Return a node as an element of `InstanceInformationList`."""
    return {
        "InstanceId": instance_id,
        "PingStatus": nodes.ping_status(instance_id),
        "LastPingDateTime": nodes.last_ping_at(instance_id),
        "RegistrationDate": nodes.registered_at(instance_id),
        "AgentVersion": "3.3.0.0",
        "IsLatestVersion": True,
        **_platform(nodes.platform(instance_id)),
        "ResourceType": "EC2Instance",
    }


def _platform(kind: str) -> dict[str, str]:
    name, version = ("Microsoft Windows Server 2022", "10.0") if kind == WINDOWS else ("Amazon Linux", "2023")
    return {"PlatformType": kind, "PlatformName": name, "PlatformVersion": version}


def _text(instant: datetime | None) -> str:
    return "" if instant is None else instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
