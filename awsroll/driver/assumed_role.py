"""The credentials that a rollout was ordered with: whoever goes on with it takes on the same role."""

import threading
from dataclasses import replace

from awsroll.aws.connection import Connection
from awsroll.aws.sessions import Role, SharedSession, assume_role, open_session
from awsroll.clock import SystemClock
from awsroll.driver.session import Context
from awsroll.stores import LocalStore, RecordStore, RolloutRequest


def as_ordered(rollout_id: str, context: Context) -> Context:
    """Return surroundings with the credentials of the role that a rollout names, if it names one.

    Credentials that are this role's already stay: nobody need be allowed to assume the role that he has.

    Raises:
        StateError: if the order cannot be read.
        AwsError: if AWS does not say whose the credentials are.
    """
    store = context.store or LocalStore()
    order = store.note(rollout_id, RolloutRequest) if isinstance(store, RecordStore) else None
    if order is None or not order.role:
        return context
    own = open_session() if context.session is None else context.session
    clock = context.clock or SystemClock()
    caller = Connection(own, clock=clock, endpoint_url=context.endpoint_url).sts.caller()
    if _is_of(caller, order.role):
        return context
    role = Role(arn=order.role, session_name=rollout_id, external_id=order.external_id)
    shared = SharedSession(own, region=order.region, lock=threading.RLock())
    return replace(context, session=assume_role(shared, role, endpoint_url=context.endpoint_url))


def _is_of(caller: str, role: str) -> bool:
    """Tell whether a caller is a session of a role: `…sts::1:assumed-role/NAME/…` of `…iam::1:role/PATH/NAME`."""
    account, name = role.split(":")[4], role.rpartition("/")[2]
    return f":sts::{account}:assumed-role/{name}/" in caller
