"""A hook at `while_judging` that is a script: SSM runs it on all servers that are compared, and each prints its counts.

A script only reads, so a second delivery after a crash is harmless and not searched for. A server whose agent is
offline, or whose script fails or is late, is not compared in this interval.
"""

from dataclasses import dataclass, field
from datetime import datetime

from awsroll.aws.batches import batches
from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.aws_limits import COMMAND_INSTANCES
from awsroll.core.model.hook_calls import HookRun, HookSeen, HookState
from awsroll.errors import AwsError
from awsroll.hooks.judge_answers import counts_of_server, readings_of
from awsroll.hooks.local_commands import HookFailedError
from awsroll.hooks.server_scripts import ENDED, script_request


@dataclass(slots=True)
class _Sent:
    """A run, and which command runs on which server."""

    run: HookRun
    since: datetime
    open: dict[str, str] = field(default_factory=dict)
    answers: dict[str, object] = field(default_factory=dict)
    is_sent: bool = False


class JudgingScripts:
    """The scripts that count requests on servers."""

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._runs: dict[int, _Sent] = {}

    def start(self, run: HookRun) -> None:
        """Start a run; the next observation sends it."""
        self._runs[run.call.number] = _Sent(run=run, since=run.call.since or self._aws.now())

    def forget(self, number: int) -> None:
        """Stop observing a run. A script that was sent continues."""
        self._runs.pop(number, None)

    def observe(self) -> tuple[HookSeen, ...]:
        """Send the scripts that were not sent yet, and return the state of each run."""
        return tuple(self._observe(sent) for sent in tuple(self._runs.values()))

    def _observe(self, sent: _Sent) -> HookSeen:
        number, seconds = sent.run.call.number, sent.run.hook.timeout_seconds
        try:
            if not sent.is_sent:
                self._send(sent)
            for name, command in tuple(sent.open.items()):
                answer = self._aws.ssm.invocation(command, name)
                if answer is not None and answer.get("Status") in ENDED:
                    del sent.open[name]
                    self._note(sent, name, answer)
        except AwsError as error:
            return HookSeen(number=number, state=HookState.FAILED, detail=str(error))
        is_late = (self._aws.now() - sent.since).total_seconds() >= seconds
        if sent.open and not is_late:
            return HookSeen(number=number, state=HookState.RUNNING)
        if not sent.answers:
            return HookSeen(number=number, state=HookState.FAILED, detail="no server printed its counts in time")
        return HookSeen(number=number, state=HookState.SUCCEEDED, readings=readings_of(sent.run, sent.answers))

    def _send(self, sent: _Sent) -> None:
        online = self._aws.ssm.platforms(sent.run.event.instance_ids)
        names = [name for name in sent.run.event.instance_ids if name in online]
        for batch in batches(names, COMMAND_INSTANCES):
            command = self._aws.ssm.send_command(script_request(sent.run, batch))
            sent.open |= dict.fromkeys(batch, command)
        sent.is_sent = True

    @staticmethod
    def _note(sent: _Sent, name: str, answer: Reply) -> None:
        if answer["Status"] != "Success":
            return
        try:
            sent.answers[name] = counts_of_server(sent.run, answer.get("StandardOutputContent", ""))
        except HookFailedError:
            return
