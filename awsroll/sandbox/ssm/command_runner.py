"""The delivery of commands, and their result on each node.

Scripts are not run. `sandbox-version LABEL` makes the node's application serve that version after success. The exit
code of simple scripts is derived in `scripts.py`. `simulated_probe.py` simulates the drain probe of awsroll. The
instance tag `sandbox:command=fails` makes every command fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.ssm import simulated_probe
from awsroll.sandbox.ssm.scripts import exit_code
from awsroll.sandbox.timeline import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsroll.sandbox.interfaces import InstanceContext
    from awsroll.sandbox.ssm.nodes import Nodes

VERSION = re.compile(r"sandbox-version[ \t]+[\"']?([\w.+-]+)")
CANCELLING_SECONDS = 1.0
NOT_STARTED = -1


@dataclass(slots=True, kw_only=True)
class Invocation:
    """A command on one node."""

    instance_id: str
    status: str = "Pending"
    details: str = "Pending"
    response_code: int = NOT_STARTED
    started_at: datetime | None = None
    ended_at: datetime | None = None
    output: str = ""
    error_output: str = ""
    timer: Timer | None = None

    @property
    def is_over(self) -> bool:
        """Whether the status is final."""
        return self.status in {"Success", "Failed", "TimedOut", "Cancelled"}


@dataclass(slots=True, kw_only=True)
class Command:
    """A command and its invocations. Seconds are simulated."""

    command_id: str
    document: str
    text: str
    comment: str
    parameters: dict[str, list[str]]
    targets: list[dict[str, Any]]
    instance_ids: list[str]
    requested_at: datetime
    visible_at: datetime
    timeout_seconds: int
    execution_seconds: int
    max_concurrency: str
    max_errors: str
    invocations: dict[str, Invocation] = field(default_factory=dict)
    cancelled: bool = False

    @property
    def script(self) -> str:
        """The lines of a shell command; of another document, the text of its parameters."""
        return "\n".join(self.parameters.get("commands") or [self.text])

    def limit(self, value: str) -> int:
        """Return a number, or a percentage of the targets: 0 % is 0, and any other percentage at least 1."""
        if not value.endswith("%"):
            return int(value)
        percentage = int(value.removesuffix("%"))
        return max(1 if percentage else 0, len(self.invocations) * percentage // 100)

    @property
    def errors(self) -> int:
        """The number of invocations that failed or exceeded their execution timeout."""
        counted = {"Failed", "Execution Timed Out"}
        return sum(invocation.details in counted for invocation in self.invocations.values())

    @property
    def status(self) -> tuple[str, str]:
        """The status of the command and its details."""
        if not self.invocations:
            return "Failed", "No Instances In Tag"
        if all(invocation.is_over for invocation in self.invocations.values()):
            return self._final_status()
        if self.cancelled:
            return "Cancelling", "Cancelling"
        is_pending = all(invocation.status == "Pending" for invocation in self.invocations.values())
        return ("Pending", "Pending") if is_pending else ("InProgress", "In Progress")

    def _final_status(self) -> tuple[str, str]:
        details = {invocation.details for invocation in self.invocations.values()}
        if self.cancelled:
            return "Cancelled", "Cancelled"
        if details == {"Success"}:
            return "Success", "Success"
        if details in ({"Delivery Timed Out"}, {"Execution Timed Out"}):
            return "TimedOut", details.pop()
        return ("Failed", "Failed") if self.errors > self.limit(self.max_errors) else ("Failed", "Incomplete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The delivery of a command to a node. Two deliveries with the same text are a command that ran twice."""

    instance_id: str
    command_id: str
    text: str
    at: datetime


class CommandRunner:
    """Delivers and ends commands.

    Args:
        context: the time, the switches and the instances.
        nodes: the managed nodes.
    """

    def __init__(self, context: InstanceContext, nodes: Nodes) -> None:
        self._context = context
        self._nodes = nodes
        self.deliveries: list[Delivery] = []

    def send(self, command: Command) -> None:
        """Start a command on as many nodes as its concurrency allows."""
        for invocation in command.invocations.values():
            seconds = float(command.timeout_seconds)
            invocation.timer = self._context.after(seconds, partial(self._expire, command, invocation))
        self._fill(command)

    def cancel(self, command: Command, instance_ids: list[str]) -> None:
        """Cancel invocations: pending ones at once, running ones after a delay."""
        for instance_id in instance_ids:
            invocation = command.invocations[instance_id]
            if invocation.status == "Pending":
                self._end(command, invocation, "Cancelled", "Cancelled")
            elif invocation.status == "InProgress":
                invocation.status = invocation.details = "Cancelling"
                self._schedule(invocation, CANCELLING_SECONDS, partial(self._end, command, invocation, "Cancelled"))

    def _fill(self, command: Command) -> None:
        """Start the next invocations; after too many errors, terminate the rest."""
        invocations = list(command.invocations.values())
        waiting = [
            invocation for invocation in invocations if invocation.status == "Pending" and invocation.started_at is None
        ]
        if command.errors > command.limit(command.max_errors):
            for invocation in waiting:
                self._close(invocation, "Cancelled", "Terminated")
            return
        busy = sum(not invocation.is_over and invocation.started_at is not None for invocation in invocations)
        room = max(1, command.limit(command.max_concurrency)) - busy
        for invocation in waiting[: max(0, room)]:
            invocation.started_at = self._context.now()
            seconds = self._context.options.ssm_delivery_seconds
            self._context.after(seconds, partial(self._deliver, command, invocation))

    def _deliver(self, command: Command, invocation: Invocation) -> None:
        if invocation.status != "Pending" or not self._nodes.is_online(invocation.instance_id):
            return  # cancelled or offline: the delivery timeout ends the invocation
        now = self._context.now()
        invocation.status, invocation.details, invocation.started_at = "InProgress", "In Progress", now
        self.deliveries.append(
            Delivery(instance_id=invocation.instance_id, command_id=command.command_id, text=command.text, at=now)
        )
        if simulated_probe.is_probe(command.script):
            self._probe(command, invocation, simulated_probe.Samples.of(command.script))
            return
        instance = self._context.ec2.instance(invocation.instance_id)
        seconds = instance.number_tag("sandbox:command-seconds", self._context.options.command_seconds)
        if seconds > command.execution_seconds:
            self._schedule(invocation, float(command.execution_seconds), partial(self._run_out, command, invocation))
        else:
            self._schedule(invocation, seconds, partial(self._finish, command, invocation))

    def _probe(self, command: Command, invocation: Invocation, samples: simulated_probe.Samples) -> None:
        """Take a sample each second, as the script does."""
        node_id = invocation.instance_id
        is_failing = self._context.ec2.instance(node_id).tags.get("sandbox:command") == "fails"
        ended = samples.add(None if is_failing else self._context.open_connections(node_id))
        if ended is None and self._nodes.is_online(node_id):
            self._schedule(invocation, 1.0, partial(self._probe, command, invocation, samples))
        elif ended is not None:
            invocation.response_code, invocation.output = ended, "" if ended else "0\n"
            self._end(command, invocation, "Failed" if ended else "Success")

    def _finish(self, command: Command, invocation: Invocation) -> None:
        if not self._nodes.is_online(invocation.instance_id):
            seconds = float(command.execution_seconds)  # an offline agent reports nothing until the timeout
            self._schedule(invocation, seconds, partial(self._run_out, command, invocation))
            return
        instance = self._context.ec2.instance(invocation.instance_id)
        code = 1 if instance.tags.get("sandbox:command") == "fails" else exit_code(command.script)
        if code:
            invocation.response_code, invocation.error_output = code, f"failed to run commands: exit status {code}"
            self._end(command, invocation, "Failed")
            return
        if label := VERSION.search(command.text):
            self._context.ec2.reload(invocation.instance_id, label[1])
            invocation.output = f"serving {label[1]}\n"
        invocation.response_code = 0
        self._end(command, invocation, "Success")

    def _expire(self, command: Command, invocation: Invocation) -> None:
        if invocation.status == "Pending":
            self._end(command, invocation, "TimedOut", "Delivery Timed Out")

    def _run_out(self, command: Command, invocation: Invocation) -> None:
        invocation.response_code = 137  # the exit status of a killed shell
        self._end(command, invocation, "TimedOut", "Execution Timed Out")

    def _end(self, command: Command, invocation: Invocation, status: str, details: str | None = None) -> None:
        self._close(invocation, status, details or status)
        self._fill(command)

    def _close(self, invocation: Invocation, status: str, details: str) -> None:
        if invocation.timer is not None:
            invocation.timer.cancel()
        invocation.status, invocation.details, invocation.ended_at = status, details, self._context.now()

    def _schedule(self, invocation: Invocation, seconds: float, action: Callable[[], None]) -> None:
        if invocation.timer is not None:
            invocation.timer.cancel()
        invocation.timer = self._context.after(seconds, action)
