"""Systems Manager Run Command: sending commands and reading their results. Calls only; no decisions.

SendCommand has no token, so it is repeated only after AWS has refused it.
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
        """Send a command to up to `COMMAND_INSTANCES` instances and return its id."""
        answer = self._caller.call(_SERVICE, "SendCommand", request, repeatable=False)
        return str(answer["Command"]["CommandId"])

    def commands(self, since: datetime) -> Iterator[Reply]:
        """Yield the commands that were sent at `since` or later, the newest first."""
        after = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        request = {"Filters": [{"key": "InvokedAfter", "value": after}], "MaxResults": COMMANDS_PER_PAGE}
        for page in self._caller.pages(_SERVICE, "ListCommands", request):
            yield from page.get("Commands", [])

    def invocations(self, command_id: str) -> list[Reply]:
        """Return the result of a command on each instance; empty shortly after the command was sent."""
        request = {"CommandId": command_id, "Details": True, "MaxResults": COMMANDS_PER_PAGE}
        pages = self._caller.pages(_SERVICE, "ListCommandInvocations", request)
        return [invocation for page in pages for invocation in page.get("CommandInvocations", [])]

    def invocation(self, command_id: str, instance_id: str) -> Reply | None:
        """Return a command's result on one instance in the form of `invocations`; None shortly after it was sent."""
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
        """Return the instances whose agent was online within the last minutes."""
        return set(self.platforms(instance_ids))

    def platforms(self, instance_ids: Sequence[str]) -> dict[str, str]:
        """Return the platform (`Linux`, `Windows`, `MacOS`) of each instance whose agent is online, by instance id."""
        platforms: dict[str, str] = {}
        for batch in batches(instance_ids, AGENTS_DESCRIBED):
            request = {"Filters": [{"Key": "InstanceIds", "Values": batch}], "MaxResults": AGENTS_DESCRIBED}
            for page in self._caller.pages(_SERVICE, "DescribeInstanceInformation", request):
                platforms |= {
                    agent["InstanceId"]: str(agent.get("PlatformType", ""))
                    for agent in page.get("InstanceInformationList", [])
                    if agent.get("PingStatus") == "Online"
                }
        return platforms

    def calendar_state(self, name: str) -> Reply:
        """Return whether a change calendar is open or closed now, and when that changes next."""
        return self._caller.call(_SERVICE, "GetCalendarState", {"CalendarNames": [name]})

    def parameter(self, name: str) -> str:
        """Return the value of a parameter, such as the id of an image."""
        answer = self._caller.call(_SERVICE, "GetParameter", {"Name": name})
        return str(answer["Parameter"]["Value"])

    def has_document(self, name: str) -> bool:
        """Return whether a document with this name or ARN can be read."""
        try:
            self._caller.call(_SERVICE, "DescribeDocument", {"Name": name})
        except AwsRefusedError as error:
            if error.code in {"InvalidDocument", "InvalidDocumentOperation"}:
                return False
            raise
        return True
