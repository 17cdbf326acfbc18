"""Reads the course and the story of a rollout from a store: for report files and for watching it from elsewhere."""

from contextlib import suppress
from datetime import UTC, datetime

from awsroll.core.timeline.course import Course
from awsroll.core.timeline.lines import read_course
from awsroll.errors import AwsrollError
from awsroll.ports import Record, Store
from awsroll.report.build_report import build_report
from awsroll.report.report import ApiCalls, Report
from awsroll.report.story import Story, calls_in, tell
from awsroll.stores import RecordStore


def stored_course(record: Record, store: Store) -> Course:
    """Return the course of a rollout; an empty one if the store holds no timeline of it.

    Raises:
        StateError, AwsError: if the store cannot be read.
    """
    started_at = record.status.started_at
    if not isinstance(store, RecordStore):
        return Course(started_at=started_at)
    segments = store.timeline(record.rollout.rollout_id).segments()
    return read_course(started_at, (line for segment in segments for line in segment.lines))


def report_of(record: Record, store: Store, *, at: datetime, own_calls: ApiCalls | None = None) -> Report:
    """Return the closing report of a rollout, with the AWS calls of every process that has driven it.

    Args:
        record: the record of the rollout.
        store: its store. If it holds no timeline that can be read, only the calls of this process count.
        at: the end of the report if the rollout has not ended.
        own_calls: the calls of this process.
    """
    own, every = own_calls or ApiCalls(), ApiCalls()
    with suppress(AwsrollError, OSError):
        every = calls_in(stored_course(record, store))
    return build_report(record, at=at, api_calls=every if every.total > own.total else own)


def stored_story(rollout_id: str, store: Store, *, report: Report | None = None, at: datetime | None = None) -> Story:
    """Return the story of a rollout.

    Args:
        rollout_id: the rollout.
        store: the store of its record.
        report: its report, if this process has just driven it.
        at: the end of the story if the rollout has not ended; None: now.

    Raises:
        StateError, AwsError: if its record is missing or cannot be used.
    """
    record = store.load(rollout_id)
    return tell(record, stored_course(record, store), report=report, at=at or datetime.now(UTC))
