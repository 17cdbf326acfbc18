"""Lambda in the sandbox: Invoke calls the Python functions that a test registers.

    sandbox.functions["after-healthy"] = lambda event: {"seen": event["instance_ids"]}

The rest of Lambda is plain moto, which runs no code. A function that is not registered does not exist.
"""

import json
import traceback
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import unquote

from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.interfaces import Account

Function: TypeAlias = Callable[[Any], Any]
"""Takes the event and returns the result, both in JSON's types."""
DONE, ACCEPTED, NO_CONTENT = 200, 202, 204


class Functions(dict[str, Function]):
    """The registered functions by name.

    Args:
        account: the account and region of the functions.
    """

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def invoke(self, response: Any, name: str) -> tuple[int, dict[str, str], str]:
        """Return the response to Invoke as moto's triple of status, headers and body.

        If the function raises, the response is HTTP 200 with a function error.

        Raises:
            ApiError: the function is not registered.
        """
        name = unquote(name).rpartition(":function:")[2].partition(":")[0]
        function = self.get(name)
        if function is None:
            arn = f"arn:aws:lambda:{self._account.region}:{self._account.account_id}:function:{name}"
            refuse("ResourceNotFoundException", f"Function not found: {arn}", 404)
        kind = response.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return NO_CONTENT, {}, ""
        headers, body = _run(function, response.body)
        return (ACCEPTED, {}, "") if kind == "Event" else (DONE, headers, body)


def _run(function: Function, body: Any) -> tuple[dict[str, str], str]:
    headers = {"Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST"}
    try:
        return headers, json.dumps(function(json.loads(body) if body else {}))
    except Exception as error:  # noqa: BLE001  every exception becomes a function error
        failure = {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
        return headers | {"X-Amz-Function-Error": "Unhandled"}, json.dumps(failure)
