"""When the record of a rollout is written."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Counters
from awsroll.driver.record_writer import RecordWriter
from awsroll.ports import Record
from awsroll.testing.clock import T0, VirtualClock
from tests.support.looks import later, rollout, status


@dataclass
class Pages:
    """A store that keeps every record that is written."""

    written: list[Status] = field(default_factory=list)

    def save(self, record: Record) -> Record:
        self.written.append(record.status)
        return replace(record, revision=record.revision + 1)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def writer(pages: Pages, clock: VirtualClock) -> RecordWriter:
    record = Record(rollout=rollout(), status=status("i-1", observed_at=T0), revision=1)
    return RecordWriter(record, pages, clock)  # type: ignore[arg-type]


def _observed(writer: RecordWriter, seconds: float) -> Status:
    return replace(writer.record.status, observed_at=later(seconds))


def test_an_idle_observation_is_kept_in_memory_and_written_after_twenty_seconds(
    writer: RecordWriter, pages: Pages, clock: VirtualClock
) -> None:
    for second in range(5, 65, 5):
        clock.sleep(5)
        writer.note(_observed(writer, second))
        assert writer.record.status.observed_at == later(second)

    assert [one.observed_at for one in pages.written] == [later(20), later(40), later(60)]
    assert writer.record.revision == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: replace(kept, mode=Mode.STOPPING),
        lambda kept: replace(kept, progress_at=later(5)),
        lambda kept: replace(kept, counters=Counters(skipped=1)),
    ],
    ids=["decision", "clock", "figure"],
)
def test_a_decision_or_a_clock_is_written_at_once(
    writer: RecordWriter, pages: Pages, clock: VirtualClock, change: Callable[[Status], Status]
) -> None:
    clock.sleep(5)
    writer.note(_observed(writer, 5))
    clock.sleep(5)
    writer.note(change(_observed(writer, 10)))

    assert [one.observed_at for one in pages.written] == [later(10)]


def test_saving_writes_what_was_only_kept_in_memory_and_nothing_twice(
    writer: RecordWriter, pages: Pages, clock: VirtualClock
) -> None:
    clock.sleep(5)
    writer.note(_observed(writer, 5))
    writer.save(writer.record.status)
    writer.save(writer.record.status)

    assert [one.observed_at for one in pages.written] == [later(5)]


def test_a_new_record_is_written(pages: Pages, clock: VirtualClock) -> None:
    writer = RecordWriter(Record(rollout=rollout(), status=status("i-1"), revision=0), pages, clock)  # type: ignore[arg-type]
    writer.note(writer.record.status)

    assert writer.record.revision == 1
