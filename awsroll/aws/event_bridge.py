"""EventBridge: putting an event on a bus. Calls only; no decisions."""

import json
from collections.abc import Mapping

from awsroll.aws.caller import Caller

_SERVICE = "events"
_SOURCE = "awsroll"


class EventBridge:
    """The EventBridge calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def make_client(self) -> None:
        """Make the client now, because threads must not share a session while clients are made."""
        self._caller.clients.client(_SERVICE)

    def put(self, bus: str, *, detail_type: str, detail: Mapping[str, str]) -> str:
        """Put an event with the source `awsroll`; return why the bus refused the event, or an empty string."""
        entry = {"Source": _SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": bus}
        answer = self._caller.call(_SERVICE, "PutEvents", {"Entries": [entry]})
        failed = [each for each in answer.get("Entries", ()) if each.get("ErrorCode")]
        return "; ".join(f"{each['ErrorCode']}: {each.get('ErrorMessage', '')}" for each in failed)
