"""Hooks that are scripts on the server itself, through SSM Run Command.

SSM runs them, so nothing runs in the background here: each look sends what is not sent yet and asks about the rest.
As with reload commands, a run carries its number in its comment and is searched for before it is sent, and the script
is wrapped so that a second delivery does no harm.
"""

import shlex
from datetime import datetime, timedelta

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.model.hooks import HookRun, HookSeen, HookState
from awsroll.errors import AwsRefusedError, AwsUnansweredError
from awsroll.fleets.reload_script import run_once
from awsroll.hooks.local_commands import variables

_DOCUMENT = "AWS-RunShellScript"
_LEAST_SECONDS, _MOST_SECONDS = 30, 172_800  # SSM's bounds
_SEARCHED = timedelta(hours=24)
_OFFLINE = "InvalidInstanceId"
_ENDED = {"Success", "Failed", "TimedOut", "Cancelled"}
_LONGEST_OUTPUT = 300


class Scripts:
    """The scripts that run on servers now."""

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._runs: dict[int, tuple[HookRun, datetime]] = {}
        self._sent: dict[int, str] = {}

    def start(self, run: HookRun) -> None:
        """Begin a run; it is sent at the next look."""
        self._runs[run.call.number] = (run, run.call.since or self._aws.clock.now())

    def forget(self, number: int) -> None:
        """Look no more at a run; what was sent runs on."""
        self._runs.pop(number, None)
        self._sent.pop(number, None)

    def look(self) -> tuple[HookSeen, ...]:
        """Send what is not sent yet, and return how each run stands."""
        return tuple(self._look(run, begun) for run, begun in tuple(self._runs.values()))

    def _look(self, run: HookRun, begun: datetime) -> HookSeen:
        number, late = run.call.number, ""
        try:
            if number not in self._sent:
                self._send(run)
            answer = self._aws.ssm.invocation(self._sent[number], run.call.subject)
            if answer is not None and answer.get("Status") in _ENDED:
                return _read(number, answer)
        except AwsRefusedError as error:
            if error.code != _OFFLINE:
                return HookSeen(number=number, state=HookState.FAILED, detail=str(error))
            late = ", its SSM agent is not online"  # of a new server, it may be in a moment
        except AwsUnansweredError as error:
            late = f", {error}"
        seconds = run.hook.timeout_seconds
        if (self._aws.clock.now() - begun).total_seconds() >= seconds:
            return HookSeen(number=number, state=HookState.FAILED, detail=f"not finished within {seconds:g} s{late}")
        return HookSeen(number=number, state=HookState.RUNNING)

    def _send(self, run: HookRun) -> None:
        comment = f"awsroll {run.event.rollout_id} hook {run.call.number}"
        for command in self._aws.ssm.commands(self._aws.clock.now() - _SEARCHED):
            if command.get("Comment") == comment:
                self._sent[run.call.number] = command["CommandId"]
                return
        self._sent[run.call.number] = self._aws.ssm.send_command(_request(run, comment))


def _request(run: HookRun, comment: str) -> Reply:
    seconds = min(_MOST_SECONDS, max(_LEAST_SECONDS, round(run.hook.timeout_seconds)))
    told = [f"export {name}={shlex.quote(value)}" for name, value in variables(run.event).items()]
    script = run_once((*told, *run.hook.script), rollout_id=f"{run.event.rollout_id}.hook", attempt=run.call.number)
    return {
        "InstanceIds": [run.call.subject],
        "DocumentName": _DOCUMENT,
        "Parameters": {"commands": [script], "executionTimeout": [str(seconds)]},
        "Comment": comment,
        "TimeoutSeconds": seconds,
    }


def _read(number: int, answer: Reply) -> HookSeen:
    if answer["Status"] == "Success":
        return HookSeen(number=number, state=HookState.SUCCEEDED)
    detail = str(answer.get("StatusDetails") or answer["Status"])
    code = answer.get("ResponseCode")
    detail += f", exit code {code}" if code is not None and code >= 0 else ""
    output = " ".join(str(answer.get("StandardErrorContent") or answer.get("StandardOutputContent", "")).split())
    detail += f": {output[-_LONGEST_OUTPUT:]}" if output else ""
    return HookSeen(number=number, state=HookState.FAILED, detail=detail)
