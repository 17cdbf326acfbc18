"""The sandbox in this process: its clients, the hidden environment, and its cleanup."""

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from awsroll.sandbox import Fleet, Sandbox, SandboxOptions
from awsroll.testing.clock import T0, VirtualClock
from tests.sandbox.bench import open_bench
from tests.support.patience import PATIENCE_SECONDS


def test_ordinary_clients_use_its_region() -> None:
    with Sandbox(clock=VirtualClock(), region="eu-central-1") as sandbox:
        fleet = sandbox.standalone_fleet(servers=1, zones=1)
        client = boto3.client("ec2")
        assert client.meta.region_name == "eu-central-1"
        instance = client.describe_instances(InstanceIds=list(fleet.instance_ids))["Reservations"][0]["Instances"][0]
        assert instance["Placement"]["AvailabilityZone"] == "eu-central-1a"


def test_the_machines_credentials_and_endpoints_are_hidden_and_restored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile work]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:9")
    monkeypatch.delenv("AWS_REGION", raising=False)
    before = dict(os.environ)
    with Sandbox(clock=VirtualClock()):
        session = boto3.Session()
        assert session.region_name == "us-east-1"
        assert session.get_credentials().access_key.startswith("AKIASANDBOX")
        assert session.client("ec2").describe_instances()["Reservations"] == []
    assert dict(os.environ) == before


def test_the_next_sandbox_starts_empty() -> None:
    with open_bench(servers=2):
        pass
    with Sandbox(clock=VirtualClock()) as sandbox:
        assert sandbox.session().client("ec2").describe_instances()["Reservations"] == []
        assert sandbox.session().client("elbv2").describe_target_groups()["TargetGroups"] == []


def test_the_same_calls_give_the_same_ids_in_every_run() -> None:
    def ids() -> tuple[str, ...]:
        with open_bench(servers=3) as bench:
            return (bench.group, *bench.fleet.instance_ids)

    assert ids() == ids()


def test_a_group_of_an_earlier_sandbox_does_not_change_the_ids() -> None:
    def id_after(shape: Callable[[Sandbox], Fleet]) -> str:
        with Sandbox(clock=VirtualClock()) as sandbox:
            shape(sandbox)
        with Sandbox(clock=VirtualClock()) as sandbox:
            return sandbox.standalone_fleet(servers=1).instance_ids[0]

    assert id_after(lambda sandbox: sandbox.standalone_fleet(servers=1)) == id_after(
        lambda it: it.auto_scaling_fleet(servers=1)
    )


def test_jump_runs_due_events() -> None:
    with open_bench() as bench:
        instance_id = bench.launch()
        bench.sandbox.jump(40)
        assert bench.sandbox.ec2.instance(instance_id).state == "running"


def test_the_wall_clock_cannot_be_moved() -> None:
    with Sandbox() as sandbox, pytest.raises(RuntimeError, match="clock=VirtualClock"):
        sandbox.jump(1)


def test_on_the_wall_clock_events_run_without_calls() -> None:
    with Sandbox(options=SandboxOptions(speed=1000)) as sandbox:
        fleet = sandbox.standalone_fleet(servers=1, zones=1)
        stopped = threading.Event()
        sandbox.ec2.on_change(lambda instance: stopped.set() if instance.state == "terminated" else None)
        sandbox.session().client("ec2").terminate_instances(InstanceIds=list(fleet.instance_ids))
        assert stopped.wait(PATIENCE_SECONDS)  # without a further call
        launched_at = sandbox.ec2.instance(fleet.instance_ids[0]).launched_at
        assert abs(launched_at.timestamp() - time.time()) < 60
    assert "sandbox-ticker" not in {thread.name for thread in threading.enumerate()}


def test_many_calls_are_quick() -> None:
    with open_bench() as bench:
        started = time.monotonic()
        ids = [bench.launch() for _ in range(100)]
        bench.jump(50)
        for each in ids:
            bench.register(each)
        bench.jump(20)
        for _ in range(10):
            assert len(bench.listed()) == 100
            bench.ec2.describe_instances(InstanceIds=ids)
        assert time.monotonic() - started < 10  # about 1 s on an idle machine


def test_the_api_shows_virtual_time() -> None:
    with open_bench() as bench:
        bench.jump(3600)
        instance_id = bench.running()
        assert bench.describe(instance_id)["LaunchTime"] == T0 + timedelta(seconds=3600)
