"""Traffic in front of the simulated AWS: one of three servers is replaced under load, with and without draining."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from awsroll.sandbox.inprocess import Sandbox
from awsroll.sandbox.ready_fleets import Fleet
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.traffic import Outcome, Traffic
from awsroll.testing.clock import VirtualClock
from tests.sandbox.traffic.fake_world import connect
from tests.support.patience import PATIENCE_SECONDS

SPEED = 40
DELAY_SECONDS = 20
"""0.5 s of wall-clock time at this speed."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(options=SandboxOptions(speed=SPEED, boot_seconds=8, application_seconds=2)) as entered:
        yield entered


def build_fleet(sandbox: Sandbox) -> Fleet:
    return sandbox.standalone_fleet(
        servers=3,
        deregistration_delay_seconds=DELAY_SECONDS,
        health_check_interval_seconds=5,
        health_check_timeout_seconds=2,
    )


def load(sandbox: Sandbox, fleet: Fleet) -> Traffic:
    return Traffic(
        sandbox.world,
        target_groups=fleet.target_group_arns,
        requests_per_second=100,
        slow_fraction=0.3,
        slow_seconds=0.7 * DELAY_SECONDS / SPEED,
    )


def eventually(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not claim():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.01)


def states(elb: Any, arn: str) -> list[str]:
    health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return [description["TargetHealth"]["State"] for description in health]


def launch_second_version(ec2: Any, fleet: Fleet) -> str:
    instance_id: str = ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": fleet.template_id, "Version": "2"},
        SubnetId=fleet.subnet_ids[0],
        MinCount=1,
        MaxCount=1,
    )["Instances"][0]["InstanceId"]
    return instance_id


def test_a_server_replaced_with_care_drops_nothing(sandbox: Sandbox) -> None:
    fleet = build_fleet(sandbox)
    arn, old = fleet.target_group_arns[0], fleet.instance_ids[0]
    ec2, elb = sandbox.session().client("ec2"), sandbox.session().client("elbv2")
    with load(sandbox, fleet) as traffic:
        eventually(lambda: traffic.snapshot().requests > 20)
        elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": old, "Port": 80}])
        eventually(lambda: states(elb, arn) == ["healthy"] * 2)
        ec2.terminate_instances(InstanceIds=[old])
        new = launch_second_version(ec2, fleet)
        eventually(lambda: sandbox.ec2.instance(new).state == "running")
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": new, "Port": 80}])
        eventually(lambda: traffic.snapshot().by_version.get("v2", 0) > 10)
    report = traffic.stop()
    assert report.dropped == 0, report.drops
    assert report.lowest_serving == 2
    assert set(report.by_version) == {"v1", "v2"}


def test_a_planted_fault_terminating_without_draining_is_counted(sandbox: Sandbox) -> None:
    fleet = build_fleet(sandbox)
    old = fleet.instance_ids[0]
    with load(sandbox, fleet) as traffic:
        eventually(lambda: traffic.snapshot().in_flight > 5)
        sandbox.session().client("ec2").terminate_instances(InstanceIds=[old])
        eventually(lambda: traffic.snapshot().dropped > 0)
    report = traffic.stop()
    assert report.drops[0].instance_id == old
    assert report.drops[0].outcome is Outcome.BAD_GATEWAY
    assert report.lowest_serving == 2


def test_a_request_longer_than_the_deregistration_delay_is_cut_at_its_end() -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = build_fleet(sandbox)
        arn, old = fleet.target_group_arns[0], fleet.instance_ids[0]
        traffic = Traffic(sandbox.world, target_groups=[arn], slow_fraction=1.0, slow_seconds=1.0)
        with traffic:
            eventually(lambda: traffic.snapshot().in_flight > 10)
            sandbox.elb.deregister(arn, old, None)
            sandbox.jump(DELAY_SECONDS + 1)
            eventually(lambda: traffic.snapshot().dropped > 0)
        report = traffic.stop()
    assert {drop.instance_id for drop in report.drops} == {old}
    assert {drop.cause for drop in report.drops} == {"the deregistration delay ended while the request was running"}


def test_a_reload_is_seen_in_the_answers(sandbox: Sandbox) -> None:
    fleet = build_fleet(sandbox)
    with load(sandbox, fleet) as traffic:
        eventually(lambda: traffic.snapshot().requests > 10)
        with sandbox.world.lock:
            sandbox.ec2.reload(fleet.instance_ids[0], "v2")
        eventually(lambda: traffic.snapshot().by_version.get("v2", 0) > 3)
    assert traffic.stop().timeline[-1].serving == {"v1": 2, "v2": 1}


def test_below_the_routing_threshold_requests_reach_unhealthy_targets_until_it_is_lowered() -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = build_fleet(sandbox)
        elb, arn = sandbox.session().client("elbv2"), fleet.target_group_arns[0]
        key = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"
        sick = fleet.instance_ids[0]
        with Traffic(sandbox.world, target_groups=[arn], requests_per_second=0) as traffic:
            ill = [{"Key": "sandbox:health", "Value": "unhealthy"}]
            sandbox.session().client("ec2").create_tags(Resources=[sick], Tags=ill)
            sandbox.jump(60)
            assert states(elb, arn) == ["unhealthy", "healthy", "healthy"]
            eventually(lambda: sick not in served_by(traffic))
            elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": key, "Value": "80"}])
            eventually(lambda: sick in served_by(traffic))
            elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": key, "Value": "off"}])
            eventually(lambda: sick not in served_by(traffic))


def served_by(traffic: Traffic) -> set[str]:
    """Send a few requests, and return the instances that they reached."""
    reached = set()
    for _ in range(6):
        connection = connect(traffic)
        connection.request("GET", "/")
        reached.add(connection.getresponse().headers["x-instance-id"])
        connection.close()
    return reached
