"""What boto3 and botocore raise before AWS sees a call: bad configuration, credentials, endpoints and proxies.

The SDK reads files, environment variables and the output of programs that the user names. What is wrong in them appears
as an error of botocore, or as any error of Python: `FileNotFoundError` for a missing `credential_process`, `ValueError`
for its output, `TypeError` for a number as a key.
"""

import sys
from types import TracebackType

from awsroll.errors import AccessRefusedError, AwsError, AwsRefusedError, AwsUnansweredError

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
_SDK = frozenset({"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3"})
_SIGNING = ("botocore.auth", "botocore.credentials", "botocore.signers", "botocore.tokens")
_PLACES = ("Invalid endpoint", "region_name", "Invalid IPv6 URL", "Port ")
_LONGEST_DETAIL = 300
_CREDENTIALS_ADVICE = "pass --profile, set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in again"
_SETTINGS_ADVICE = "check the endpoint, the proxy and the other settings of the AWS SDK"


def one_line(failure: BaseException) -> str:
    """Return the message of an error of the SDK as one line without secrets."""
    detail = " ".join(str(failure).split())[:_LONGEST_DETAIL]
    if "Invalid header value" in detail:  # the value is a signature or a session token
        return "the credentials hold a character that a header must not have"
    return detail or type(failure).__name__


def before_the_call(failure: Exception, name: str) -> AwsError:
    """Return the meaning of an error of botocore that it raises before it sends a call."""
    kind, detail = type(failure).__name__, one_line(failure)
    if kind in _CREDENTIALS:
        message = f"no usable AWS credentials ({detail}): {_CREDENTIALS_ADVICE}"
        return AccessRefusedError(message, code=kind, operation=name)
    if kind == "NoRegionError":
        message = "no AWS region is set: pass --region, or set AWS_DEFAULT_REGION"
        return AwsRefusedError(message, code=kind, operation=name)
    if kind in _NEVER_SENT:
        return AwsRefusedError(f"{name}: {detail}", code=kind, operation=name)
    return AwsUnansweredError(f"{name}: {detail}", code=kind, operation=name)


def while_configuring(failure: Exception, name: str) -> AwsError:
    """Return the meaning of any error while a session or a client is made: nothing but configuration is read then."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - slow to import

    wrong_place = _wrong_place(failure, name)
    if wrong_place is not None:
        return wrong_place
    return before_the_call(failure, name) if isinstance(failure, BotoCoreError) else _unusable(failure, name)


def while_calling(failure: Exception, name: str) -> AwsError | None:
    """Return the meaning of an error of Python during a call; None if it does not come from the SDK."""
    modules = _modules(failure.__traceback__)
    innermost = next((module for module in reversed(modules) if _root(module) not in sys.stdlib_module_names), "")
    if _root(innermost) not in _SDK:
        return None
    wrong_place = _wrong_place(failure, name)
    if wrong_place is not None:
        return wrong_place
    if any(module.startswith(_SIGNING) for module in modules):
        return _unusable(failure, name)
    message = f"{name}: the AWS SDK failed ({type(failure).__name__}: {one_line(failure)}); {_SETTINGS_ADVICE}"
    return AwsUnansweredError(message, code="SdkFailed", operation=name)


def _wrong_place(failure: Exception, name: str) -> AwsRefusedError | None:
    """Return the meaning of an error about a region or an endpoint; None for any other error."""
    detail = one_line(failure)
    if not isinstance(failure, ValueError) or not any(word in detail for word in _PLACES):
        return None
    message = f"{detail.rstrip('.')}: a region looks like eu-west-1, an endpoint like http://HOST:PORT"
    return AwsRefusedError(message, code="InvalidEndpoint", operation=name)


def _unusable(failure: Exception, name: str) -> AccessRefusedError:
    cause = f"{type(failure).__name__}: {one_line(failure)}"
    problem = (
        f"the AWS credentials or configuration cannot be used ({cause}): check the profile and what it names "
        f"(credential_process, token files), or {_CREDENTIALS_ADVICE}"
    )
    return AccessRefusedError(problem, code="UnusableConfiguration", operation=name)


def _modules(traceback: TracebackType | None) -> list[str]:
    """Return the names of the modules that an error passed, outermost first."""
    modules = []
    while traceback is not None:
        modules.append(str(traceback.tb_frame.f_globals.get("__name__", "")))
        traceback = traceback.tb_next
    return modules


def _root(module: str) -> str:
    return module.partition(".")[0]
