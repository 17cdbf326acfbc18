"""Systems Manager Run Command: sending, and reading what came of it. Calls only; no decisions.

SendCommand has no token: it is repeated only if AWS has surely turned it away.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from awsroll.aws.batches import batches
from awsroll.aws.caller import Caller, Reply
from awsroll.core.aws_limits import AGENTS_DESCRIBED, COMMANDS_PER_PAGE
from awsroll.errors import AwsRefusedError

_SERVICE = "ssm"


class Ssm:
    """The Systems Manager calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def send_command(self, request: Reply) -> str:
        """Send a command to up to `COMMAND_INSTANCES` instances; return its id."""
        answer = self._caller.call(_SERVICE, "SendCommand", request, repeatable=False)
        return str(answer["Command"]["CommandId"])

    def commands(self, since: datetime) -> Iterator[Reply]:
        """Yield the commands sent at `since` or later, the newest first."""
        after = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        request = {"Filters": [{"key": "InvokedAfter", "value": after}], "MaxResults": COMMANDS_PER_PAGE}
        for page in self._caller.pages(_SERVICE, "ListCommands", request):
            yield from page.get("Commands", [])

    def invocations(self, command_id: str) -> list[Reply]:
        """Return what came of a command on each instance; empty for a moment after it was sent."""
        request = {"CommandId": command_id, "Details": True, "MaxResults": COMMANDS_PER_PAGE}
        pages = self._caller.pages(_SERVICE, "ListCommandInvocations", request)
        return [invocation for page in pages for invocation in page.get("CommandInvocations", [])]

    def invocation(self, command_id: str, instance_id: str) -> Reply | None:
        """Return what came of a command on one instance, in the words of `invocations`; None a moment after sending."""
        request = {"CommandId": command_id, "InstanceId": instance_id}
        try:
            answer = self._caller.call(_SERVICE, "GetCommandInvocation", request)
        except AwsRefusedError as error:
            if error.code == "InvocationDoesNotExist":
                return None
            raise
        output = answer.get("StandardErrorContent") or answer.get("StandardOutputContent", "")
        plugin = {"Status": answer.get("Status"), "ResponseCode": answer.get("ResponseCode"), "Output": output}
        return {**answer, "CommandPlugins": [plugin]}

    def online(self, instance_ids: Sequence[str]) -> set[str]:
        """Return those of the instances whose agent was online a few minutes ago."""
        online: set[str] = set()
        for batch in batches(instance_ids, AGENTS_DESCRIBED):
            request = {"Filters": [{"Key": "InstanceIds", "Values": batch}], "MaxResults": AGENTS_DESCRIBED}
            for page in self._caller.pages(_SERVICE, "DescribeInstanceInformation", request):
                online |= {
                    agent["InstanceId"]
                    for agent in page.get("InstanceInformationList", [])
                    if agent.get("PingStatus") == "Online"
                }
        return online

    def has_document(self, name: str) -> bool:
        """Tell whether a document of that name (or ARN) can be read."""
        try:
            self._caller.call(_SERVICE, "DescribeDocument", {"Name": name})
        except AwsRefusedError as error:
            if error.code in {"InvalidDocument", "InvalidDocumentOperation"}:
                return False
            raise
        return True
