"""Lambda: invoking a user's function and reading its answer. Calls only; no decisions."""

from awsroll.aws.caller import Caller, Reply

_SERVICE = "lambda"


class Lambda:
    """The Lambda calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def make_client(self) -> None:
        """Make the client now, because threads must not share a session while clients are made."""
        self._caller.clients.client(_SERVICE)

    def invoke(self, name: str, payload: bytes) -> tuple[bytes, str]:
        """Invoke a function, wait until it ends, and return its answer and the kind of its error (empty: none).

        The call is repeated only after AWS has refused it: an unanswered call may have run the function.
        """
        request: Reply = {"FunctionName": name, "InvocationType": "RequestResponse", "Payload": payload}
        answer = self._caller.call(_SERVICE, "Invoke", request, repeatable=False)
        body = answer.get("Payload")
        return b"" if body is None else bytes(body.read()), str(answer.get("FunctionError", ""))

    def start(self, name: str, payload: bytes) -> None:
        """Invoke a function that may run more than once for a payload, and do not wait for it."""
        self._caller.call(_SERVICE, "Invoke", {"FunctionName": name, "InvocationType": "Event", "Payload": payload})

    def check(self, name: str) -> None:
        """Check that the function exists and may be invoked, without invoking it.

        Raises:
            AwsError: if the function does not exist or may not be invoked.
        """
        self._caller.call(_SERVICE, "Invoke", {"FunctionName": name, "InvocationType": "DryRun"})
