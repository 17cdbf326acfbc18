"""The translation of botocore's exceptions into awsroll's errors.

A `Fault` holds the error, whether the call may be repeated at once (`retryable`), and whether AWS certainly did not act
on the call (`had_no_effect`). EC2 models no exceptions, so codes are matched as strings. `retry` repeats the calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awsroll.aws.call_counts import is_reading
from awsroll.aws.clients import UnimplementedAnswerError
from awsroll.aws.sdk_errors import before_the_call, one_line, while_calling
from awsroll.core.classify.refusals import is_about_image, is_short_of_capacity
from awsroll.errors import (
    AccessRefusedError,
    AwsBusyError,
    AwsError,
    AwsRefusedError,
    AwsrollError,
    AwsUnansweredError,
    NotImplementedByEndpointError,
)

THROTTLED = frozenset({
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
})  # fmt: skip
# Refused without an effect because of another activity. For DynamoDB: another write to the item, in a transaction or in
# another region of a global table with strong consistency.
BUSY = frozenset({
    "ConcurrentTagAccess",
    "IdempotentCallInProgress",
    "ReplicatedWriteConflictException",
    "ScalingActivityInProgress",
    "TransactionConflictException",
})  # fmt: skip
# The service gave up waiting for the request, or failed. Every AWS SDK repeats it (botocore's "standard" retry mode and
# the models of the services list the codes).
_FAILED = frozenset({"InternalServerException", "RequestTimeout", "RequestTimeoutException"})
_ACCESS = frozenset({
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "Blocked",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "PendingVerification",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnauthorizedAccess",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
})  # fmt: skip
# Also codes of RunInstances for an image that is not shared with the account, or not subscribed to.
_IMAGES = frozenset({"AuthFailure", "OptInRequired"})
_UNKNOWN_OPERATION = frozenset({
    "InvalidAction",
    "NotImplemented",
    "UnknownOperation",
    "UnknownOperationException",
    "UnknownParameter",
    "UnsupportedProtocol",
})  # fmt: skip
# Calls that older endpoints lack. If an emulator breaks off another call, that call may have taken effect.
_NEWER_CALLS = frozenset({"LaunchInstances", "TerminateInstanceInAutoScalingGroup"})
_SERVER_ERROR = 500
_UNAVAILABLE = 503
_FORBIDDEN = (401, 403)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The meaning of a failed call.

    Attributes:
        error: the error to raise if the call is not repeated.
        retryable: whether the call may be repeated if a repetition is harmless.
        had_no_effect: whether AWS refused the call for now (a throttle), so that any call may be repeated.
    """

    error: AwsError
    retryable: bool = False
    had_no_effect: bool = False


def read_fault(failure: Exception, service: str, operation: str) -> Fault:
    """Translate the exception of a boto3 call.

    Raises:
        Exception: `failure` itself if it comes neither from the SDK nor from an endpoint, which is a defect.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  (see clients)
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    name = f"{service}:{operation}"
    if isinstance(failure, ClientError):
        return _answered(failure.response, name)
    if isinstance(failure, UnimplementedAnswerError):
        return _error_page(name)
    if isinstance(failure, NotImplementedError):  # the SDK lacks it, or moto inside this process
        return _unimplemented(name)
    if isinstance(failure, BotoCoreError | ResponseParserError):
        return _below_the_api(failure, name)
    error = None if isinstance(failure, AwsrollError) else while_calling(failure, name)
    if error is None:
        raise failure
    return Fault(error=error)


def is_throttle(error: AwsError) -> bool:
    """Return whether AWS refused a call because of too many calls or another activity in progress."""
    return error.code in THROTTLED or error.code in BUSY


def is_passing(error: AwsError) -> bool:
    """Return whether a refusal may pass by itself: no capacity, an activity in progress, a throttle."""
    return is_throttle(error) or is_short_of_capacity(error.code)


def _answered(response: Mapping[str, Any], name: str) -> Fault:
    error = response.get("Error", {})
    code = str(error.get("Code", "Unknown"))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    detail = " ".join(str(error.get("Message", "")).split())
    message = f"{name}: {code}: {detail}" if detail else f"{name}: {code}"
    if code in THROTTLED or code in BUSY:
        definite = status < _SERVER_ERROR or status == _UNAVAILABLE
        return Fault(error=_error(AwsBusyError, message, code, name), retryable=True, had_no_effect=definite)
    if code in _IMAGES and is_about_image(detail):
        return Fault(error=_error(AwsRefusedError, message, code, name))
    if code in _ACCESS or (status in _FORBIDDEN and code.isdigit()):
        return Fault(error=_error(AccessRefusedError, message, code, name))
    if code in _UNKNOWN_OPERATION:
        return Fault(error=_error(NotImplementedByEndpointError, message, code, name))
    if code in _FAILED or (status >= _SERVER_ERROR and not is_short_of_capacity(code)):
        return Fault(error=_error(AwsUnansweredError, message, code, name), retryable=True)
    return Fault(error=_error(AwsRefusedError, message, code, name))


def _below_the_api(failure: Exception, name: str) -> Fault:
    from botocore.exceptions import (  # noqa: PLC0415  (see clients)
        ConnectionError as NoConnectionError,
        HTTPClientError,
        ParamValidationError,
    )
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    detail = one_line(failure)
    if isinstance(failure, ParamValidationError) and "Unknown parameter" in detail:
        return _unimplemented(name)
    if isinstance(failure, (HTTPClientError, NoConnectionError)):
        message = f"{name}: no answer: {detail}; check the network, the proxy, --endpoint-url and --region"
        was_sent = not isinstance(failure.kwargs.get("error"), ValueError)  # of a header or an address
        return Fault(error=_error(AwsUnansweredError, message, "ConnectionFailed", name), retryable=was_sent)
    if isinstance(failure, ResponseParserError):
        message = f"{name}: the answer does not come from AWS: {detail}"
        return Fault(error=_error(AwsUnansweredError, message, "UnreadableAnswer", name), retryable=True)
    return Fault(error=before_the_call(failure, name))


def _error_page(name: str) -> Fault:
    operation = name.partition(":")[2]
    if is_reading(operation) or operation in _NEWER_CALLS:
        return _unimplemented(name)
    message = f"{name}: the endpoint answered with an error page"
    return Fault(error=_error(AwsUnansweredError, message, "ErrorPage", name))


def _unimplemented(name: str) -> Fault:
    message = f"{name}: this endpoint, or the installed boto3, does not know this call"
    return Fault(error=_error(NotImplementedByEndpointError, message, "NotImplemented", name))


def _error(kind: type[AwsError], message: str, code: str, name: str) -> AwsError:
    return kind(message, code=code, operation=name)
