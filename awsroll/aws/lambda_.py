"""Lambda: invoking a user's function and reading what came of it. Calls only; no decisions."""

from awsroll.aws.caller import Caller, Reply

_SERVICE = "lambda"


class Lambda:
    """The Lambda calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def make_client(self) -> None:
        """Make the client now: a session is not to be shared by threads while clients are made."""
        self._caller.clients.client(_SERVICE)

    def invoke(self, name: str, payload: bytes) -> tuple[bytes, str]:
        """Invoke a function and wait for its end; return its answer and the kind of its error (empty: none).

        It is repeated only if AWS has surely turned it away: whether an unanswered one ran, nobody can tell.
        """
        request: Reply = {"FunctionName": name, "InvocationType": "RequestResponse", "Payload": payload}
        answer = self._caller.call(_SERVICE, "Invoke", request, repeatable=False)
        body = answer.get("Payload")
        return b"" if body is None else bytes(body.read()), str(answer.get("FunctionError", ""))

    def check(self, name: str) -> None:
        """Ask whether the function is there and may be invoked, without invoking it.

        Raises:
            AwsError: if it is not, or may not be.
        """
        self._caller.call(_SERVICE, "Invoke", {"FunctionName": name, "InvocationType": "DryRun"})
