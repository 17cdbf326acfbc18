"""What an operation of the sandbox raises to make an API call fail.

`ApiError` becomes the error answer that AWS would send; `ConnectionLost` and `AnswerWithheld` become no answer at all.
They may come from the simulated services, from fault rules and from the callbacks of `Sandbox.on_call`. How
they are put on the wire is in `api.py`.
"""

from collections.abc import Mapping
from typing import Any, NoReturn


class ApiError(Exception):
    """An error that AWS answers with.

    Args:
        code: as clients see it in `ClientError.response["Error"]["Code"]`.
        message: as clients see it beside the code.
        http_status: AWS answers most errors with 400; botocore retries the 5xx ones.
    """

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        self.code = code
        self.message = message
        self.http_status = http_status
        super().__init__(f"{code}: {message}")


class ConnectionLost(Exception):  # noqa: N818  the name of what happened, not of a mistake
    """The connection breaks instead of an answer: the caller cannot know whether the call had its effect."""


class AnswerWithheld(Exception):  # noqa: N818  the same
    """The call is never answered: its caller waits until its own read timeout.

    Args:
        seconds: how long a server holds the connection, in real seconds.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"no answer for {seconds:g} s")


def refuse(code: str, message: str, http_status: int = 400) -> NoReturn:
    """Raise an `ApiError`: the operation ends here, and its caller gets this answer."""
    raise ApiError(code, message, http_status)


def refuse_dry_run(parameters: Mapping[str, Any]) -> None:
    """End the operation if it is only a trial; AWS says so by an error."""
    if parameters.get("DryRun"):
        refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
