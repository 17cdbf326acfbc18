"""The error codes and statuses of each service, as botocore reads them."""

import io
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from awsroll.sandbox import Sandbox
from awsroll.testing.clock import VirtualClock
from tests.sandbox.autoscaling.lab import NAME, open_lab

PLACE = "arn:aws:autoscaling:us-east-1:123456789012"
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "ec2": ("describe_instances", {}),
    "autoscaling": ("describe_auto_scaling_groups", {}),
    "elbv2": ("describe_target_groups", {}),
    "ssm": ("list_commands", {}),
    "s3": ("put_object", {"Bucket": "bucket", "Key": "key", "Body": io.BytesIO(b"1")}),
    "dynamodb": ("get_item", {"TableName": "table", "Key": {"id": {"S": "1"}}}),
    "cloudwatch": ("describe_alarms", {}),
    "lambda": ("invoke", {"FunctionName": "f"}),
    "sts": ("get_caller_identity", {}),
}


def failure(rule: str, service: str) -> tuple[str, int]:
    """Make a call that fails by the rule, and return the error code and HTTP status."""
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.faults.add(rule)
        operation, parameters = CALLS[service]
        client = sandbox.session().client(service, config=Config(retries={"total_max_attempts": 1}))
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**parameters)
        assert len(sandbox.faults.fired) == 1
        return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("ec2", "RequestLimitExceeded", 503),
        ("autoscaling", "Throttling", 400),
        ("elbv2", "Throttling", 400),
        ("ssm", "ThrottlingException", 400),
        ("s3", "SlowDown", 503),
        ("dynamodb", "ProvisionedThroughputExceededException", 400),
        ("cloudwatch", "Throttling", 400),
        ("lambda", "TooManyRequestsException", 429),
        ("sts", "Throttling", 400),
    ],
)
def test_a_throttle_has_the_services_own_code(service: str, code: str, status: int) -> None:
    assert failure("throttled", service) == (code, status)


def test_dynamodb_throttles_table_operations_by_another_code() -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.faults.add("throttled dynamodb:*")
        with pytest.raises(ClientError) as caught:
            sandbox.session().client("dynamodb").list_tables()
        assert caught.value.response["Error"]["Code"] == "ThrottlingException"


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("ec2", "UnauthorizedOperation", 403),
        ("autoscaling", "AccessDenied", 403),
        ("elbv2", "AccessDenied", 403),
        ("ssm", "AccessDeniedException", 400),
        ("s3", "AccessDenied", 403),
        ("dynamodb", "AccessDeniedException", 400),
        ("cloudwatch", "AccessDenied", 403),
        ("lambda", "AccessDeniedException", 403),
    ],
)
def test_a_denial_has_the_services_own_code(service: str, code: str, status: int) -> None:
    assert failure("denied", service) == (code, status)


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("ec2", "RequestExpired", 400),
        ("autoscaling", "ExpiredToken", 403),
        ("elbv2", "ExpiredToken", 403),
        ("ssm", "ExpiredTokenException", 400),
        ("s3", "ExpiredToken", 400),
        ("dynamodb", "ExpiredTokenException", 400),
        ("cloudwatch", "ExpiredToken", 403),
        ("lambda", "ExpiredTokenException", 403),
        ("sts", "ExpiredToken", 403),
    ],
)
def test_expired_credentials_have_the_services_own_code(service: str, code: str, status: int) -> None:
    assert failure("expired-credentials", service) == (code, status)


@pytest.mark.parametrize("service", CALLS)
def test_failures_of_the_service_are_500_and_503(service: str) -> None:
    assert failure("internal-error", service)[1] == 500
    assert failure("unavailable", service)[1] == 503


def test_any_error_can_be_named() -> None:
    rule = "refused autoscaling:* code=ScalingActivityInProgress status=400"
    assert failure(rule, "autoscaling") == ("ScalingActivityInProgress", 400)


def test_a_denial_names_the_action_and_the_group() -> None:
    with open_lab() as lab:
        lab.create(1)
        lab.sandbox.faults.add("denied autoscaling:TerminateInstanceInAutoScalingGroup")
        with pytest.raises(ClientError) as caught:
            lab.terminate(lab.ids()[0], decrement=False)
        action = "autoscaling:TerminateInstanceInAutoScalingGroup"
        assert caught.value.response["Error"]["Message"] == (
            f"User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform: {action} on resource: "
            f"{lab.group()['AutoScalingGroupARN']} because no identity-based policy allows the {action} action"
        )
        assert lab.states() == ["InService"]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "ending"),
    [
        ("elbv2", "register_targets", {"TargetGroupArn": "arn:tg", "Targets": [{"Id": "i-1"}]},
         "perform: elasticloadbalancing:RegisterTargets on resource: arn:tg "),
        ("ec2", "run_instances", {"MinCount": 1, "MaxCount": 1},
         "perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:123456789012:instance/* "),
        ("ec2", "terminate_instances", {"InstanceIds": ["i-1"]},
         "perform: ec2:TerminateInstances on resource: arn:aws:ec2:us-east-1:123456789012:instance/i-1 "),
        ("autoscaling", "set_desired_capacity", {"AutoScalingGroupName": NAME, "DesiredCapacity": 1},
         f"SetDesiredCapacity on resource: {PLACE}:autoScalingGroup:*:autoScalingGroupName/{NAME} "),
        ("s3", "list_objects_v2", {"Bucket": "bucket"}, "perform: s3:ListBucket on resource: arn:aws:s3:::bucket "),
        ("s3", "get_object", {"Bucket": "bucket", "Key": "a/b"},
         "perform: s3:GetObject on resource: arn:aws:s3:::bucket/a/b "),
        ("dynamodb", "delete_item", {"TableName": "t", "Key": {"id": {"S": "1"}}},
         "perform: dynamodb:DeleteItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/t "),
        ("lambda", "invoke", {"FunctionName": "f"},
         "perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:123456789012:function:f "),
        ("cloudwatch", "describe_alarms", {}, "perform: cloudwatch:DescribeAlarms on resource: * "),
    ],
)  # fmt: skip
def test_a_denial_names_iams_action_and_what_it_was_about(
    service: str, operation: str, parameters: dict[str, Any], ending: str
) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.faults.add("denied")
        with pytest.raises(ClientError) as caught:
            getattr(sandbox.session().client(service), operation)(**parameters)
        assert ending in caught.value.response["Error"]["Message"]
