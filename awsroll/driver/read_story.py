"""Reads the course and the story of a rollout from a store: for report files and for watching it from elsewhere."""

from datetime import UTC, datetime

from awsroll.core.timeline.course import Course
from awsroll.core.timeline.lines import read_course
from awsroll.ports import Record, Store
from awsroll.report.report import Report
from awsroll.report.story import Story, tell
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
