"""Hooks that are scripts on the server itself, through SSM Run Command.

SSM runs the scripts, so nothing runs in the background here: each observation sends the new scripts and asks SSM about
the others. The number of a run is in the comment of its command. Before a script is sent, this comment is searched for,
and a wrapper makes a second delivery harmless.
"""

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.aws_names import command_comment
from awsroll.core.model.hook_calls import HookRun, HookSeen, HookState
from awsroll.errors import AwsRefusedError, AwsUnansweredError
from awsroll.fleets.reload_script import run_once
from awsroll.hooks.local_commands import HookFailedError, variables
from awsroll.hooks.probe_answers import check_answer

_DOCUMENT = "AWS-RunShellScript"
_LEAST_SECONDS, _MOST_SECONDS = 30, 172_800  # SSM's bounds
_SEARCH_PERIOD = timedelta(hours=24)
_OFFLINE = "InvalidInstanceId"
ENDED = {"Success", "Failed", "TimedOut", "Cancelled"}
_LONGEST_OUTPUT = 300


class ServerScripts:
    """The scripts that run on servers."""

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._runs: dict[int, tuple[HookRun, datetime]] = {}
        self._sent: dict[int, str] = {}

    def start(self, run: HookRun) -> None:
        """Start a run; the next observation sends it."""
        self._runs[run.call.number] = (run, run.call.since or self._aws.now())

    def forget(self, number: int) -> None:
        """Stop observing a run. A script that was sent continues."""
        self._runs.pop(number, None)
        self._sent.pop(number, None)

    def observe(self) -> tuple[HookSeen, ...]:
        """Send the scripts that were not sent yet, and return the state of each run."""
        return tuple(self._observe(run, started) for run, started in tuple(self._runs.values()))

    def _observe(self, run: HookRun, started: datetime) -> HookSeen:
        number, cause = run.call.number, ""
        try:
            if number not in self._sent:
                self._send(run)
            answer = self._aws.ssm.invocation(self._sent[number], run.call.subject)
            if answer is not None and answer.get("Status") in ENDED:
                return _read(run, answer)
        except AwsRefusedError as error:
            if error.code != _OFFLINE:
                return HookSeen(number=number, state=HookState.FAILED, detail=str(error))
            cause = ", its SSM agent is not online"  # the agent of a new server may still come online
        except AwsUnansweredError as error:
            cause = f", {error}"
        seconds = run.hook.timeout_seconds
        if (self._aws.now() - started).total_seconds() >= seconds:
            return HookSeen(number=number, state=HookState.FAILED, detail=f"not finished within {seconds:g} s{cause}")
        return HookSeen(number=number, state=HookState.RUNNING)

    def _send(self, run: HookRun) -> None:
        for command in self._aws.ssm.commands(self._aws.now() - _SEARCH_PERIOD):
            if command.get("Comment") == _comment(run):
                self._sent[run.call.number] = command["CommandId"]
                return
        self._sent[run.call.number] = self._aws.ssm.send_command(script_request(run, [run.call.subject]))


def _comment(run: HookRun) -> str:
    return command_comment(run.event.rollout_id, "hook", run.call.number)


def script_request(run: HookRun, names: Sequence[str]) -> Reply:
    """Return the command that runs the script of a hook on servers."""
    seconds = min(_MOST_SECONDS, max(_LEAST_SECONDS, round(run.hook.timeout_seconds)))
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables(run.event).items()]
    script = run_once((*exports, *run.hook.script), rollout_id=f"{run.event.rollout_id}.hook", attempt=run.call.number)
    return {
        "InstanceIds": list(names),
        "DocumentName": _DOCUMENT,
        "Parameters": {"commands": [script], "executionTimeout": [str(seconds)]},
        "Comment": _comment(run),
        "TimeoutSeconds": seconds,
    }


def _read(run: HookRun, answer: Reply) -> HookSeen:
    number = run.call.number
    if answer["Status"] == "Success":
        try:
            check_answer(run, answer.get("StandardOutputContent", ""))
        except HookFailedError as error:
            return HookSeen(number=number, state=HookState.FAILED, detail=str(error))
        return HookSeen(number=number, state=HookState.SUCCEEDED)
    detail = str(answer.get("StatusDetails") or answer["Status"])
    code = answer.get("ResponseCode")
    detail += f", exit code {code}" if code is not None and code >= 0 else ""
    output = " ".join(str(answer.get("StandardErrorContent") or answer.get("StandardOutputContent", "")).split())
    detail += f": {output[-_LONGEST_OUTPUT:]}" if output else ""
    return HookSeen(number=number, state=HookState.FAILED, detail=detail)
