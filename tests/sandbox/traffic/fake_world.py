"""A fake of the simulated world, whose states tests set, and clients of the traffic in front of it."""

import http.client
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from awsroll.sandbox.instance import Health
from awsroll.sandbox.traffic import Traffic
from tests.support.patience import PATIENCE_SECONDS

WEB = "arn:web"
API = "arn:api"


@dataclass(frozen=True)
class FakeInstance:
    instance_id: str
    state: str = "running"
    version_label: str = "v1"
    health: Health = Health.HEALTHY
    error_share: float = 0

    def answers(self, port: int | None = None) -> Health:
        return self.health if self.state == "running" else Health.REFUSES


@dataclass(frozen=True)
class FakeTarget:
    instance_id: str
    port: int
    state: str
    shifted: bool = False


@dataclass
class FakeEc2:
    known: dict[str, FakeInstance] = field(default_factory=dict)
    listeners: list[Callable[[FakeInstance], None]] = field(default_factory=list)

    def find(self, instance_id: str) -> FakeInstance | None:
        return self.known.get(instance_id)

    def on_change(self, callback: Callable[[FakeInstance], None]) -> None:
        self.listeners.append(callback)


@dataclass(frozen=True)
class FakeTargetGroup:
    least_healthy_count: int = 1
    least_healthy_percentage: int = 0


@dataclass
class FakeElb:
    known: dict[tuple[str, str, int], FakeTarget] = field(default_factory=dict)
    listeners: list[Callable[[str, FakeTarget], None]] = field(default_factory=list)
    settings: dict[str, FakeTargetGroup] = field(default_factory=dict)
    settings_listeners: list[Callable[[], None]] = field(default_factory=list)

    def targets(self, target_group_arn: str) -> tuple[FakeTarget, ...]:
        return tuple(target for (arn, _, _), target in self.known.items() if arn == target_group_arn)

    def target_group(self, target_group_arn: str) -> FakeTargetGroup:
        return self.settings.get(target_group_arn, FakeTargetGroup())

    def on_change(self, callback: Callable[[str, FakeTarget], None]) -> None:
        self.listeners.append(callback)

    def on_settings_change(self, callback: Callable[[], None]) -> None:
        self.settings_listeners.append(callback)


class FakeWorld:
    """Instances and targets whose states tests set; every change is reported to the listeners."""

    def __init__(self, *instance_ids: str, arn: str = WEB) -> None:
        self.lock = threading.RLock()
        self.ec2 = FakeEc2()
        self.elb = FakeElb()
        for instance_id in instance_ids:
            self.run(instance_id)
            self.set_target(instance_id, "healthy", arn=arn)

    def count_connections(self, count: Callable[[str], int]) -> None:
        self.open_connections = count

    def run(
        self, instance_id: str, *, version: str = "v1", health: Health = Health.HEALTHY, error_share: float = 0
    ) -> None:
        self._notify(FakeInstance(instance_id, version_label=version, health=health, error_share=error_share))

    def reload(self, instance_id: str, version: str) -> None:
        self._notify(replace(self.ec2.known[instance_id], version_label=version))

    def stop(self, instance_id: str) -> None:
        self._notify(replace(self.ec2.known[instance_id], state="shutting-down"))

    def set_target(self, instance_id: str, state: str, *, arn: str = WEB, port: int = 80) -> None:
        target = FakeTarget(instance_id, port, state)
        with self.lock:
            self.elb.known[(arn, instance_id, port)] = target
            for listener in self.elb.listeners:
                listener(arn, target)

    def _notify(self, instance: FakeInstance) -> None:
        with self.lock:
            self.ec2.known[instance.instance_id] = instance
            for listener in self.ec2.listeners:
                listener(instance)


def silent(world: FakeWorld, *target_groups: str) -> Traffic:
    """Return traffic without load; the test is the client."""
    return Traffic(world, target_groups=target_groups or (WEB,), requests_per_second=0)


def connect(traffic: Traffic) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(traffic.url.removeprefix("http://"), timeout=PATIENCE_SECONDS)


def get(traffic: Traffic, path: str = "/") -> tuple[int, str]:
    """Send one request on a new connection. Return the status, and the instance or the cause of the failure."""
    connection = connect(traffic)
    try:
        return get_on(connection, path)
    finally:
        connection.close()


def get_on(connection: http.client.HTTPConnection, path: str = "/") -> tuple[int, str]:
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return response.status, response.headers["x-cause"] or response.headers["x-instance-id"] or ""


def who_answers(traffic: Traffic, requests: int = 6) -> set[str]:
    return {get(traffic)[1] for _ in range(requests)}


def eventually(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not claim():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.005)


def start_slow_request(traffic: Traffic, seconds: float) -> "Future[tuple[int, str]]":
    """Send a slow request from another thread, and return when it is in flight."""
    pool = ThreadPoolExecutor(max_workers=1)
    pending = pool.submit(get, traffic, f"/?hold={seconds}")
    pool.shutdown(wait=False)
    assert traffic._engine is not None
    in_flight = traffic._engine.balancer._in_flight
    eventually(lambda: any(tuple(in_flight.values())))
    assert not pending.done()
    return pending
