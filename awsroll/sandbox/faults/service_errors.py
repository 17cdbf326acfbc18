"""The errors of each service: throttling, outages, denials and expired credentials, with code, status and message.

Codes and statuses are those of the services' error references. Services have botocore's names. Each table lists the
services that differ from the default.
"""

from collections.abc import Mapping
from typing import Any

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.interfaces import FaultContext

USER = "user/sandbox"
FORBIDDEN = 403
TABLE_OPERATIONS = ("PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan", "Batch", "Transact")
"""DynamoDB operations that the throughput of a table limits. The others have the account's limit."""

_RATE_EXCEEDED = "Rate exceeded"
_THROTTLES: Mapping[str, tuple[str, str, int]] = {
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "ssm": ("ThrottlingException", _RATE_EXCEEDED, 400),
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
    "lambda": ("TooManyRequestsException", "Rate Exceeded.", 429),
}
_INTERNAL_ERRORS = {
    "ec2": "InternalError",
    "s3": "InternalError",
    "ssm": "InternalServerError",
    "dynamodb": "InternalServerError",
    "lambda": "ServiceException",
    "cloudwatch": "InternalServiceError",
}
_UNAVAILABLE = {"ec2": "Unavailable", "ssm": "ServiceUnavailableException", "lambda": "ServiceUnavailableException"}
_DENIALS: Mapping[str, tuple[str, int]] = {
    "ec2": ("UnauthorizedOperation", 403),
    "ssm": ("AccessDeniedException", 400),
    "dynamodb": ("AccessDeniedException", 400),
    "lambda": ("AccessDeniedException", 403),
}
_EXPIRIES: Mapping[str, tuple[str, str, int]] = {
    "ec2": ("RequestExpired", "Request has expired.", 400),
    "ssm": ("ExpiredTokenException", "The security token included in the request is expired", 400),
    "dynamodb": ("ExpiredTokenException", "The security token included in the request is expired", 400),
    "lambda": ("ExpiredTokenException", "The security token included in the request is expired", 403),
    "s3": ("ExpiredToken", "The provided token has expired.", 400),
}
_IAM_SERVICES = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing"}
_IAM_ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:DeleteObjects": "s3:DeleteObject",
    "lambda:Invoke": "lambda:InvokeFunction",
}


def throttled(service: str, operation: str) -> ApiError:
    """Return the throttling error."""
    if service == "dynamodb":
        if operation.startswith(TABLE_OPERATIONS):
            message = "The level of configured provisioned throughput for the table was exceeded."
            return ApiError("ProvisionedThroughputExceededException", message)
        return ApiError("ThrottlingException", _RATE_EXCEEDED)
    return ApiError(*_THROTTLES.get(service, ("Throttling", _RATE_EXCEEDED, 400)))


def internal_error(service: str) -> ApiError:
    """Return the error for an internal failure of the service."""
    code = _INTERNAL_ERRORS.get(service, "InternalFailure")
    return ApiError(code, "An internal error has occurred. Please try your query again at a later time.", 500)


def unavailable(service: str) -> ApiError:
    """Return the error of an unavailable service."""
    code = _UNAVAILABLE.get(service, "ServiceUnavailable")
    return ApiError(code, "The service is unavailable. Please try again shortly.", 503)


def denied(context: FaultContext, service: str, operation: str, parameters: Mapping[str, Any]) -> ApiError:
    """Return the error for a missing permission, with the action and the resource."""
    code, status = _DENIALS.get(service, ("AccessDenied", FORBIDDEN))
    name = f"{_IAM_SERVICES.get(service, service)}:{operation}"
    action = _IAM_ACTIONS.get(name, name)
    message = (
        f"User: arn:aws:iam::{context.account_id}:{USER} is not authorized to perform: {action} on resource: "
        f"{_resource(context, service, parameters)} because no identity-based policy allows the {action} action"
    )
    if service == "ec2":
        message = f"You are not authorized to perform this operation. {message}"
    return ApiError(code, message, status)


def expired(service: str) -> ApiError:
    """Return the error for expired credentials."""
    default = ("ExpiredToken", "The security token included in the request is expired", FORBIDDEN)
    return ApiError(*_EXPIRIES.get(service, default))


def _resource(context: FaultContext, service: str, parameters: Mapping[str, Any]) -> str:
    """Return the ARN of the resource of a call, or a pattern for all resources."""
    place = f"{context.region}:{context.account_id}"
    if service == "autoscaling":
        return _group_arn(context, parameters) or "*"
    if service == "ec2" and "MaxCount" in parameters:
        return f"arn:aws:ec2:{place}:instance/*"
    patterns = {
        "TargetGroupArn": "{}",
        "InstanceIds": f"arn:aws:ec2:{place}:instance/{{}}",
        "TableName": f"arn:aws:dynamodb:{place}:table/{{}}",
        "FunctionName": f"arn:aws:lambda:{place}:function:{{}}",
        "Key": f"arn:aws:s3:::{parameters.get('Bucket')}/{{}}",
        "Bucket": "arn:aws:s3:::{}",
    }
    for name, pattern in patterns.items():
        if value := parameters.get(name):
            return pattern.format(value[0] if isinstance(value, list) else value)
    return "*"


def _group_arn(context: FaultContext, parameters: Mapping[str, Any]) -> str | None:
    name, instance_id = parameters.get("AutoScalingGroupName"), parameters.get("InstanceId")
    for group in context.autoscaling.groups():
        if group.name == name or instance_id in group.members:
            return group.arn
    place = f"{context.region}:{context.account_id}"
    return f"arn:aws:autoscaling:{place}:autoScalingGroup:*:autoScalingGroupName/{name}" if name else None
