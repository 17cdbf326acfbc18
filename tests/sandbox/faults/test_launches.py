"""Launches without capacity, with partial capacity, or with invisible instances: by users and by groups."""

from typing import Any

import pytest

from awsroll.sandbox import Fault, SandboxOptions
from tests.sandbox.autoscaling.lab import NAME, SETTLED_SECONDS, Lab, open_lab
from tests.sandbox.bench import open_bench, refused


def launch(lab: Lab, zone: str, count: int, token: str = "t") -> dict[str, Any]:
    """Call LaunchInstances."""
    answer: dict[str, Any] = lab.call(
        "launch_instances", ClientToken=token, RequestedCapacity=count, AvailabilityZones=[zone]
    )
    return answer


def test_run_instances_finds_no_capacity_in_one_zone() -> None:
    with open_bench(zones=2) as bench:
        bench.sandbox.faults.add("no-capacity ec2:RunInstances zones=us-east-1a")
        with refused("InsufficientInstanceCapacity"):
            bench.launch(subnet=0)
        assert bench.describe(bench.running(subnet=1))["Placement"]["AvailabilityZone"] == "us-east-1b"


def test_run_instances_finds_no_capacity_in_any_zone() -> None:
    with open_bench(zones=2) as bench:
        bench.sandbox.faults.add("no-capacity")
        for subnet in (0, 1):
            with refused("InsufficientInstanceCapacity"):
                bench.launch(subnet=subnet)
        assert bench.sandbox.ec2.instances() == ()


def test_only_launches_into_its_zones_are_counted() -> None:
    with open_bench(SandboxOptions(capacity_error_status=400), zones=2) as bench:  # which botocore does not retry
        bench.sandbox.faults.add("no-capacity ec2:RunInstances zones=us-east-1b calls=1")
        bench.launch(subnet=0)
        with refused("InsufficientInstanceCapacity"):
            bench.launch(subnet=1)
        bench.launch(subnet=1)
        assert [each.fault for each in bench.sandbox.faults.fired] == [Fault.NO_CAPACITY]


def test_run_instances_launches_fewer_than_the_most_and_none_below_the_least() -> None:
    with open_bench() as bench:
        bench.sandbox.faults.add("partial-launch ec2:RunInstances at_most=2")
        assert len(bench.run(MinCount=1, MaxCount=5)["Instances"]) == 2
        with refused("InsufficientInstanceCapacity"):
            bench.run(MinCount=3, MaxCount=5)
        assert len(bench.sandbox.ec2.instances()) == 2


def test_launch_instances_answers_the_missing_capacity_as_an_error() -> None:
    with open_lab() as lab:
        lab.create(1)
        lab.sandbox.faults.add("no-capacity autoscaling:LaunchInstances zones=us-east-1b")
        answer = launch(lab, "us-east-1b", 2)
        assert answer["Instances"] == []
        assert [each["ErrorCode"] for each in answer["Errors"]] == ["InsufficientInstanceCapacity"]
        assert lab.sizes() == (1, 1, 10)
        assert len(launch(lab, "us-east-1c", 2, token="u")["Instances"][0]["InstanceIds"]) == 2


def test_launch_instances_launches_a_part() -> None:
    with open_lab() as lab:
        lab.create(1)
        lab.sandbox.faults.add("partial-launch autoscaling:LaunchInstances at_most=2")
        answer = launch(lab, "us-east-1b", 3)
        assert len(answer["Instances"][0]["InstanceIds"]) == 2
        assert [each["ErrorCode"] for each in answer["Errors"]] == ["InsufficientInstanceCapacity"]
        assert lab.sizes() == (1, 3, 10)
        assert [(each.operation, each.number) for each in lab.sandbox.faults.fired] == [
            ("autoscaling:LaunchInstances", 1)
        ]


def test_a_launch_by_a_group_fails_as_an_activity_and_is_retried() -> None:
    with open_lab() as lab:
        lab.create(1)
        lab.sandbox.faults.add("no-capacity autoscaling:Launch times=1")
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(1)
        failed = lab.activities()[0]
        assert failed["StatusCode"] == "Failed"
        assert "We currently do not have sufficient t3.micro capacity" in failed["StatusMessage"]
        lab.jump(SETTLED_SECONDS)
        assert lab.states() == ["InService", "InService"]
        assert [each.operation for each in lab.sandbox.faults.fired] == ["autoscaling:Launch"]


def test_a_group_without_capacity_in_one_zone_launches_in_the_others() -> None:
    with open_lab() as lab:
        lab.sandbox.faults.add("no-capacity zones=us-east-1a")
        lab.create(4, settle=False)
        lab.jump(300)
        assert lab.zones() == ["b", "b", "c", "c"]


def test_a_group_without_capacity_launches_once_capacity_returns() -> None:
    with open_lab() as lab:
        rule_id = lab.sandbox.faults.add("no-capacity autoscaling:*")
        lab.create(2, settle=False)
        lab.jump(200)
        assert lab.members() == []
        assert {each["StatusCode"] for each in lab.activities()} == {"Failed"}
        lab.sandbox.faults.remove(rule_id)
        lab.jump(400)
        assert lab.states() == ["InService", "InService"]


@pytest.mark.parametrize("operation", ["ec2:RunInstances", "*"])
def test_a_launch_can_stay_invisible_for_longer(operation: str) -> None:
    with open_bench() as bench:
        bench.sandbox.faults.add(f"unseen {operation} seconds=60 calls=1")
        instance_id = bench.launch()
        bench.jump(59)
        with refused("InvalidInstanceID.NotFound"):
            bench.describe(instance_id)
        bench.jump(1)
        assert bench.state(instance_id) == "running"


def test_instances_of_a_group_can_stay_invisible_in_ec2() -> None:
    with open_lab() as lab:
        lab.sandbox.faults.add("unseen autoscaling:Launch seconds=200")
        lab.create(1)
        assert lab.states() == ["InService"]
        described = lab.ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": lab.ids()}])
        assert described["Reservations"] == []
        assert lab.group()["AutoScalingGroupName"] == NAME


def test_a_refused_launch_is_an_error_of_the_call_an_entry_or_a_failed_activity() -> None:
    message = "The key pair 'gone' does not exist"
    with open_lab() as lab:
        lab.create(1)
        rule = f'launch-refused code=InvalidKeyPair.NotFound message="{message}" versions=1 zones=us-east-1b'
        lab.sandbox.faults.add(rule)
        assert launch(lab, "us-east-1b", 1)["Errors"][0]["ErrorCode"] == "InvalidKeyPair.NotFound"
        assert len(launch(lab, "us-east-1c", 1, "u")["Instances"]) == 1
        lab.call("set_desired_capacity", DesiredCapacity=4)
        lab.jump(60)
        failed = [each for each in lab.activities() if each["StatusCode"] == "Failed"]
        assert any(message in each["StatusMessage"] for each in failed)
    with open_bench(zones=2) as bench:
        bench.sandbox.faults.add("launch-refused code=InsufficientCapacityOnHost")
        with refused("InsufficientCapacityOnHost"):
            bench.launch(subnet=0)


def test_an_interface_and_an_address_are_in_use_until_their_instance_is_terminated() -> None:
    with open_bench() as bench:
        made = bench.ec2.create_network_interface(SubnetId=bench.fleet.subnet_ids[0])["NetworkInterface"]
        held = [{"DeviceIndex": 0, "NetworkInterfaceId": made["NetworkInterfaceId"]}]
        image = {"ImageId": "ami-0123456789abcdef0", "MinCount": 1, "MaxCount": 1}
        first = bench.ec2.run_instances(**image, NetworkInterfaces=held)["Instances"][0]["InstanceId"]
        bench.jump(60)
        bench.ec2.terminate_instances(InstanceIds=[first])
        bench.jump(10)
        assert bench.state(first) == "shutting-down"
        with refused("InvalidNetworkInterface.InUse"):
            bench.ec2.run_instances(**image, NetworkInterfaces=held)
        bench.jump(30)
        bench.ec2.run_instances(**image, NetworkInterfaces=held)


def test_an_instance_counts_towards_the_quota_until_it_is_terminated() -> None:
    with open_bench(SandboxOptions(instance_quota=1)) as bench:
        first = bench.running()
        with refused("VcpuLimitExceeded"):
            bench.launch()
        bench.ec2.terminate_instances(InstanceIds=[first])
        with refused("VcpuLimitExceeded"):
            bench.launch()
        bench.jump(60)
        bench.launch()
