"""Refusals of requests whose parameters do not fit the model of the service.

botocore checks parameters before it sends a request. Other clients may send a request without a member that the model
requires, or with a member of another type. A simulated operation then fails on it; the caller gets AWS's refusal.
"""

from collections.abc import Mapping
from typing import Any

from awsroll.sandbox.api_errors import ApiError

_CODES = {"ec2": "InvalidParameterValue", "json": "ValidationException", "rest-json": "ValidationException"}
_MISSING = "Missing required"
_DEEPEST = 4


def refusal_of(operation: Any, protocol: str, parameters: Mapping[str, Any], error: Exception) -> ApiError | None:
    """Return the refusal of a request on which an operation has failed; None if the request is not the cause.

    EC2's model requires few members. So a member that the operation missed is a cause, too.

    Args:
        operation: botocore's operation model.
        protocol: such as `ec2`, `query` or `json`.
        parameters: of the request, by the names of the model.
        error: the failure of the operation.
    """
    from botocore.validate import ParamValidator  # noqa: PLC0415  only malformed requests need it

    if operation.input_shape is None:
        return None
    report = ParamValidator().validate(parameters, operation.input_shape)
    what = " ".join(str(report.generate_report()).split())
    if not what and isinstance(error, KeyError) and _has_member(operation.input_shape, str(error.args[0]), _DEEPEST):
        what = f"{_MISSING} parameter in input: {error.args[0]}"
    if not what:
        return None
    is_missing = protocol == "ec2" and what.startswith(_MISSING)
    return ApiError("MissingParameter" if is_missing else _CODES.get(protocol, "ValidationError"), what)


def _has_member(shape: Any, name: str, depth: int) -> bool:
    """Return whether a shape of a model has a member of that name, down to a depth."""
    if depth == 0:
        return False
    if shape.type_name == "list":
        return _has_member(shape.member, name, depth)
    members = shape.members if shape.type_name == "structure" else {}
    return name in members or any(_has_member(member, name, depth - 1) for member in members.values())
