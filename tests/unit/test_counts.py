"""The counts that the status, the live view, the report and their JSON share."""

from dataclasses import replace
from typing import Any

from awsroll.core.classify.counts import ServerCounts, count_servers
from awsroll.core.model.rollout import VersionCount
from awsroll.core.model.status_parts import Counters, Desired
from tests.stores.records import T0, record
from tests.support.status import changed


def count(*, current: int = 0, counters: Counters | None = None, **facts: Any) -> ServerCounts:
    plain = record()
    baseline = (VersionCount(version="lt-1:1", count=3), VersionCount(version="lt-1:2", count=current))
    rollout = replace(plain.rollout, baseline=baseline)
    return count_servers(rollout, changed(plain.status, counters=counters or Counters(), **facts))


def test_a_server_is_replaced_once_its_replacement_serves() -> None:
    left = Counters(replaced=2)

    assert count(counters=left).replaced == 0
    assert count(counters=left, serving=("i-8",)).replaced == 1
    assert count(counters=left, serving=("i-8", "i-9")).replaced == 2


def test_a_new_server_beside_the_old_one_replaces_nothing_yet() -> None:
    counts = count(serving=("i-8", "i-9"))

    assert (counts.replaced, counts.updated) == (0, 2)


def test_a_server_on_the_new_version_from_the_start_is_skipped_and_replaces_nothing() -> None:
    counts = count(current=1, counters=Counters(replaced=1), serving=("i-7",), current_at_start=("i-7",))

    assert (counts.total, counts.skipped, counts.replaced, counts.updated) == (4, 1, 0, 1)


def test_a_rollback_counts_no_server_twice() -> None:
    begun = Counters(replaced=4, replaced_forward=2)  # 2 old servers had left, then the rollback retired 2 new ones

    whole = count(counters=begun, rolling_back=True, serving=("i-1", "i-8", "i-9"))
    short = count(counters=begun, rolling_back=True, serving=("i-1", "i-8"))

    assert (whole.replaced, short.replaced) == (2, 1)


def test_the_fleet_has_the_size_that_its_group_wants_now() -> None:
    assert count().wanted == 3
    assert count(desired=Desired(goal=5, expected=5, previous=5, moved_at=T0)).wanted == 5
