"""Commands on their way: pending, in progress, and how they end on each node.

What a command does is small and explicit: `sandbox-version LABEL` in its text makes the node's application serve that
version once it succeeded; a line `exit 1` of its own, or the instance tag `sandbox:command=fails`, makes it fail.
Scripts are not interpreted otherwise. Requests and answers are `api.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.timeline import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsroll.sandbox.interfaces import InstanceContext
    from awsroll.sandbox.ssm.nodes import Nodes

VERSION = re.compile(r"sandbox-version[ \t]+[\"']?([\w.+-]+)")
FAILURE = re.compile(r"^exit 1[ \t]*$", re.MULTILINE)
CANCELLING_SECONDS = 1.0
NOT_STARTED = -1


@dataclass(slots=True, kw_only=True)
class Invocation:
    """One command on one node."""

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
        """Whether its status is final."""
        return self.status in {"Success", "Failed", "TimedOut", "Cancelled"}


@dataclass(slots=True, kw_only=True)
class Command:
    """A command and its invocations; seconds are simulated."""

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

    def limit(self, value: str) -> int:
        """Resolve a number or a percentage of the targets; a percentage that rounds to none is 1, 0 % is 0."""
        if not value.endswith("%"):
            return int(value)
        percentage = int(value.removesuffix("%"))
        return max(1 if percentage else 0, len(self.invocations) * percentage // 100)

    @property
    def errors(self) -> int:
        """How many invocations failed or ran out of time while running."""
        counted = {"Failed", "Execution Timed Out"}
        return sum(each.details in counted for each in self.invocations.values())

    @property
    def status(self) -> tuple[str, str]:
        """Answer the command's own status and its details."""
        if not self.invocations:
            return "Failed", "No Instances In Tag"
        if all(each.is_over for each in self.invocations.values()):
            return self._final_status()
        if self.cancelled:
            return "Cancelling", "Cancelling"
        is_pending = all(each.status == "Pending" for each in self.invocations.values())
        return ("Pending", "Pending") if is_pending else ("InProgress", "In Progress")

    def _final_status(self) -> tuple[str, str]:
        details = {each.details for each in self.invocations.values()}
        if self.cancelled:
            return "Cancelled", "Cancelled"
        if details == {"Success"}:
            return "Success", "Success"
        if details in ({"Delivery Timed Out"}, {"Execution Timed Out"}):
            return "TimedOut", details.pop()
        return ("Failed", "Failed") if self.errors > self.limit(self.max_errors) else ("Failed", "Incomplete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A command that reached a node: two with the same text are a command that ran twice."""

    instance_id: str
    command_id: str
    text: str
    at: datetime


class CommandRunner:
    """Delivers commands and lets them end.

    Args:
        context: the time, the switches and the instances.
        nodes: who can be reached.
    """

    def __init__(self, context: InstanceContext, nodes: Nodes) -> None:
        self._context = context
        self._nodes = nodes
        self.deliveries: list[Delivery] = []

    def send(self, command: Command) -> None:
        """Start a command on as many nodes as may run it at a time."""
        for invocation in command.invocations.values():
            seconds = float(command.timeout_seconds)
            invocation.timer = self._context.after(seconds, partial(self._expire, command, invocation))
        self._fill(command)

    def cancel(self, command: Command, instance_ids: list[str]) -> None:
        """Cancel invocations: those not delivered at once, those running after a moment."""
        for instance_id in instance_ids:
            invocation = command.invocations[instance_id]
            if invocation.status == "Pending":
                self._end(command, invocation, "Cancelled", "Cancelled")
            elif invocation.status == "InProgress":
                invocation.status = invocation.details = "Cancelling"
                self._later(invocation, CANCELLING_SECONDS, partial(self._end, command, invocation, "Cancelled"))

    def _fill(self, command: Command) -> None:
        """Hand out the next invocations; after too many errors the rest is terminated."""
        invocations = list(command.invocations.values())
        waiting = [each for each in invocations if each.status == "Pending" and each.started_at is None]
        if command.errors > command.limit(command.max_errors):
            for invocation in waiting:
                self._close(invocation, "Cancelled", "Terminated")
            return
        busy = sum(not each.is_over and each.started_at is not None for each in invocations)
        room = max(1, command.limit(command.max_concurrency)) - busy
        for invocation in waiting[: max(0, room)]:
            invocation.started_at = self._context.now()
            seconds = self._context.options.ssm_delivery_seconds
            self._context.after(seconds, partial(self._deliver, command, invocation))

    def _deliver(self, command: Command, invocation: Invocation) -> None:
        if invocation.status != "Pending" or not self._nodes.is_online(invocation.instance_id):
            return  # cancelled meanwhile, or unreachable: the delivery timeout ends it
        now = self._context.now()
        invocation.status, invocation.details, invocation.started_at = "InProgress", "In Progress", now
        self.deliveries.append(
            Delivery(instance_id=invocation.instance_id, command_id=command.command_id, text=command.text, at=now)
        )
        instance = self._context.ec2.instance(invocation.instance_id)
        seconds = instance.number_tag("sandbox:command-seconds", self._context.options.command_seconds)
        if seconds > command.execution_seconds:
            self._later(invocation, float(command.execution_seconds), partial(self._run_out, command, invocation))
        else:
            self._later(invocation, seconds, partial(self._finish, command, invocation))

    def _finish(self, command: Command, invocation: Invocation) -> None:
        if not self._nodes.is_online(invocation.instance_id):
            left = float(command.execution_seconds)  # a dead agent reports nothing: In Progress until the time is up
            self._later(invocation, left, partial(self._run_out, command, invocation))
            return
        instance = self._context.ec2.instance(invocation.instance_id)
        if instance.tags.get("sandbox:command") == "fails" or FAILURE.search(command.text):
            invocation.response_code, invocation.error_output = 1, "failed to run commands: exit status 1"
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
        invocation.response_code = 137  # the shell was killed
        self._end(command, invocation, "TimedOut", "Execution Timed Out")

    def _end(self, command: Command, invocation: Invocation, status: str, details: str | None = None) -> None:
        self._close(invocation, status, details or status)
        self._fill(command)

    def _close(self, invocation: Invocation, status: str, details: str) -> None:
        if invocation.timer is not None:
            invocation.timer.cancel()
        invocation.status, invocation.details, invocation.ended_at = status, details, self._context.now()

    def _later(self, invocation: Invocation, seconds: float, action: Callable[[], None]) -> None:
        if invocation.timer is not None:
            invocation.timer.cancel()
        invocation.timer = self._context.after(seconds, action)
