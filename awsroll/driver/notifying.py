"""The notices of one call. They go where its caller said: the request, the context, or the file that is given again.

A record never decides where notices go.
"""

import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from awsroll.aws.connection import Connection
from awsroll.aws.retry import RetryLimits
from awsroll.aws.sessions import open_session
from awsroll.core.model.destinations import destination
from awsroll.driver.context import Context
from awsroll.driver.given_fleet import given_fleet
from awsroll.errors import AwsrollError
from awsroll.notifications.notifier import Notifier
from awsroll.ports import Clock, Store
from awsroll.stores import Notified, RecordStore

if TYPE_CHECKING:
    from awsroll.notifications.channels import Channel

_RETRIES = RetryLimits(attempts=2, total_seconds=4)


def notifier_for(
    rollout_id: str, context: Context, store: Store, *, clock: Clock, warn: Callable[[str], None]
) -> Notifier:
    """Return the notifier of a rollout.

    Args:
        rollout_id: the rollout.
        context: names the destinations, and the session that sends.
        store: keeps the keys of the notices that were sent, if it can.
        clock: paces the calls. If it is not in real time, notices are sent in the foreground.
        warn: receives a warning for each destination that cannot be used.
    """

    def load() -> tuple[str, ...]:
        note = store.note(rollout_id, Notified) if isinstance(store, RecordStore) else None
        return () if note is None else note.keys

    def save(keys: tuple[str, ...]) -> None:
        if isinstance(store, RecordStore):
            store.put_note(rollout_id, Notified(keys=keys))

    return Notifier(
        list(_channels(context, clock, warn)),
        load=load,
        save=save,
        warn=warn,
        in_background=bool(getattr(clock, "is_real_time", False)),
        options=store_options(context, store),
        link=context.approval_page,
    )


def store_options(context: Context, store: Store) -> str:
    """Return the options with which a command at another machine reaches the store; empty if none can."""
    if not isinstance(store, RecordStore) or store.is_on_this_machine:
        return ""
    region = getattr(context.session, "region_name", None)
    return shlex.join(("--state", store.address, *(("--region", str(region)) if region else ())))


def _channels(context: Context, clock: Clock, warn: Callable[[str], None]) -> "Iterator[tuple[str, Channel]]":
    if given_fleet(context.session) is not None:
        return  # a test sends no notice
    given = (value for fleet in context.requests for value in fleet.request.notify)
    for value in dict.fromkeys((*context.notify, *given)):
        from awsroll.notifications.channels import channel  # noqa: PLC0415 - only for who has asked for notices

        to = destination(value)
        try:
            yield to.shown, channel(to, lambda region: _connect(context, clock, region))
        except AwsrollError as error:
            warn(f"no notices are sent to {to.shown}: {error}")


def _connect(context: Context, clock: Clock, region: str) -> Connection:
    session = context.notify_session or context.session or open_session()
    return Connection(session, clock=clock, endpoint_url=context.endpoint_url, region=region or None, retry=_RETRIES)
