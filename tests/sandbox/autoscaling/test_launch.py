"""The launches of a group: create, boot, register, InService; templates, zones, tags, failures."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.sandbox.autoscaling.lab import NAME, ZONES, Lab, open_lab, refusal_of


def test_group_launches_after_create_and_is_in_service_when_booted_and_registered() -> None:
    with open_lab() as lab:
        lab.create(settle=False)
        assert lab.states() == ["Pending"] * 3
        lab.jump(41)
        assert lab.states() == ["Pending"] * 3
        lab.jump(1.1)  # booted at 40 s, registered 2 s later
        assert lab.states() == ["InService"] * 3
        assert {lab.target(each) for each in lab.ids()} == {"initial"}  # in service is not target-healthy
        lab.jump(60)
        assert {lab.target(each) for each in lab.ids()} == {"healthy"}


def test_speed_shortens_the_way_into_service() -> None:
    with open_lab(speed=10) as lab:
        lab.create(settle=False)
        lab.jump(4.1)
        assert lab.states() == ["Pending"] * 3
        lab.jump(0.2)
        assert lab.states() == ["InService"] * 3


def test_launch_is_asynchronous_to_the_call_that_asks_for_it() -> None:
    with open_lab() as lab:
        lab.create()
        lab.call("set_desired_capacity", DesiredCapacity=5)
        lab.jump(20)
        assert lab.states() == ["InService"] * 3 + ["Pending"] * 2
        lab.jump(30)
        assert lab.states() == ["InService"] * 5


def test_instances_spread_over_zones_with_the_fewest_first() -> None:
    with open_lab() as lab:
        lab.create(desired=4)
        assert lab.zones() == ["a", "a", "b", "c"]
        lab.call("set_desired_capacity", DesiredCapacity=6)
        lab.jump(60)
        assert lab.zones() == ["a", "a", "b", "b", "c", "c"]


def test_instance_carries_group_tags_that_propagate_and_the_group_name() -> None:
    with open_lab() as lab:
        lab.new_version(version="blue")
        lab.create(
            desired=1,
            LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "3"},
            Tags=[
                {"Key": "team", "Value": "a", "PropagateAtLaunch": True},
                {"Key": "cost", "Value": "b", "PropagateAtLaunch": False},
            ],
        )
        tags = lab.tags(lab.ids()[0])
        assert tags["team"] == "a"
        assert tags["aws:autoscaling:groupName"] == NAME
        assert tags["sandbox:version"] == "blue"
        assert "cost" not in tags


def test_alias_is_resolved_at_each_launch_and_instances_say_a_number() -> None:
    with open_lab() as lab:
        lab.create(desired=1, LaunchTemplate={"LaunchTemplateName": "web", "Version": "$Latest"})
        lab.new_version()
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(60)
        assert lab.group()["LaunchTemplate"]["Version"] == "$Latest"
        assert [each["LaunchTemplate"]["Version"] for each in lab.members()] == ["2", "3"]
        assert lab.group()["LaunchTemplate"]["LaunchTemplateId"] == lab.template


def test_alias_is_shown_on_instances_by_switch() -> None:
    with open_lab(instance_template_version="alias") as lab:
        lab.create(desired=1, LaunchTemplate={"LaunchTemplateName": "web", "Version": "$Latest"})
        assert [each["LaunchTemplate"]["Version"] for each in lab.members()] == ["$Latest"]


def test_version_left_out_is_the_default_version() -> None:
    with open_lab() as lab:
        lab.ec2.modify_launch_template(LaunchTemplateId=lab.template, DefaultVersion="2")
        lab.create(desired=1, LaunchTemplate={"LaunchTemplateId": lab.template})
        assert lab.group()["LaunchTemplate"]["Version"] == "$Default"
        assert lab.members()[0]["LaunchTemplate"]["Version"] == "2"


def test_mixed_group_keeps_its_template_in_the_policy_and_launches_from_it() -> None:
    with open_lab() as lab:
        spec = {"LaunchTemplateId": lab.template, "Version": "1"}
        policy = {"LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": [{"InstanceType": "t3.small"}]}}
        lab.create(desired=1, LaunchTemplate=None, MixedInstancesPolicy=policy)
        group = lab.group()
        assert "LaunchTemplate" not in group
        shown = group["MixedInstancesPolicy"]
        assert shown["LaunchTemplate"]["LaunchTemplateSpecification"]["Version"] == "1"
        assert shown["LaunchTemplate"]["Overrides"] == [{"InstanceType": "t3.small"}]
        assert shown["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == 100
        assert lab.members()[0]["LaunchTemplate"]["Version"] == "1"


def test_version_of_a_mixed_group_is_changed_by_sending_the_policy_again() -> None:
    with open_lab() as lab:
        spec = {"LaunchTemplateId": lab.template, "Version": "1"}
        lab.create(
            desired=1,
            LaunchTemplate=None,
            MixedInstancesPolicy={"LaunchTemplate": {"LaunchTemplateSpecification": spec}},
        )
        policy = lab.group()["MixedInstancesPolicy"]
        policy["LaunchTemplate"]["LaunchTemplateSpecification"] = spec | {"Version": "2"}
        lab.call("update_auto_scaling_group", MixedInstancesPolicy=policy, DesiredCapacity=2)
        lab.jump(60)
        assert [each["LaunchTemplate"]["Version"] for each in lab.members()] == ["1", "2"]


def test_launch_activity_says_what_where_why_and_how_it_ended() -> None:
    with open_lab() as lab:
        lab.create(desired=1, settle=False)
        activity = lab.activities()[0]
        assert (activity["StatusCode"], activity["Progress"]) == ("PreInService", 30)
        assert "EndTime" not in activity
        lab.jump(60)
        activity = lab.activities()[0]
        assert activity["StatusCode"] == "Successful"
        assert activity["Description"] == f"Launching a new EC2 instance: {lab.ids()[0]}"
        assert "changing the desired capacity from 0 to 1" in activity["Cause"]
        assert json.loads(activity["Details"]) == {
            "Subnet ID": lab.subnets["us-east-1a"],
            "Availability Zone": "us-east-1a",
        }
        assert (activity["EndTime"] - activity["StartTime"]).total_seconds() == pytest.approx(42)


def zone_without_capacity(lab: Lab, *zones: str) -> None:
    tag = {"Key": "sandbox:insufficient-capacity", "Value": ",".join(zones), "ResourceId": NAME}
    lab.asg.create_or_update_tags(Tags=[tag | {"ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}])


def test_launch_without_capacity_fails_with_a_message_and_goes_to_another_zone() -> None:
    with open_lab() as lab:
        lab.create(desired=3)
        zone_without_capacity(lab, "us-east-1a")
        lab.call("set_desired_capacity", DesiredCapacity=4)
        lab.jump(1)
        failed = lab.activities()[0]
        assert failed["StatusCode"] == "Failed"
        assert "We currently do not have sufficient t3.micro capacity" in failed["StatusMessage"]
        assert failed["Description"].startswith("Launching a new EC2 instance.  Status Reason: ")
        assert lab.states() == ["InService"] * 3
        lab.jump(70)
        assert lab.zones() == ["a", "b", "b", "c"]


def test_capacity_of_a_zone_in_ec2_limits_the_group_too() -> None:
    with open_lab() as lab:
        lab.sandbox.ec2.capacity["us-east-1a"] = 0
        lab.create(desired=1)
        assert lab.zones() == ["b"]
        assert lab.activities()[-1]["StatusCode"] == "Failed"


def test_failed_launches_are_retried_with_growing_delay() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        zone_without_capacity(lab, *ZONES)
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(600)
        starts = [each["StartTime"] for each in reversed(lab.activities()) if each["StatusCode"] == "Failed"]
        gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(starts)]
        assert gaps == [15, 30, 60, 120, 240]
        zone_without_capacity(lab)
        lab.jump(400)
        assert lab.states() == ["InService"] * 2


def test_instance_that_fails_to_boot_is_a_failed_activity_and_is_replaced() -> None:
    with open_lab() as lab:
        lab.sandbox.ec2.failing_boots = 1
        lab.create(desired=1, settle=False)
        lab.jump(45)
        failed = lab.activities()[0]
        assert failed["StatusCode"] == "Failed"
        assert "Termination Reason: Server.InternalError" in failed["StatusMessage"]
        assert lab.states() == []
        lab.jump(80)
        assert lab.states() == ["InService"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"SecurityGroupIds": ["sg-00000000"]}, "The security group 'sg-00000000' does not exist"),
        ({"BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "Ebs": {"SnapshotId": "snap-0"}}]}, "InvalidSnapshot"),
        ({"NetworkInterfaces": [{"DeviceIndex": 0, "NetworkInterfaceId": "eni-0"}]}, "networkInterface ID 'eni-0'"),
        ({"KeyName": "gone"}, "The key pair 'gone' does not exist"),
        ({"IamInstanceProfile": {"Name": "gone"}}, "Invalid IAM Instance Profile name"),
    ],
    ids=["security-group", "snapshot", "interface", "key-pair", "instance-profile"],
)
def test_launch_that_ec2_refuses_is_a_failed_activity(data: dict[str, object], message: str) -> None:
    with open_lab() as lab:
        lab.ec2.create_launch_template_version(
            LaunchTemplateId=lab.template, SourceVersion="1", LaunchTemplateData=data
        )
        lab.create(desired=1, LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "$Latest"})
        assert lab.ids() == []
        failed = lab.activities()[0]
        assert (failed["StatusCode"], message in failed["StatusMessage"]) == ("Failed", True), failed


def test_launch_fails_while_an_attached_target_group_does_not_exist() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        extra = lab.new_target_group("extra")
        lab.call("attach_load_balancer_target_groups", TargetGroupARNs=[extra])
        listeners = lab.elb.describe_listeners(LoadBalancerArn=lab.balancer)["Listeners"]
        arn = next(one["ListenerArn"] for one in listeners if one["DefaultActions"][0]["TargetGroupArn"] == extra)
        lab.elb.delete_listener(ListenerArn=arn)
        lab.elb.delete_target_group(TargetGroupArn=extra)
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(60)
        assert "One or more target groups not found" in lab.activities()[0]["StatusMessage"]
        assert lab.states() == ["InService"]


def test_deleted_template_fails_the_launch_and_leaves_running_members() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.ec2.delete_launch_template(LaunchTemplateId=lab.template)
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(10)
        assert lab.activities()[0]["StatusCode"] == "Failed"
        assert lab.states() == ["InService"]


def test_group_of_a_launch_configuration_says_so_and_launches_nothing() -> None:
    with open_lab() as lab:
        lab.asg.create_launch_configuration(
            LaunchConfigurationName="old", ImageId="ami-12345678", InstanceType="t3.micro"
        )
        lab.create(desired=1, LaunchTemplate=None, LaunchConfigurationName="old")
        assert lab.group()["LaunchConfigurationName"] == "old"
        assert "LaunchTemplate" not in lab.group()
        assert lab.activities()[0]["StatusCode"] == "Failed"
        assert lab.ids() == []


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"MinSize": 4}, "Desired capacity:3 must be between the specified min size:4 and max size:10"),
        ({"MinSize": 11}, "Max bound, 10, must be greater than or equal to min bound, 11"),
        ({"LaunchTemplate": None}, "must contain either LaunchTemplate"),
        ({"LaunchTemplate": {"LaunchTemplateName": "none"}}, "does not exist"),
        ({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "9"}}, "Could not find the specified version 9"),
        ({"LaunchConfigurationName": "x"}, "must contain either LaunchTemplate"),
        ({"LaunchTemplate": None, "LaunchConfigurationName": "x"}, "Launch configuration name not found"),
        ({"VPCZoneIdentifier": "subnet-1"}, "The subnet ID 'subnet-1' does not exist"),
        ({"VPCZoneIdentifier": None}, "At least one Availability Zone or VPC Subnet is required"),
        ({"TargetGroupARNs": ["arn:aws:x"]}, "One or more target groups not found"),
        ({"HealthCheckType": "NONE"}, "Invalid HealthCheckType"),
        ({"TerminationPolicies": ["Any"]}, "Any is not a valid termination policy"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_group_is_refused_and_not_created(changes: dict[str, object], refusal: str) -> None:
    with open_lab() as lab:
        answer = refusal_of(lab.create, settle=False, **changes)
        assert answer.startswith("ValidationError: ")
        assert refusal in answer
        assert lab.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_second_group_of_the_same_name_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        assert refusal_of(lab.create).startswith("AlreadyExists: ")


def test_group_that_names_zones_launches_into_their_default_subnets() -> None:
    with open_lab() as lab:
        lab.create(
            desired=2, VPCZoneIdentifier=None, AvailabilityZones=["us-east-1b", "us-east-1c"], TargetGroupARNs=None
        )
        assert lab.zones() == ["b", "c"]
