"""The counts and reports of traffic under load, in front of a fake world."""

import gc
import json
import socket
import threading
import time

import pytest

from awsroll.sandbox.instance import Health
from awsroll.sandbox.traffic import Outcome, Traffic, TrafficReport
from tests.sandbox.traffic.fake_world import (
    WEB,
    FakeWorld,
    eventually,
    silent,
)


def loaded(world: FakeWorld, *, slow_fraction: float = 0.2, slow_seconds: float = 0.1) -> Traffic:
    return Traffic(
        world,
        target_groups=[WEB],
        requests_per_second=200,
        slow_fraction=slow_fraction,
        slow_seconds=slow_seconds,
    )


def assert_adds_up(report: TrafficReport) -> None:
    served = report.by_outcome.get(Outcome.SERVED, 0)
    assert report.requests == sum(report.by_outcome.values())
    assert report.requests == served + report.dropped
    assert served == sum(report.by_version.values())
    assert served == sum(count for sample in report.timeline for count in sample.served.values())
    assert report.dropped == sum(sample.dropped for sample in report.timeline)
    assert report.in_flight == 0


def test_a_rolled_fleet_that_drains_drops_nothing_and_counts_by_version() -> None:
    world = FakeWorld("i-1", "i-2")
    with loaded(world) as traffic:
        eventually(lambda: traffic.snapshot().by_version.get("v1", 0) > 10)
        world.set_target("i-1", "draining")
        time.sleep(0.2)  # as long as the deregistration delay: twice a slow request
        world.set_target("i-1", "gone")
        world.stop("i-1")
        world.run("i-3", version="v2")
        world.set_target("i-3", "healthy")
        eventually(lambda: traffic.snapshot().by_version.get("v2", 0) > 10)
    report = traffic.stop()
    assert_adds_up(report)
    assert report.dropped == 0
    assert report.drops == ()
    assert report.by_outcome == {"served": report.requests}
    assert set(report.by_version) == {"v1", "v2"}
    assert report.lowest_serving == 1


def test_a_planted_fault_skipped_draining_is_counted_as_drops_with_their_cause() -> None:
    world = FakeWorld("i-1", "i-2")
    with loaded(world, slow_fraction=0.5, slow_seconds=0.3) as traffic:
        eventually(lambda: traffic.snapshot().in_flight > 10)
        world.set_target("i-1", "draining")
        world.stop("i-1")  # at once, without waiting for the drain to end
        eventually(lambda: traffic.snapshot().dropped > 0)
    report = traffic.stop()
    assert_adds_up(report)
    assert report.dropped == report.by_outcome[Outcome.BAD_GATEWAY]
    first = report.drops[0]
    assert (first.outcome, first.instance_id) == (Outcome.BAD_GATEWAY, "i-1")
    assert first.cause == "the target closed the connection with the request"
    assert 0 < first.at_seconds < report.elapsed_seconds


def test_a_share_of_failed_requests_is_counted_by_server() -> None:
    world = FakeWorld("i-1", "i-2")
    world.run("i-2", version="v2", error_share=1)
    event = {"since": 0, "until": time.time() + 60, "instance_ids": ["i-1", "i-2", "i-3"]}
    with loaded(world) as traffic:
        eventually(lambda: traffic.snapshot().dropped > 10)
        counts = traffic.answer(event)
    report = traffic.stop()
    assert_adds_up(report)
    assert report.dropped == report.by_outcome[Outcome.OTHER_ANSWER]
    assert (report.drops[0].instance_id, report.drops[0].cause) == ("i-2", "the application failed")
    assert counts.keys() == {"i-1", "i-2"}
    assert counts["i-1"]["bad"] == 0
    assert counts["i-2"]["bad"] == counts["i-2"]["total"] > 0
    assert traffic.answer(event) == {}


def test_a_stopped_fleet_counts_every_refused_request() -> None:
    world = FakeWorld("i-1")
    with loaded(world) as traffic:
        world.set_target("i-1", "draining")
        eventually(lambda: traffic.snapshot().dropped > 5)
    report = traffic.stop()
    assert_adds_up(report)
    assert set(report.by_outcome) <= {Outcome.UNAVAILABLE, Outcome.SERVED}
    assert report.lowest_serving == 0
    assert len(report.drops) <= 20


def test_requests_in_flight_at_the_end_are_awaited_not_dropped() -> None:
    with loaded(FakeWorld("i-1"), slow_fraction=1.0, slow_seconds=0.3) as traffic:
        eventually(lambda: traffic.snapshot().in_flight > 5)
        report = traffic.stop()
    assert_adds_up(report)
    assert report.requests > 5
    assert report.dropped == 0


def test_the_lowest_serving_capacity_sees_the_shortest_dip() -> None:
    world = FakeWorld("i-1", "i-2", "i-3")
    with silent(world) as traffic:
        with world.lock:
            for state in ("draining", "healthy"):
                world.set_target("i-1", state)
                world.set_target("i-2", state)
        eventually(lambda: traffic.snapshot().lowest_serving == 1)
    assert traffic.stop().timeline[-1].serving == {"v1": 3}


def test_a_lost_instance_does_not_serve_before_its_target_group_detects_it() -> None:
    world = FakeWorld("i-1", "i-2")
    with silent(world) as traffic:
        world.stop("i-1")
        eventually(lambda: traffic.snapshot().lowest_serving == 1)


def test_an_unhealthy_application_does_not_serve_before_its_target_group_detects_it() -> None:
    world = FakeWorld("i-1", "i-2")
    with silent(world) as traffic:
        world.run("i-1", health=Health.UNHEALTHY)
        eventually(lambda: traffic.snapshot().lowest_serving == 1)


def test_a_report_becomes_json() -> None:
    world = FakeWorld()
    with loaded(world) as traffic:
        eventually(lambda: traffic.snapshot().dropped > 0)
    report = json.loads(json.dumps(traffic.stop().as_json()))
    assert report["dropped"] == report["requests"] == report["by_outcome"]["503"]
    assert report["drops"][0]["cause"] == "the target group has no registered target that is in use"


def test_stopping_leaves_no_thread_no_listening_port_and_nothing_logged(caplog: pytest.LogCaptureFixture) -> None:
    threads = threading.active_count()
    world = FakeWorld("i-1", "i-2")
    with loaded(world) as traffic:
        address = ("127.0.0.1", int(traffic.url.rsplit(":", 1)[1]))
    report = traffic.stop()
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=1)
    world.set_target("i-1", "draining")  # changes of the world after the end have no effect
    assert traffic.snapshot() is report
    assert traffic.stop() is report
    gc.collect()  # an unclosed socket or an unawaited coroutine would warn here, and warnings are errors
    assert caplog.messages == []


def test_traffic_that_never_started_stops_quietly_and_has_no_address() -> None:
    traffic = silent(FakeWorld())
    with pytest.raises(RuntimeError, match=r"Call start\(\) first"):
        _ = traffic.url
    assert traffic.stop() == TrafficReport()


def test_all_mistakes_in_the_arguments_are_named_together() -> None:
    with pytest.raises(ValueError, match=r"target_groups is empty.*; slow_fraction is not between 0 and 1"):
        Traffic(FakeWorld(), target_groups=[], slow_fraction=2)
