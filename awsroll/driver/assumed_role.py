"""The IAM role that a rollout was started with: every process that resumes the rollout assumes the same role.

The role comes from the record. `awsroll.driver.confirmation` checks that the caller has given or confirmed it.
"""

import threading
from dataclasses import replace

from awsroll.aws.connection import Connection
from awsroll.aws.sessions import Role, SharedSession, assume_role, open_session
from awsroll.clock import default_clock
from awsroll.core.aws_names import session_name
from awsroll.core.model.rollout import Rollout
from awsroll.driver.context import Context
from awsroll.errors import AccessRefusedError, FleetError
from awsroll.stores import RolloutRequest


class RoleRefusedError(FleetError):
    """Raised when AWS refuses the role of a rollout, and the caller's own credentials are of another account."""


def assume_confirmed_role(rollout_id: str, request: RolloutRequest | None, context: Context) -> Context:
    """Return a context with the credentials of the role that a stored request names, if it names one.

    Credentials that are of this role already are kept: they need no permission to assume it again.

    Raises:
        AwsError: if STS does not say to whom the credentials belong, or does not allow the role.
    """
    if request is None or not request.role or has_credentials_of(request.role, context):
        return context
    role = Role(arn=request.role, session_name=session_name(rollout_id), external_id=request.external_id)
    return with_role(context, role, region=request.region)


def with_role(context: Context, role: Role, *, region: str) -> Context:
    """Return a context with the credentials of a role, which the credentials of `context` assume.

    Args:
        context: the environment.
        role: the role to assume.
        region: the region of the new session; empty: that of the session of `context`.
    """
    own = open_session() if context.session is None else context.session
    shared = SharedSession(own, region=region, lock=threading.RLock())
    return replace(context, session=assume_role(shared, role, endpoint_url=context.endpoint_url))


def able_to_end(rollout: Rollout, request: RolloutRequest | None, context: Context) -> Context:
    """Return the context to end a rollout with: that of its role, or the caller's own if the role is gone.

    The caller's own credentials are used if the role cannot be assumed and they belong to the account of the rollout.

    Raises:
        RoleRefusedError: if they belong to another account; nothing was changed.
        AwsError: if STS does not answer.
    """
    assumed = assume_confirmed_role(rollout.rollout_id, request, context)
    if request is None or assumed is context:
        return context
    try:
        _account(assumed)
    except AccessRefusedError as error:
        if _account(context) == rollout.account:
            message = f"role {request.role} cannot be assumed, so your own credentials are used: {error}"
            _warn(context, message)
            return context
        problem = (
            f"role {request.role} of rollout {rollout.rollout_id} cannot be assumed: {error}. Nothing was changed. If "
            f"the role is gone, pass credentials of account {rollout.account}, or end the rollout without restoring "
            f"anything: `awsroll abort {rollout.rollout_id} --yes`"
        )
        raise RoleRefusedError(problem) from error
    return assumed


def _account(context: Context) -> str:
    session = open_session() if context.session is None else context.session
    clock = context.clock or default_clock()
    return Connection(session, clock=clock, endpoint_url=context.endpoint_url).sts.account()


def _warn(context: Context, message: str) -> None:
    if context.sink is not None:
        context.sink.event("rollout.warning", (context.clock or default_clock()).now(), message=message)


def has_credentials_of(role: str, context: Context) -> bool:
    """Return whether the credentials of a context belong to a session of a role.

    Raises:
        AwsError: if STS does not say to whom they belong.
    """
    own = open_session() if context.session is None else context.session
    clock = context.clock or default_clock()
    caller = Connection(own, clock=clock, endpoint_url=context.endpoint_url).sts.caller()
    return _is_session_of(role, caller)


def _is_session_of(role: str, caller: str) -> bool:
    """Return whether a caller is a session of a role: `…sts::1:assumed-role/NAME/…` of `…iam::1:role/PATH/NAME`."""
    account, name = (role.split(":") + [""] * 5)[4], role.rpartition("/")[2]
    return f":sts::{account}:assumed-role/{name}/" in caller
