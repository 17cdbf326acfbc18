"""Drains that a probe ends early, in the embedded AWS: the calls, the report, and who may have a probe."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awsroll.errors import FleetError
from tests.rollouts.rolling import Rolling, enter, make_sandbox

DELAY = 300


@pytest.fixture(name="roller")
def _roller(tmp_path: Path) -> Iterator[Any]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield lambda **shape: enter(sandbox, clock, tmp_path, deregistration_delay_seconds=DELAY, **shape)


def drains(one: Rolling, **wanted: Any) -> tuple[Any, list[float]]:
    """Roll the fleet; return the report and how long each server drained."""
    begun: dict[str, Any] = {}
    ended: dict[str, Any] = {}

    def note(_service: str, operation: str, parameters: Any) -> None:
        if operation == "DeregisterTargets":
            begun.update(dict.fromkeys((target["Id"] for target in parameters["Targets"]), one.clock.now()))
        if operation == "TerminateInstances":
            ended.update(dict.fromkeys(parameters["InstanceIds"], one.clock.now()))

    one.sandbox.on_call(note, "after")
    report = one.roll(**wanted)
    return report, [(ended[name] - begun[name]).total_seconds() for name in begun if name in ended]


def test_servers_without_open_connections_leave_soon(roller: Any) -> None:
    report, seconds = drains(roller(grouped=False, servers=2), drain_probe="connections")

    assert report.succeeded, report.reason
    assert len(seconds) == 2
    assert all(15 <= each < 40 for each in seconds)
    assert report.drain_seconds_saved == pytest.approx(sum(DELAY - each for each in seconds), abs=5)


def test_a_server_with_an_open_connection_drains_for_its_whole_delay(roller: Any) -> None:
    one: Rolling = roller(grouped=False, servers=2)
    busy = one.fleet.instance_ids[0]
    one.sandbox.world.count_connections(lambda name: int(name == busy))
    report, seconds = drains(one, drain_probe="connections")

    assert report.succeeded, report.reason
    assert report.warnings == ()
    assert max(seconds) >= DELAY > 40 > min(seconds)


def test_a_group_has_no_drain_probe(roller: Any) -> None:
    one: Rolling = roller(grouped=True, servers=2)
    with pytest.raises(FleetError, match="the group web drains its members by itself"):
        one.roll(drain_probe="connections")
