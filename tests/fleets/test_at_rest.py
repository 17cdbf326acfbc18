"""Servers at rest are read every two minutes where that saves calls, and again before anything is done with them."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from awsroll.core.model.actions import DeregisterTargets, TagInstances
from awsroll.core.model.observation import Target, TargetKey, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode
from awsroll.fleets.at_rest import servers_at_rest
from awsroll.fleets.recent import RecentInstances
from awsroll.fleets.results import done
from awsroll.testing.clock import T0, VirtualClock
from tests.support.looks import status

NAMES = frozenset({"i-1", "i-2", "i-3", "i-4", "i-5"})
REST = NAMES - {"i-1"}


class _Lab:
    """A `RecentInstances` and the calls that it made: the ids of each."""

    def __init__(self) -> None:
        self.clock, self.calls = VirtualClock(), list[list[str]]()
        ec2 = SimpleNamespace(instances=self._instances)
        self.recent = RecentInstances(SimpleNamespace(clock=self.clock, ec2=ec2))  # type: ignore[arg-type]

    def _instances(self, names: set[str]) -> list[dict[str, object]]:
        self.calls.append(sorted(names))
        return [{"InstanceId": name, "Tags": []} for name in sorted(names)]

    def look(self, at_rest: frozenset[str] = REST, *, seconds: float = 10) -> list[str]:
        """Describe all servers after some seconds; return the ids that were read."""
        self.clock.sleep(seconds)
        before = len(self.calls)
        assert self.recent.describe(NAMES, at_rest=at_rest).keys() == NAMES
        return [name for call in self.calls[before:] for name in call]


@pytest.fixture
def lab() -> Iterator[_Lab]:
    with patch("awsroll.fleets.recent.FILTER_VALUES", 2):
        yield _Lab()


def test_servers_at_rest_are_read_every_two_minutes(lab: _Lab) -> None:
    assert lab.look() == sorted(NAMES)
    assert lab.look() == ["i-1"]
    assert lab.look(seconds=40) == ["i-1"]


def test_a_call_that_is_made_anyway_reads_servers_at_rest_whose_answers_are_old(lab: _Lab) -> None:
    lab.look()
    assert lab.look(seconds=60) == ["i-1", "i-2"]  # one call has room for two
    assert lab.look(seconds=10) == ["i-1", "i-3"]
    assert lab.look(seconds=50) == ["i-1", "i-2", "i-4", "i-5"]


def test_a_server_whose_rest_ends_is_read(lab: _Lab) -> None:
    lab.look()
    assert lab.look(REST - {"i-4"}) == ["i-1", "i-4"]
    assert lab.look() == ["i-1"]


def test_all_servers_are_read_if_one_call_describes_them(lab: _Lab) -> None:
    with patch("awsroll.fleets.recent.FILTER_VALUES", 5):
        lab.look()
        assert lab.look(NAMES) == sorted(NAMES)


def test_a_server_that_is_tagged_to_leave_is_read_before_it_leaves(lab: _Lab) -> None:
    lab.look()
    lab.look()
    tagged = TagInstances(instance_ids=("i-3",), tags=(("awsroll:role", "retiring"),), reason=Reason.PREPARING)
    lab.recent.keep_after([done(tagged, instance_ids=("i-3",))])

    assert lab.look(REST - {"i-3"}, seconds=0) == ["i-3"]


def test_what_a_call_changes_is_read_and_the_rest_stays(lab: _Lab) -> None:
    lab.look()
    left = DeregisterTargets(
        instance_id="i-3", targets=(TargetKey(target_group="web", port=80),), reason=Reason.OUTDATED
    )
    lab.recent.keep_after([done(left, instance_ids=("i-3",))])
    assert lab.look(REST - {"i-3"}) == ["i-1", "i-3"]


def test_a_read_made_ahead_leaves_servers_at_rest_out(lab: _Lab) -> None:
    lab.look()
    lab.clock.sleep(10)
    for read in lab.recent.reads_ahead():
        read()
    assert lab.calls[-1] == ["i-1"]
    assert lab.look(REST - {"i-2"}, seconds=0) == ["i-2"]


def test_a_server_is_at_rest_if_it_is_healthy_everywhere_and_has_no_task_or_only_drains() -> None:
    def at(*states: TargetState) -> tuple[Target, ...]:
        return tuple(Target(key=TargetKey(target_group="web", port=80), state=state) for state in states)

    healthy = TargetState.HEALTHY
    registered = {
        "untouched": at(healthy),
        "ill": at(healthy, TargetState.UNHEALTHY),
        "serving": at(healthy),
        "leaving": at(healthy),
        "failed": at(healthy),
        "draining": at(TargetState.DRAINING, TargetState.DRAINING),
        "half-out": at(TargetState.DRAINING, healthy),
        "drained": at(),
        "reloading": at(TargetState.DRAINING),
        "returned": at(TargetState.DRAINING),
    }
    serving = Server(phase=ServerPhase.SERVING, since=T0)
    leaving = Server(phase=ServerPhase.DRAINING, since=T0)
    record = status(
        servers={
            "serving": serving,
            **dict.fromkeys(("leaving", "draining", "half-out", "drained"), leaving),
            "reloading": replace(leaving, reloading=True),
            "failed": Server(phase=ServerPhase.SERVING, since=T0, failed=True),
        }
    )

    assert servers_at_rest(record, registered) == {"untouched", "serving", "draining"}
    assert servers_at_rest(status(mode=Mode.COMPLETING), registered) == frozenset()
