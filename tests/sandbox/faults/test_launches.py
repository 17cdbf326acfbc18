"""Launches that find no capacity, or too little, or whose instances stay unknown: by users, calls and groups."""

from typing import Any

import pytest

from awsroll.sandbox import Fault, SandboxOptions
from tests.sandbox.autoscaling.lab import NAME, SETTLED_SECONDS, Lab, lab
from tests.sandbox.bench import bench, refused


def launch(it: Lab, zone: str, count: int, token: str = "t") -> dict[str, Any]:
    """Call LaunchInstances."""
    answer: dict[str, Any] = it.call(
        "launch_instances", ClientToken=token, RequestedCapacity=count, AvailabilityZones=[zone]
    )
    return answer


def test_run_instances_finds_no_capacity_in_one_zone() -> None:
    with bench(zones=2) as it:
        it.sandbox.faults.add("no-capacity ec2:RunInstances zones=us-east-1a")
        with refused("InsufficientInstanceCapacity"):
            it.launch(subnet=0)
        assert it.describe(it.running(subnet=1))["Placement"]["AvailabilityZone"] == "us-east-1b"


def test_run_instances_finds_no_capacity_in_any_zone() -> None:
    with bench(zones=2) as it:
        it.sandbox.faults.add("no-capacity")
        for subnet in (0, 1):
            with refused("InsufficientInstanceCapacity"):
                it.launch(subnet=subnet)
        assert it.sandbox.ec2.instances() == ()


def test_only_launches_into_its_zones_are_counted() -> None:
    with bench(SandboxOptions(capacity_error_status=400), zones=2) as it:  # which botocore does not retry
        it.sandbox.faults.add("no-capacity ec2:RunInstances zones=us-east-1b calls=1")
        it.launch(subnet=0)
        with refused("InsufficientInstanceCapacity"):
            it.launch(subnet=1)
        it.launch(subnet=1)
        assert [each.fault for each in it.sandbox.faults.fired] == [Fault.NO_CAPACITY]


def test_run_instances_launches_fewer_than_the_most_and_none_below_the_least() -> None:
    with bench() as it:
        it.sandbox.faults.add("partial-launch ec2:RunInstances at_most=2")
        assert len(it.run(MinCount=1, MaxCount=5)["Instances"]) == 2
        with refused("InsufficientInstanceCapacity"):
            it.run(MinCount=3, MaxCount=5)
        assert len(it.sandbox.ec2.instances()) == 2


def test_launch_instances_answers_the_missing_capacity_as_an_error() -> None:
    with lab() as it:
        it.create(1)
        it.sandbox.faults.add("no-capacity autoscaling:LaunchInstances zones=us-east-1b")
        answer = launch(it, "us-east-1b", 2)
        assert answer["Instances"] == []
        assert [each["ErrorCode"] for each in answer["Errors"]] == ["InsufficientInstanceCapacity"]
        assert it.sizes() == (1, 1, 10)
        assert len(launch(it, "us-east-1c", 2, token="u")["Instances"][0]["InstanceIds"]) == 2


def test_launch_instances_launches_a_part() -> None:
    with lab() as it:
        it.create(1)
        it.sandbox.faults.add("partial-launch autoscaling:LaunchInstances at_most=2")
        answer = launch(it, "us-east-1b", 3)
        assert len(answer["Instances"][0]["InstanceIds"]) == 2
        assert [each["ErrorCode"] for each in answer["Errors"]] == ["InsufficientInstanceCapacity"]
        assert it.sizes() == (1, 3, 10)
        assert [(each.operation, each.number) for each in it.sandbox.faults.fired] == [
            ("autoscaling:LaunchInstances", 1)
        ]


def test_a_groups_own_launch_fails_as_an_activity_and_is_tried_again() -> None:
    with lab() as it:
        it.create(1)
        it.sandbox.faults.add("no-capacity autoscaling:Launch times=1")
        it.call("set_desired_capacity", DesiredCapacity=2)
        it.jump(1)
        failed = it.activities()[0]
        assert failed["StatusCode"] == "Failed"
        assert "We currently do not have sufficient t3.micro capacity" in failed["StatusMessage"]
        it.jump(SETTLED_SECONDS)
        assert it.states() == ["InService", "InService"]
        assert [each.operation for each in it.sandbox.faults.fired] == ["autoscaling:Launch"]


def test_a_group_without_capacity_in_one_zone_launches_in_the_others() -> None:
    with lab() as it:
        it.sandbox.faults.add("no-capacity zones=us-east-1a")
        it.create(4, settle=False)
        it.jump(300)
        assert it.zones() == ["b", "b", "c", "c"]


def test_a_group_without_capacity_anywhere_launches_once_there_is_some() -> None:
    with lab() as it:
        rule_id = it.sandbox.faults.add("no-capacity autoscaling:*")
        it.create(2, settle=False)
        it.jump(200)
        assert it.members() == []
        assert {each["StatusCode"] for each in it.activities()} == {"Failed"}
        it.sandbox.faults.remove(rule_id)
        it.jump(400)
        assert it.states() == ["InService", "InService"]


@pytest.mark.parametrize("operation", ["ec2:RunInstances", "*"])
def test_a_launch_can_stay_unknown_for_longer(operation: str) -> None:
    with bench() as it:
        it.sandbox.faults.add(f"unseen {operation} seconds=60 calls=1")
        instance_id = it.launch()
        it.jump(59)
        with refused("InvalidInstanceID.NotFound"):
            it.describe(instance_id)
        it.jump(1)
        assert it.state(instance_id) == "running"


def test_what_a_group_launches_can_stay_unknown_to_ec2() -> None:
    with lab() as it:
        it.sandbox.faults.add("unseen autoscaling:Launch seconds=200")
        it.create(1)
        assert it.states() == ["InService"]
        described = it.ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": it.ids()}])
        assert described["Reservations"] == []
        assert it.group()["AutoScalingGroupName"] == NAME
