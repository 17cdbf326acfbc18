"""The exceptions that make an API call to the sandbox fail.

`ApiError` becomes the error response that AWS would send. `ConnectionLost` and `AnswerWithheld` send no response.
Simulated services, fault rules and callbacks of `Sandbox.on_call` raise them. `dispatch.py` turns them into responses.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn


class ApiError(Exception):
    """An error response from AWS.

    Args:
        code: the value of `ClientError.response["Error"]["Code"]`.
        message: the value of `ClientError.response["Error"]["Message"]`.
        http_status: 400 for most AWS errors. botocore retries 5xx errors.
    """

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        self.code = code
        self.message = message
        self.http_status = http_status
        super().__init__(f"{code}: {message}")


class ConnectionLost(Exception):  # noqa: N818  the name describes the event
    """The connection breaks before a response: the caller cannot know whether the call took effect."""


class AnswerWithheld(Exception):  # noqa: N818  the name describes the event
    """The call gets no response, so the caller waits until its own read timeout.

    Args:
        seconds: how long a server holds the connection, in real seconds.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"no answer for {seconds:g} s")


def refuse(code: str, message: str, http_status: int = 400) -> NoReturn:
    """Raise an `ApiError` that ends the operation."""
    raise ApiError(code, message, http_status)


def refuse_reserved_tags(keys: Iterable[str]) -> None:
    """Refuse tag keys that AWS reserves."""
    if any(key.startswith("aws:") for key in keys):
        refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")


def insufficient_capacity(instance_type: str, zone: str) -> str:
    """Return the message of `InsufficientInstanceCapacity`."""
    return (
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested "
        f"({zone}). Our system will be working on provisioning additional capacity."
    )


def unknown_subnet(subnet_id: str) -> str:
    """Return the message for a subnet that does not exist."""
    return f"The subnet ID '{subnet_id}' does not exist"


def unknown_template_version(version: str, template_id: str) -> str:
    """Return the message for a launch template version that does not exist."""
    return f"Could not find the specified version {version} for the launch template with ID {template_id}."


def refuse_dry_run(parameters: Mapping[str, Any]) -> None:
    """Refuse a request with `DryRun`; AWS reports the success of a dry run as an error."""
    if parameters.get("DryRun"):
        refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
