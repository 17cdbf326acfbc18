"""What a failed call means: botocore's exceptions translated into awsroll's tree, with what may be done about them.

One judgement a failure: what it is for people (`error`), whether the same call may be made again at once
(`retryable`), and whether AWS has surely not acted on it (`had_no_effect`). EC2 models no exceptions, so codes are
matched as strings. Retrying itself is in `retry`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awsroll.aws.call_counts import is_reading
from awsroll.aws.clients import UnimplementedAnswerError
from awsroll.core.observe.refusals import is_short_of_capacity
from awsroll.errors import (
    AccessRefusedError,
    AwsBusyError,
    AwsError,
    AwsRefusedError,
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
BUSY = frozenset({"ConcurrentTagAccess", "IdempotentCallInProgress", "ScalingActivityInProgress"})
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
_UNKNOWN_OPERATION = frozenset({
    "InvalidAction",
    "NotImplemented",
    "UnknownOperation",
    "UnknownOperationException",
    "UnknownParameter",
    "UnsupportedProtocol",
})  # fmt: skip
# Calls that older endpoints lack. Others that an emulator breaks off at are not taken to have had no effect.
_NEWER_CALLS = frozenset({"LaunchInstances", "TerminateInstanceInAutoScalingGroup"})
_CREDENTIALS = frozenset({
    "CredentialRetrievalError",
    "InvalidConfigError",
    "LoginRefreshTokenError",
    "NoAuthTokenError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "RefreshWithMFAUnsupportedError",
    "SSOError",
    "SSOTokenLoadError",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
})  # fmt: skip
_NEVER_SENT = frozenset({"EndpointProviderError", "InvalidEndpointConfigurationError", "ParamValidationError"})
_SERVER_ERROR = 500
_UNAVAILABLE = 503
_FORBIDDEN = (401, 403)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a failed call means.

    Attributes:
        error: what to raise if it is not tried again.
        retryable: the same call may be made again, if its repetition is harmless.
        had_no_effect: AWS turned it away for now (a throttle): it may be made again even if repetition would harm.
    """

    error: AwsError
    retryable: bool = False
    had_no_effect: bool = False


def read_fault(failure: Exception, service: str, operation: str) -> Fault:
    """Translate whatever a boto3 call has raised.

    Raises:
        Exception: `failure` itself if it comes from neither botocore nor an endpoint: a defect, not an answer.
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
    raise failure


def is_throttle(error: AwsError) -> bool:
    """Tell whether AWS turned a call away because there were too many, or because it is busy with another."""
    return error.code in THROTTLED or error.code in BUSY


def is_passing(error: AwsError) -> bool:
    """Tell whether a refusal may pass by itself: no capacity, an activity in progress, a throttle."""
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
    if code in _ACCESS or (status in _FORBIDDEN and code.isdigit()):
        return Fault(error=_error(AccessRefusedError, message, code, name))
    if code in _UNKNOWN_OPERATION:
        return Fault(error=_error(NotImplementedByEndpointError, message, code, name))
    if status >= _SERVER_ERROR and not is_short_of_capacity(code):
        return Fault(error=_error(AwsUnansweredError, message, code, name), retryable=True)
    return Fault(error=_error(AwsRefusedError, message, code, name))


def _below_the_api(failure: Exception, name: str) -> Fault:
    from botocore.exceptions import (  # noqa: PLC0415  (see clients)  # noqa: PLC0415  (see clients)
        ConnectionError as NoConnectionError,
        HTTPClientError,
        ParamValidationError,
    )
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    detail = " ".join(str(failure).split())[:300]
    if isinstance(failure, ParamValidationError) and "Unknown parameter" in detail:
        return _unimplemented(name)
    if isinstance(failure, (HTTPClientError, NoConnectionError)):
        message = f"{name}: no answer: {detail}; look at the network, --endpoint-url and --region"
        return Fault(error=_error(AwsUnansweredError, message, "ConnectionFailed", name), retryable=True)
    if isinstance(failure, ResponseParserError):
        message = f"{name}: the answer is no AWS answer: {detail}"
        return Fault(error=_error(AwsUnansweredError, message, "UnreadableAnswer", name), retryable=True)
    return Fault(error=_before_the_call(type(failure).__name__, detail, name))


def _before_the_call(kind: str, detail: str, name: str) -> AwsError:
    if kind in _CREDENTIALS:
        advice = "give --profile, set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in again"
        return _error(AccessRefusedError, f"no usable AWS credentials ({detail}): {advice}", kind, name)
    if kind == "NoRegionError":
        return _error(AwsRefusedError, "no AWS region is set: give --region, or set AWS_DEFAULT_REGION", kind, name)
    if kind in _NEVER_SENT:
        return _error(AwsRefusedError, f"{name}: {detail}", kind, name)
    return _error(AwsUnansweredError, f"{name}: {detail}", kind, name)


def _error_page(name: str) -> Fault:
    operation = name.partition(":")[2]
    if is_reading(operation) or operation in _NEWER_CALLS:
        return _unimplemented(name)
    message = f"{name}: the endpoint broke off with an error page"
    return Fault(error=_error(AwsUnansweredError, message, "ErrorPage", name))


def _unimplemented(name: str) -> Fault:
    message = f"{name}: this endpoint, or the installed boto3, does not know this call"
    return Fault(error=_error(NotImplementedByEndpointError, message, "NotImplemented", name))


def _error(kind: type[AwsError], message: str, code: str, name: str) -> AwsError:
    return kind(message, code=code, operation=name)
