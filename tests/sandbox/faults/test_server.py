"""Fault rules on the server: the control interface, and clients in other threads and processes."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from awsroll.sandbox import ApiCall, ConnectionLost, SandboxServer, serve
from awsroll.testing.clock import VirtualClock
from tests.sandbox.control import control
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.process

TERMINATE = """
import boto3
boto3.client("ec2").terminate_instances(InstanceIds=[{instance_id!r}])
"""


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with serve(clock=VirtualClock()) as server:
        yield server


def test_rules_are_added_seen_and_removed_over_http(server: SandboxServer) -> None:
    rule = {"fault": "denied", "operation": "ec2:DescribeVpcs", "calls": [2]}
    assert control(server, "POST", "faults", rule) == (200, {"id": 1})
    client = server.session().client("ec2")
    client.describe_vpcs()
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        client.describe_vpcs()
    status, seen = control(server, "GET", "faults")
    assert (status, seen["rules"][0]["id"], seen["rules"][0]["fault"]) == (200, 1, "denied")
    assert [(each["operation"], each["number"], each["when"]) for each in seen["fired"]] == [
        ("ec2:DescribeVpcs", 2, "before")
    ]
    assert control(server, "POST", "faults/1/remove", {})[1]["rules"] == []


def test_all_rules_are_cleared_over_http(server: SandboxServer) -> None:
    control(server, "POST", "faults", {"fault": "denied"})
    control(server, "POST", "faults", {"fault": "throttled"})
    assert control(server, "POST", "faults/clear", {}) == (200, {"rules": [], "fired": []})


def test_an_invalid_rule_is_refused_over_http(server: SandboxServer) -> None:
    status, answer = control(server, "POST", "faults", {"fault": "slow"})
    assert (status, answer["error"].partition(" is not")[0]) == (400, "fault rule: 'slow'")
    assert control(server, "GET", "faults")[1]["rules"] == []


def test_a_reset_closes_the_connection(server: SandboxServer) -> None:
    server.faults.add("reset ec2:*")
    with pytest.raises(ConnectionClosedError):
        server.session().client("ec2", config=Config(retries={"total_max_attempts": 1})).describe_vpcs()


@pytest.mark.parametrize(("when", "state"), [("before", "running"), ("after", "shutting-down")])
def test_a_timeout_holds_one_call_only(server: SandboxServer, when: str, state: str) -> None:
    fleet = server.standalone_fleet(servers=1)
    server.faults.add(f"timeout ec2:TerminateInstances when={when}")
    config = Config(read_timeout=1, retries={"total_max_attempts": 1})
    patient, hurried = server.session().client("ec2"), server.session().client("ec2", config=config)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hurried.terminate_instances, InstanceIds=list(fleet.instance_ids))
        answer = patient.describe_instances(InstanceIds=list(fleet.instance_ids))  # answered at the same time
        assert answer["Reservations"]
        with pytest.raises(ReadTimeoutError):
            held.result()
    after = patient.describe_instances(InstanceIds=list(fleet.instance_ids))["Reservations"][0]["Instances"][0]
    assert after["State"]["Name"] == state


def test_a_held_call_ends_after_its_time(server: SandboxServer) -> None:
    server.faults.add("timeout ec2:* seconds=0.1")
    with pytest.raises(ConnectionClosedError):
        server.session().client("ec2", config=Config(retries={"total_max_attempts": 1})).describe_vpcs()


def test_a_server_that_closes_lets_held_calls_go() -> None:
    with serve(clock=VirtualClock()) as server, ThreadPoolExecutor(1) as pool:
        server.faults.add("timeout ec2:*")
        client = server.session().client("ec2", config=Config(retries={"total_max_attempts": 1}))
        held = pool.submit(client.describe_vpcs)
        while not server.faults.fired:
            time.sleep(0.01)
        server.close()
        with pytest.raises(ConnectionClosedError):
            held.result(timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize(("when", "state"), [("before", "running"), ("after", "shutting-down")])
def test_a_process_is_killed_at_a_call_before_or_after_its_effect(server: SandboxServer, when: str, state: str) -> None:
    fleet = server.standalone_fleet(servers=1)
    instance_id = fleet.instance_ids[0]
    started = threading.Event()
    killed: list[ApiCall] = []

    def kill(call: ApiCall) -> None:
        started.wait(PATIENCE_SECONDS)
        process.kill()
        process.wait(PATIENCE_SECONDS)
        killed.append(call)
        raise ConnectionLost  # the client is gone; before the effect, this prevents the effect

    server.faults.call(kill, changes_only=True, calls=(1,), when=when)
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINATE.format(instance_id=instance_id)], env=os.environ | server.environment
    )
    started.set()
    assert process.wait(PATIENCE_SECONDS) == -9
    while not killed:
        time.sleep(0.01)
    assert [(call.name, call.number, call.phase) for call in killed] == [("ec2:TerminateInstances", 1, when)]
    assert server.ec2.instance(instance_id).state == state
