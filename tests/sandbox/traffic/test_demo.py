"""The world of the demo on a real server in real time, rolled by a minimal script that drains."""

import time
from collections.abc import Callable

import pytest

from awsroll.sandbox.demo_world import RELOAD_COMMAND, DemoWorld
from awsroll.sandbox.traffic import TrafficReport
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.process

SPEED = 100.0


def eventually(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not claim():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)


def states(demo: DemoWorld) -> dict[str, str]:
    elb = demo.session.client("elbv2")
    health = elb.describe_target_health(TargetGroupArn=demo.fleet.target_group_arns[0])["TargetHealthDescriptions"]
    return {description["Target"]["Id"]: description["TargetHealth"]["State"] for description in health}


def drain(demo: DemoWorld, instance_id: str) -> None:
    target = {"Id": instance_id, "Port": demo.fleet.ports[0]}
    demo.session.client("elbv2").deregister_targets(TargetGroupArn=demo.fleet.target_group_arns[0], Targets=[target])
    eventually(lambda: instance_id not in states(demo))


def register(demo: DemoWorld, instance_id: str) -> None:
    target = {"Id": instance_id, "Port": demo.fleet.ports[0]}
    demo.session.client("elbv2").register_targets(TargetGroupArn=demo.fleet.target_group_arns[0], Targets=[target])


def launch_next_version(demo: DemoWorld) -> str:
    instance_id: str = demo.session.client("ec2").run_instances(
        LaunchTemplate={"LaunchTemplateId": demo.fleet.template_id, "Version": demo.next_template_version},
        SubnetId=demo.fleet.subnet_ids[0],
        MinCount=1,
        MaxCount=1,
    )["Instances"][0]["InstanceId"]
    eventually(lambda: demo.server.ec2.instance(instance_id).state == "running")
    return instance_id


def serves(demo: DemoWorld, version: str) -> bool:
    return demo.traffic.snapshot().by_version.get(version, 0) > 5


def finish(demo: DemoWorld) -> TrafficReport:
    report = demo.stop_traffic()
    assert report.dropped == 0, report.drops
    return report


def test_replacing_a_server_of_the_demo_drops_nothing() -> None:
    with DemoWorld(servers=3, speed=SPEED) as demo:
        old = demo.fleet.instance_ids[0]
        drain(demo, old)
        demo.session.client("ec2").terminate_instances(InstanceIds=[old])
        new = launch_next_version(demo)
        register(demo, new)
        eventually(lambda: states(demo)[new] == "healthy" and serves(demo, "v2"))
    report = finish(demo)
    assert report.lowest_serving == 2
    assert report.timeline[-1].serving == {"v1": 2, "v2": 1}


def test_reloading_a_server_of_the_demo_drops_nothing() -> None:
    with DemoWorld(servers=2, strategy="reload", speed=SPEED) as demo:
        instance_id = demo.fleet.instance_ids[0]
        drain(demo, instance_id)
        demo.session.client("ssm").send_command(
            InstanceIds=[instance_id],
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": [RELOAD_COMMAND]},
        )
        eventually(lambda: demo.server.ec2.instance(instance_id).version_label == "v2")
        register(demo, instance_id)
        eventually(lambda: serves(demo, "v2"))
    assert finish(demo).lowest_serving == 1


def test_an_auto_scaling_group_can_be_the_fleet() -> None:
    with DemoWorld(servers=2, zones=2, auto_scaling=True, speed=SPEED) as demo:
        groups = demo.session.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        assert [group["AutoScalingGroupName"] for group in groups] == [demo.fleet.group_name]
        assert states(demo) == dict.fromkeys(demo.fleet.instance_ids, "healthy")
        eventually(lambda: serves(demo, "v1"))
    assert finish(demo).lowest_serving == 2


def test_a_bad_version_never_becomes_healthy() -> None:
    with DemoWorld(servers=1, bad_version=True, speed=SPEED) as demo:
        bad = launch_next_version(demo)
        register(demo, bad)
        eventually(lambda: states(demo)[bad] == "unhealthy")
    assert set(finish(demo).by_version) == {"v1"}


def test_a_bad_version_to_reload_fails_in_its_command() -> None:
    with DemoWorld(servers=1, bad_version=True, strategy="reload", speed=SPEED) as demo:
        ssm = demo.session.client("ssm")
        command_id = ssm.send_command(
            InstanceIds=list(demo.fleet.instance_ids),
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": [RELOAD_COMMAND]},
        )["Command"]["CommandId"]
        eventually(
            lambda: [command["Status"] for command in ssm.list_commands(CommandId=command_id)["Commands"]] == ["Failed"]
        )
    assert set(finish(demo).by_version) == {"v1"}


def test_a_demo_without_servers_is_refused() -> None:
    with pytest.raises(ValueError, match="a demo needs at least 1 server, not 0; nothing was started"):
        DemoWorld(servers=0)


def test_a_demo_that_was_not_entered_says_so() -> None:
    with pytest.raises(RuntimeError, match="has not started"):
        _ = DemoWorld().fleet
