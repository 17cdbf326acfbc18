"""Traffic over real sockets, in front of a fake of the simulated world that tests move by hand."""

import gc
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from awsroll.sandbox.instance import Health
from awsroll.sandbox.traffic import Outcome, Traffic, TrafficReport

WEB = "arn:web"
API = "arn:api"


@dataclass(frozen=True)
class FakeInstance:
    instance_id: str
    state: str = "running"
    version_label: str = "v1"
    health: Health = Health.HEALTHY

    def answers(self, port: int | None = None) -> Health:
        return self.health if self.state == "running" else Health.REFUSES


@dataclass(frozen=True)
class FakeTarget:
    instance_id: str
    port: int
    state: str


@dataclass
class FakeEc2:
    known: dict[str, FakeInstance] = field(default_factory=dict)
    listeners: list[Callable[[FakeInstance], None]] = field(default_factory=list)

    def find(self, instance_id: str) -> FakeInstance | None:
        return self.known.get(instance_id)

    def on_change(self, callback: Callable[[FakeInstance], None]) -> None:
        self.listeners.append(callback)


@dataclass
class FakeElb:
    known: dict[tuple[str, str, int], FakeTarget] = field(default_factory=dict)
    listeners: list[Callable[[str, FakeTarget], None]] = field(default_factory=list)

    def targets(self, target_group_arn: str) -> tuple[FakeTarget, ...]:
        return tuple(target for (arn, _, _), target in self.known.items() if arn == target_group_arn)

    def on_change(self, callback: Callable[[str, FakeTarget], None]) -> None:
        self.listeners.append(callback)


class FakeWorld:
    """Instances and targets whose states tests set; every change is told to whoever listens."""

    def __init__(self, *instance_ids: str, arn: str = WEB) -> None:
        self.lock = threading.RLock()
        self.ec2 = FakeEc2()
        self.elb = FakeElb()
        for instance_id in instance_ids:
            self.run(instance_id)
            self.set_target(instance_id, "healthy", arn=arn)

    def run(self, instance_id: str, *, version: str = "v1", health: Health = Health.HEALTHY) -> None:
        self._tell(FakeInstance(instance_id, version_label=version, health=health))

    def reload(self, instance_id: str, version: str) -> None:
        self._tell(replace(self.ec2.known[instance_id], version_label=version))

    def stop(self, instance_id: str) -> None:
        self._tell(replace(self.ec2.known[instance_id], state="shutting-down"))

    def set_target(self, instance_id: str, state: str, *, arn: str = WEB, port: int = 80) -> None:
        target = FakeTarget(instance_id, port, state)
        with self.lock:
            self.elb.known[(arn, instance_id, port)] = target
            for listener in self.elb.listeners:
                listener(arn, target)

    def _tell(self, instance: FakeInstance) -> None:
        with self.lock:
            self.ec2.known[instance.instance_id] = instance
            for listener in self.ec2.listeners:
                listener(instance)


def silent(world: FakeWorld, *target_groups: str) -> Traffic:
    """Build traffic without a load of its own: the test is the client."""
    return Traffic(world, target_groups=target_groups or (WEB,), requests_per_second=0)


def connect(traffic: Traffic) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(traffic.url.removeprefix("http://"), timeout=5)


def get(traffic: Traffic, path: str = "/") -> tuple[int, str]:
    """Send one request on a connection of its own; return the status and the instance, or the cause of a failure."""
    connection = connect(traffic)
    try:
        return _get_on(connection, path)
    finally:
        connection.close()


def _get_on(connection: http.client.HTTPConnection, path: str = "/") -> tuple[int, str]:
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return response.status, response.headers["x-cause"] or response.headers["x-instance-id"] or ""


def who_answers(traffic: Traffic, requests: int = 6) -> set[str]:
    return {get(traffic)[1] for _ in range(requests)}


def eventually(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def start_slow_request(traffic: Traffic, seconds: float) -> "Future[tuple[int, str]]":
    """Send a request that is held, from another thread; return when it is on its way to its target."""
    pool = ThreadPoolExecutor(max_workers=1)
    pending = pool.submit(get, traffic, f"/?hold={seconds}")
    pool.shutdown(wait=False)
    assert traffic._engine is not None
    in_flight = traffic._engine.balancer._in_flight
    eventually(lambda: any(tuple(in_flight.values())))
    assert not pending.done()
    return pending


def test_requests_go_to_every_healthy_target_in_turn() -> None:
    with silent(FakeWorld("i-1", "i-2", "i-3")) as traffic:
        answers = [get(traffic) for _ in range(6)]
    assert sorted(answers) == [(200, f"i-{n}") for n in (1, 1, 2, 2, 3, 3)]


def test_routing_follows_target_states_as_they_change() -> None:
    world = FakeWorld("i-1")
    world.run("i-2", version="v2")
    world.set_target("i-2", "initial")
    with silent(world) as traffic:
        assert who_answers(traffic) == {"i-1"}
        world.set_target("i-2", "healthy")
        eventually(lambda: who_answers(traffic) == {"i-1", "i-2"})
        world.set_target("i-1", "unhealthy")
        eventually(lambda: who_answers(traffic) == {"i-2"})


def test_an_instance_that_comes_up_later_is_served_from_then_on() -> None:
    world = FakeWorld()
    with silent(world) as traffic:
        world.run("i-1", health=Health.REFUSES)
        world.set_target("i-1", "initial")
        eventually(lambda: get(traffic) == (502, "connection refused: the application is not up"))
        world.run("i-1")
        world.set_target("i-1", "healthy")
        eventually(lambda: get(traffic) == (200, "i-1"))


def test_a_kept_connection_is_routed_per_request() -> None:
    with silent(FakeWorld("i-1", "i-2")) as traffic:
        connection = connect(traffic)
        answers = {_get_on(connection) for _ in range(4)}
        connection.close()
    assert answers == {(200, "i-1"), (200, "i-2")}


def test_a_draining_target_finishes_what_it_has_and_gets_nothing_new() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 0.3)
        world.run("i-2")
        world.set_target("i-2", "healthy")
        world.set_target("i-1", "draining")
        eventually(lambda: who_answers(traffic) == {"i-2"})
        assert slow.result() == (200, "i-1")


def test_a_request_that_outlives_the_deregistration_delay_is_cut() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 60)
        world.set_target("i-1", "draining")
        world.set_target("i-1", "gone")
        assert slow.result() == (502, "the deregistration delay ended while the request was running")


def test_an_instance_that_stops_drops_the_requests_it_holds() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 60)
        world.stop("i-1")
        assert slow.result() == (502, "the target closed the connection with the request")
        assert get(traffic) == (502, "connection refused: the application is not up")


def test_a_reload_shows_the_new_version_and_drops_the_requests_that_run() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 60)
        world.reload("i-1", "v2")
        assert slow.result() == (502, "the target closed the connection with the request")
        connection = connect(traffic)
        connection.request("GET", "/")
        assert connection.getresponse().headers["x-version"] == "v2"
        connection.close()


def test_a_target_registered_again_while_it_drains_keeps_its_requests() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 0.2)
        world.set_target("i-1", "draining")
        world.set_target("i-1", "healthy")
        eventually(lambda: get(traffic) == (200, "i-1"))
        assert slow.result() == (200, "i-1")


def test_without_registered_targets_the_answer_is_503() -> None:
    with silent(FakeWorld()) as traffic:
        assert get(traffic) == (503, "the target group has no registered target that is in use")


def test_with_unhealthy_targets_only_the_group_fails_open() -> None:
    world = FakeWorld("i-1")
    world.run("i-2", health=Health.UNHEALTHY)
    world.set_target("i-1", "unhealthy")
    world.set_target("i-2", "unhealthy")
    with silent(world) as traffic:
        assert {get(traffic) for _ in range(4)} == {(200, "i-1"), (503, "the application is unhealthy")}


def test_an_application_that_never_answers_ends_with_the_traffic() -> None:
    world = FakeWorld()
    world.run("i-1", health=Health.NEVER_ANSWERS)
    world.set_target("i-1", "healthy")
    with silent(world) as traffic:
        pending = start_slow_request(traffic, 0)
    assert isinstance(pending.exception(), ConnectionError | http.client.HTTPException)


def test_each_target_group_gets_its_share_of_the_requests() -> None:
    world = FakeWorld("i-1")
    with silent(world, WEB, API) as traffic:
        assert sorted(get(traffic)[0] for _ in range(4)) == [200, 200, 503, 503]
        world.set_target("i-1", "healthy", arn=API, port=8080)
        eventually(lambda: {get(traffic) for _ in range(4)} == {(200, "i-1")})


def test_other_target_groups_are_left_alone() -> None:
    with silent(FakeWorld("i-1", arn=API)) as traffic:
        assert get(traffic)[0] == 503


def test_bodies_and_head_requests_pass_through() -> None:
    with silent(FakeWorld("i-1")) as traffic:
        connection = connect(traffic)
        connection.request("POST", "/", body=b"x" * 50_000)
        assert connection.getresponse().read() == b"i-1 v1\n"
        connection.request("HEAD", "/")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")
        assert _get_on(connection) == (200, "i-1")
        connection.close()


def test_what_is_not_http_is_refused_with_a_reason() -> None:
    with silent(FakeWorld("i-1")) as traffic:
        host, port = traffic.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as client:
            client.sendall(b"hello\r\n\r\n")
            answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"not an HTTP/1.1 request line: 'hello'" in answer


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


def test_a_fleet_taken_out_whole_counts_every_refused_request() -> None:
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


def test_an_instance_that_died_unnoticed_by_its_target_group_does_not_serve() -> None:
    world = FakeWorld("i-1", "i-2")
    with silent(world) as traffic:
        world.stop("i-1")
        eventually(lambda: traffic.snapshot().lowest_serving == 1)


def test_an_application_that_ails_unnoticed_by_its_target_group_does_not_serve() -> None:
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
    world.set_target("i-1", "draining")  # the world goes on without disturbing, or being disturbed
    assert traffic.snapshot() is report
    assert traffic.stop() is report
    gc.collect()  # an unclosed socket or an unawaited coroutine would warn here, and warnings are errors
    assert caplog.messages == []


def test_traffic_that_never_started_stops_quietly_and_has_no_address() -> None:
    traffic = silent(FakeWorld())
    with pytest.raises(RuntimeError, match=r"call start\(\) first"):
        _ = traffic.url
    assert traffic.stop() == TrafficReport()


def test_all_mistakes_in_the_arguments_are_named_together() -> None:
    with pytest.raises(ValueError, match=r"target_groups is empty.*; slow_fraction is not between 0 and 1"):
        Traffic(FakeWorld(), target_groups=[], slow_fraction=2)
