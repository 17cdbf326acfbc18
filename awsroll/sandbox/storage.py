"""Access to moto's state: its backends, and the instance records and tags that must follow the sandbox.

moto stores the resources that plain calls read and write; the sandbox keeps the states and the timing. Most of this
access is private to moto, so it is in one file.
"""

from collections.abc import Mapping
from typing import Any

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.instance import STATE_CODES, SimInstance
from awsroll.sandbox.interfaces import Account

CLIENT_ERROR = 400
"""The HTTP status of most refusals."""


def ec2(account: Account) -> Any:
    """Return moto's EC2 backend of the world's account and region."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415  moto is an optional, slow import

    return ec2_backends[account.account_id][account.region]


def elbv2(account: Account) -> Any:
    """Return moto's load balancing backend of the world's account and region."""
    from moto.elbv2.models import elbv2_backends  # noqa: PLC0415  moto is an optional, slow import

    return elbv2_backends[account.account_id][account.region]


def classic_elb(account: Account) -> Any:
    """Return moto's backend of Classic Load Balancers of the world's account and region."""
    from moto.elb.models import elb_backends  # noqa: PLC0415  moto is an optional, slow import

    return elb_backends[account.account_id][account.region]


def tags(account: Account, resource_id: str) -> Mapping[str, str]:
    """Return the current tags of an EC2 resource."""
    return ec2(account).tags.get(resource_id) or {}


def set_tags(account: Account, resource_id: str, values: Mapping[str, str]) -> None:
    """Replace all tags of an EC2 resource, including tags that AWS reserves."""
    ec2(account).tags[resource_id] = dict(values)


def clear_tags(account: Account, resource_id: str) -> None:
    """Remove all tags of an EC2 resource."""
    ec2(account).tags.pop(resource_id, None)


def write_state(instance: SimInstance) -> None:
    """Copy the state of an instance to moto's record, for the calls that plain moto answers."""
    record = instance.record
    record._state.name = instance.state  # noqa: SLF001
    record._state.code = STATE_CODES[instance.state]  # noqa: SLF001
    record._reason = instance.transition_reason  # noqa: SLF001
    record.state_reason.code = instance.state_reason.code
    record.state_reason.message = instance.state_reason.message


def release(record: Any) -> None:
    """Release the volumes and addresses of a terminated instance."""
    record.terminate()


def remove(account: Account, instance: SimInstance) -> None:
    """Remove an instance that EC2 no longer shows."""
    backend = ec2(account)
    reservation = backend.reservations.get(instance.reservation_id)
    if reservation is None:
        return
    reservation.instances = [record for record in reservation.instances if record is not instance.record]
    if not reservation.instances:
        del backend.reservations[instance.reservation_id]


def autoscaling(account: Account) -> Any:
    """Return moto's Auto Scaling backend, which stores launch configurations; the sandbox keeps its own groups."""
    from moto.autoscaling.models import autoscaling_backends  # noqa: PLC0415  moto is an optional, slow import

    return autoscaling_backends[account.account_id][account.region]


def ssm(account: Account) -> Any:
    """Return moto's Systems Manager backend, which stores documents; the sandbox keeps its own commands."""
    from moto.ssm.models import ssm_backends  # noqa: PLC0415  moto is an optional, slow import

    return ssm_backends[account.account_id][account.region]


def instance_profiles(account: Account) -> list[Any]:
    """Return moto's instance profiles of the world's account."""
    from moto.iam.models import iam_backends  # noqa: PLC0415  moto is an optional, slow import

    return list(iam_backends[account.account_id]["aws"].instance_profiles.values())


def parameter(account: Account, name: str) -> str | None:
    """Return the value of an SSM parameter, by name with an optional version or label, or None if it does not exist."""
    from moto.ssm.exceptions import ParameterVersionNotFound  # noqa: PLC0415  moto is an optional, slow import

    try:
        found = ssm(account).get_parameter(name)
    except ParameterVersionNotFound:
        return None
    return None if found is None else str(found.value)


def refusal_of_moto(error: Exception) -> ApiError | None:
    """Return moto's own refusal as AWS's error, or None for any other exception."""
    from moto.core.exceptions import ServiceException  # noqa: PLC0415  moto is an optional, slow import
    from werkzeug.exceptions import HTTPException  # noqa: PLC0415  comes with moto

    if isinstance(error, ServiceException):
        return ApiError(str(error.code), str(error.message or error.code))
    if isinstance(error, HTTPException) and hasattr(error, "error_type"):
        return ApiError(str(error.error_type), str(error.message or error.error_type), error.code or CLIENT_ERROR)
    return None
