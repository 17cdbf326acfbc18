import botocore.session
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from awsroll.aws.clients import UnimplementedAnswerError
from awsroll.aws.services import SERVICES
from awsroll.aws.translate_errors import is_passing, read_fault
from awsroll.errors import (
    AccessRefusedError,
    AwsBusyError,
    AwsRefusedError,
    AwsUnansweredError,
    NotImplementedByEndpointError,
)


def answered(code: str, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": "so it is"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "AnyOperation")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("Throttling", 400),
        ("ThrottlingException", 400),
        ("RequestLimitExceeded", 503),
        ("TooManyRequestsException", 429),
        ("PriorRequestNotComplete", 429),
        ("ScalingActivityInProgress", 400),
        ("ConcurrentTagAccess", 400),
        ("ReplicatedWriteConflictException", 400),
        ("TransactionConflictException", 400),
    ],
)
def test_a_throttle_is_turned_away_without_effect_and_may_be_tried_again(code: str, status: int) -> None:
    fault = read_fault(answered(code, status), "ec2", "AnyOperation")
    assert type(fault.error) is AwsBusyError
    assert fault.retryable
    assert fault.had_no_effect
    assert is_passing(fault.error)


def _retried_by_the_sdk() -> list[str]:
    """Return the codes that botocore repeats, and those that the models of our services mark as repeatable."""
    codes = {*TransientRetryableChecker._TRANSIENT_ERROR_CODES, *ThrottledRetryableChecker._THROTTLED_ERROR_CODES}
    session = botocore.session.get_session()
    for service in SERVICES:
        model = session.get_service_model(service)
        shapes = [model.shape_for(name) for name in model.shape_names]
        codes |= {one.name for one in shapes if one.type_name == "structure" and one.metadata.get("retryable")}
    return sorted(codes)


@pytest.mark.parametrize("code", _retried_by_the_sdk())
def test_what_every_sdk_of_aws_repeats_is_repeated(code: str) -> None:
    assert read_fault(answered(code), "dynamodb", "AnyOperation").retryable


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalError", 500),
        ("HealthUnavailable", 500),
        ("ResourceContention", 500),
        ("ServiceUnavailable", 503),
        ("RequestTimeout", 400),
        ("RequestTimeoutException", 400),
        ("502", 502),
        ("504", 504),
    ],
)
def test_a_server_error_leaves_the_effect_open(code: str, status: int) -> None:
    fault = read_fault(answered(code, status), "ec2", "AnyOperation")
    assert type(fault.error) is AwsUnansweredError
    assert fault.retryable
    assert not fault.had_no_effect


@pytest.mark.parametrize(
    "code",
    [
        "UnauthorizedOperation",
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "OptInRequired",
    ],
)
def test_missing_permission_and_bad_credentials_are_not_tried_again(code: str) -> None:
    fault = read_fault(answered(code, 403), "ec2", "AnyOperation")
    assert type(fault.error) is AccessRefusedError
    assert not fault.retryable
    assert fault.error.code == code
    assert fault.error.operation == "ec2:AnyOperation"


@pytest.mark.parametrize("status", [400, 500])
def test_lack_of_capacity_is_a_definite_no_that_may_pass(status: int) -> None:
    fault = read_fault(answered("InsufficientInstanceCapacity", status), "ec2", "RunInstances")
    assert type(fault.error) is AwsRefusedError
    assert not fault.retryable
    assert is_passing(fault.error)


@pytest.mark.parametrize("code", ["ValidationError", "InvalidParameterValue", "VcpuLimitExceeded"])
def test_any_other_client_error_is_a_definite_no(code: str) -> None:
    fault = read_fault(answered(code), "ec2", "AnyOperation")
    assert type(fault.error) is AwsRefusedError
    assert not fault.retryable
    assert not is_passing(fault.error)
    assert str(fault.error) == f"ec2:AnyOperation: {code}: so it is"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "ConnectionFailed"),
        (ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"), "ConnectionFailed"),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), "ConnectionFailed"),
        (ResponseParserError("not XML"), "UnreadableAnswer"),
    ],
)
def test_no_readable_answer_leaves_the_effect_open(failure: Exception, code: str) -> None:
    fault = read_fault(failure, "ec2", "AnyOperation")
    assert type(fault.error) is AwsUnansweredError
    assert fault.error.code == code
    assert fault.retryable
    assert not fault.had_no_effect


def test_no_credentials_say_what_to_do() -> None:
    fault = read_fault(NoCredentialsError(), "ec2", "AnyOperation")
    assert type(fault.error) is AccessRefusedError
    assert "--profile" in str(fault.error)


def test_a_missing_region_names_the_option_to_set() -> None:
    fault = read_fault(NoRegionError(), "ec2", "AnyOperation")
    assert type(fault.error) is AwsRefusedError
    assert "--region" in str(fault.error)


@pytest.mark.parametrize(
    ("failure", "operation"),
    [
        (answered("InvalidAction"), "LaunchInstances"),
        (answered("UnknownOperationException"), "ListCommandInvocations"),
        (
            ParamValidationError(report='Unknown parameter in input: "InstanceIds"'),
            "TerminateInstanceInAutoScalingGroup",
        ),
        (NotImplementedError("LaunchInstances"), "LaunchInstances"),
        (UnimplementedAnswerError(), "LaunchInstances"),
        (UnimplementedAnswerError(), "DescribeInstanceRefreshes"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_unknown_call_differs_from_a_refused_call(failure: Exception, operation: str) -> None:
    fault = read_fault(failure, "autoscaling", operation)
    assert type(fault.error) is NotImplementedByEndpointError
    assert not fault.retryable


def test_an_error_page_after_a_change_leaves_its_effect_open() -> None:
    fault = read_fault(UnimplementedAnswerError(), "ec2", "TerminateInstances")
    assert type(fault.error) is AwsUnansweredError
    assert not fault.retryable


def test_a_defect_is_not_taken_for_an_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        read_fault(ZeroDivisionError(), "ec2", "AnyOperation")


def test_an_image_that_is_not_shared_is_a_refusal_and_no_missing_permission() -> None:
    words = "Not authorized for images: [ami-0abc]"
    response = {"Error": {"Code": "AuthFailure", "Message": words}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    fault = read_fault(ClientError(response, "RunInstances"), "ec2", "RunInstances")
    assert type(fault.error) is AwsRefusedError
