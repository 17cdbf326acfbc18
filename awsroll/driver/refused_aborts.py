"""An abort whose access to the fleet AWS refuses, for example because the role of the rollout is gone.

A refusal may be temporary, so a person confirms that the rollout ends without restoring anything. Steps cannot ask:
they try again for ten minutes.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from awsroll.core.model.plan import pause
from awsroll.core.model.status import Mode, Status
from awsroll.core.repair.released import abandon, unrestored
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.ports import Record

if TYPE_CHECKING:
    from awsroll.report import Report

_PATIENCE = timedelta(minutes=10)


def pause_refused_abort(session: Session, record: Record, why: str) -> Record:
    """Pause a rollout whose abort AWS refuses; end it after ten minutes of refusals. Return the saved record."""
    now = session.clock.now()
    since = record.status.abort_refused_since or now
    status = replace(record.status, abort_refused_since=since)
    if _is_refused_for_long(status, now):
        return end_without_access(session, record, why)
    reason = (
        f"{why.rstrip('.')}. The abort is tried again. If AWS still refuses it {_PATIENCE.seconds // 60} minutes after "
        f"{since:%Y-%m-%d %H:%M:%SZ}, the rollout ends without restoring anything"
    )
    return _saved(session, record, pause(status, reason, rests=False))


def end_if_refused_for_long(session: Session, record: Record) -> Record:
    """End an aborted rollout if AWS has refused its abort for ten minutes. Return its record."""
    if not _is_refused_for_long(record.status, session.clock.now()):
        return record
    return end_without_access(session, record, record.status.reason)


def _is_refused_for_long(status: Status, now: datetime) -> bool:
    since = status.abort_refused_since
    return status.mode is not Mode.ENDED and since is not None and now - since >= _PATIENCE


def end_unrestored(rollout_id: str, context: Context, why: str) -> "Report | None":
    """End a rollout as it is, send its notices, and return its report; None if the caller does not confirm that.

    Args:
        rollout_id: the rollout.
        context: the environment; its `confirm_unrestored` gets the refusal and what is not restored.
        why: the refusal of AWS.
    """
    session = Session(context)
    record = session.store.load(rollout_id)
    if not context.confirm_unrestored((why, *unrestored(record.rollout, record.status))):
        return None
    with session.hold(record.rollout, again=True):
        record = session.store.load(rollout_id)  # again: another process may have ended it meanwhile
        if record.status.mode is not Mode.ENDED:
            record = end_without_access(session, record, why)
            session.notify(record)
        return session.report_of_others(record)


def end_without_access(session: Session, record: Record, why: str) -> Record:
    """End an aborted rollout as it is; its fleet is held. Return the saved record, which says what is not restored."""
    return _saved(session, record, abandon(record.rollout, record.status, session.clock.now(), why=why))


def _saved(session: Session, record: Record, status: Status) -> Record:
    saved = session.store.save(replace(record, status=replace(status, events=())))
    session.note_record(saved)
    for event in status.events:
        session.emit(event.name, **event.fields)
    return saved
