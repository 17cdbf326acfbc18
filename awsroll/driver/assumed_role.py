"""The IAM role that a rollout was started with: every process that resumes the rollout assumes the same role."""

import threading
from dataclasses import replace

from awsroll.aws.connection import Connection
from awsroll.aws.sessions import Role, SharedSession, assume_role, open_session
from awsroll.clock import SystemClock
from awsroll.core.aws_names import session_name
from awsroll.driver.context import Context
from awsroll.stores import LocalStore, RecordStore, RolloutRequest


def assume_stored_role(rollout_id: str, context: Context) -> Context:
    """Return a context with the credentials of the role that a rollout names, if it names one.

    Credentials that are of this role already are kept: they need no permission to assume it again.

    Raises:
        StateError: if the stored request cannot be read.
        AwsError: if STS does not say to whom the credentials belong, or does not allow the role.
    """
    store = context.store or LocalStore()
    request = store.note(rollout_id, RolloutRequest) if isinstance(store, RecordStore) else None
    if request is None or not request.role:
        return context
    own = open_session() if context.session is None else context.session
    clock = context.clock or SystemClock()
    caller = Connection(own, clock=clock, endpoint_url=context.endpoint_url).sts.caller()
    if _is_session_of(request.role, caller):
        return context
    role = Role(arn=request.role, session_name=session_name(rollout_id), external_id=request.external_id)
    shared = SharedSession(own, region=request.region, lock=threading.RLock())
    return replace(context, session=assume_role(shared, role, endpoint_url=context.endpoint_url))


def _is_session_of(role: str, caller: str) -> bool:
    """Return whether a caller is a session of a role: `…sts::1:assumed-role/NAME/…` of `…iam::1:role/PATH/NAME`."""
    account, name = role.split(":")[4], role.rpartition("/")[2]
    return f":sts::{account}:assumed-role/{name}/" in caller
