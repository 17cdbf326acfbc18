"""The settings of a group: sizes and bounds, partial updates, pages, tags, attached target groups."""

from __future__ import annotations

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, NAME, open_lab, refusal_of


@pytest.mark.parametrize(
    ("update", "sizes"),
    [
        ({"MaxSize": 2}, (1, 2, 2)),
        ({"MinSize": 5}, (5, 5, 10)),
        ({"MaxSize": 8, "DesiredCapacity": 6}, (1, 6, 8)),
        ({"MaxSize": 12}, (1, 3, 12)),
        ({"MinSize": 0, "MaxSize": 0}, (0, 0, 0)),
    ],
    ids=["max-below-desired", "min-above-desired", "desired-given", "max-alone", "all-zero"],
)
def test_update_changes_what_it_names_and_moves_desired_into_the_bounds(
    update: dict[str, int], sizes: tuple[int, int, int]
) -> None:
    with open_lab() as lab:
        lab.create(desired=3, settle=False)
        lab.call("update_auto_scaling_group", **update)
        assert lab.sizes() == sizes


@pytest.mark.parametrize(
    ("update", "refusal"),
    [
        ({"DesiredCapacity": 11}, "Desired capacity:11 must be between the specified min size:1 and max size:10"),
        ({"MinSize": 11}, "Max bound, 10, must be greater than or equal to min bound, 11"),
        ({"MaxSize": 2, "DesiredCapacity": 3}, "Desired capacity:3 must be between"),
        ({"HealthCheckGracePeriod": -1}, "HealthCheckGracePeriod must not be negative"),
        ({"MaxInstanceLifetime": 3600}, "MaxInstanceLifetime must be 0, or at least 86400 seconds"),
    ],
    ids=["desired-above-max", "min-above-max", "both-do-not-fit", "grace-period", "lifetime"],
)
def test_update_out_of_bounds_is_refused_and_changes_nothing(update: dict[str, int], refusal: str) -> None:
    with open_lab() as lab:
        lab.create(desired=3, settle=False)
        template = {"LaunchTemplateId": lab.template, "Version": "2"}
        assert refusal in lab.refusal("update_auto_scaling_group", **update, LaunchTemplate=template)
        assert lab.sizes() == (1, 3, 10)
        assert lab.group()["LaunchTemplate"]["Version"] == "1"


@pytest.mark.parametrize(
    ("wanted", "word"), [(11, "above max value 10"), (0, "below min value 1")], ids=["high", "low"]
)
def test_desired_capacity_outside_the_bounds_is_refused(wanted: int, word: str) -> None:
    with open_lab() as lab:
        lab.create(desired=3, settle=False)
        refusal = lab.refusal("set_desired_capacity", DesiredCapacity=wanted)
        assert refusal == f"ValidationError: New SetDesiredCapacity value {wanted} is {word} for the AutoScalingGroup."
        assert lab.sizes() == (1, 3, 10)


def test_update_keeps_every_setting_it_does_not_name() -> None:
    with open_lab() as lab:
        lab.create(
            desired=1, HealthCheckType="EC2,ELB", HealthCheckGracePeriod=90, TerminationPolicies=["OldestInstance"]
        )
        lab.call("update_auto_scaling_group", DefaultCooldown=10)
        group = lab.group()
        assert group["DefaultCooldown"] == 10
        assert (group["HealthCheckType"], group["HealthCheckGracePeriod"]) == ("EC2,ELB", 90)
        assert group["TerminationPolicies"] == ["OldestInstance"]
        assert group["LaunchTemplate"]["Version"] == "1"


def test_new_template_version_never_touches_running_members() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        ids = lab.ids()
        lab.call("update_auto_scaling_group", LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "2"})
        lab.jump(600)
        assert lab.ids() == ids


def test_new_group_says_the_defaults_of_the_api() -> None:
    with open_lab() as lab:
        lab.create(desired=1, settle=False)
        group = lab.group()
        assert group["HealthCheckType"] == "EC2"
        assert group["HealthCheckGracePeriod"] == 0
        assert group["DefaultCooldown"] == 300
        assert group["TerminationPolicies"] == ["Default"]
        assert group["NewInstancesProtectedFromScaleIn"] is False
        assert group["SuspendedProcesses"] == []
        assert group["AvailabilityZones"] == ["us-east-1a", "us-east-1b", "us-east-1c"]
        assert "Status" not in group


def test_unknown_names_are_absent_and_unknown_groups_cannot_be_changed() -> None:
    with open_lab() as lab:
        lab.create(desired=1, settle=False)
        groups = lab.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["none", NAME])["AutoScalingGroups"]
        assert [each["AutoScalingGroupName"] for each in groups] == [NAME]
        refusal = refusal_of(lab.asg.set_desired_capacity, AutoScalingGroupName="none", DesiredCapacity=1)
        assert refusal.startswith("ValidationError: AutoScalingGroup name not found")


def test_groups_come_in_pages() -> None:
    with open_lab() as lab:
        for number in range(5):
            lab.asg.create_auto_scaling_group(
                AutoScalingGroupName=f"group-{number}",
                MinSize=0,
                MaxSize=0,
                LaunchTemplate={"LaunchTemplateId": lab.template},
                VPCZoneIdentifier=lab.subnets["us-east-1a"],
            )
        pages = lab.asg.get_paginator("describe_auto_scaling_groups").paginate(PaginationConfig={"PageSize": 2})
        names = [[each["AutoScalingGroupName"] for each in page["AutoScalingGroups"]] for page in pages]
        assert names == [["group-0", "group-1"], ["group-2", "group-3"], ["group-4"]]
        assert refusal_of(lab.asg.describe_auto_scaling_groups, NextToken="x").startswith("InvalidNextToken: ")
        assert refusal_of(lab.asg.describe_auto_scaling_groups, MaxRecords=101).startswith("ValidationError: ")


def test_instances_can_be_left_out_of_the_answer() -> None:
    with open_lab() as lab:
        lab.create(desired=2, settle=False)
        answer = lab.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME], IncludeInstances=False)
        assert answer["AutoScalingGroups"][0]["Instances"] == []
        assert answer["AutoScalingGroups"][0]["DesiredCapacity"] == 2


def test_members_are_described_across_groups_and_strangers_are_absent() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        ids = lab.ids()
        instances = lab.asg.describe_auto_scaling_instances(InstanceIds=[ids[0], "i-0123456789abcdef0"])[
            "AutoScalingInstances"
        ]
        assert [each["InstanceId"] for each in instances] == [ids[0]]
        assert instances[0]["AutoScalingGroupName"] == NAME
        assert instances[0]["LaunchTemplate"] == {
            "LaunchTemplateId": lab.template,
            "LaunchTemplateName": "web",
            "Version": "1",
        }
        everything = lab.asg.describe_auto_scaling_instances(MaxRecords=1)
        assert len(everything["AutoScalingInstances"]) == 1
        assert "NextToken" in everything


def tag(key: str, value: str, **changes: object) -> dict[str, object]:
    whole: dict[str, object] = {"ResourceId": NAME, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
    return whole | {"Key": key, "Value": value} | changes


def test_tags_are_created_changed_found_and_deleted() -> None:
    with open_lab() as lab:
        lab.create(desired=1, settle=False)
        lab.asg.create_or_update_tags(Tags=[tag("a", "1"), tag("b", "2", PropagateAtLaunch=True)])
        lab.asg.create_or_update_tags(Tags=[tag("a", "3")])
        assert lab.group()["Tags"] == [tag("a", "3"), tag("b", "2", PropagateAtLaunch=True)]
        tags = lab.asg.describe_tags(
            Filters=[{"Name": "auto-scaling-group", "Values": [NAME]}, {"Name": "key", "Values": ["b"]}]
        )
        assert [each["Key"] for each in tags["Tags"]] == ["b"]
        by_tag = lab.asg.describe_auto_scaling_groups(Filters=[{"Name": "tag:a", "Values": ["3"]}])
        assert len(by_tag["AutoScalingGroups"]) == 1
        none = lab.asg.describe_auto_scaling_groups(Filters=[{"Name": "tag-key", "Values": ["c"]}])
        assert none["AutoScalingGroups"] == []
        lab.asg.delete_tags(Tags=[{key: value for key, value in tag("a", "3").items() if key != "Value"}])
        assert [each["Key"] for each in lab.group()["Tags"]] == ["b"]


def test_tag_that_propagates_reaches_later_launches_only() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.asg.create_or_update_tags(Tags=[tag("late", "x", PropagateAtLaunch=True)])
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(60)
        assert ["late" in lab.tags(each) for each in lab.ids()] == [False, True]


def test_attached_target_group_registers_members_and_is_in_service_once_one_is_healthy() -> None:
    with open_lab() as lab:
        lab.create(desired=2, TargetGroupARNs=None)
        assert lab.call("describe_load_balancer_target_groups")["LoadBalancerTargetGroups"] == []
        lab.call("attach_load_balancer_target_groups", TargetGroupARNs=[lab.target_group])
        assert [lab.target(each) for each in lab.ids()] == ["initial"] * 2
        shown = lab.call("describe_load_balancer_target_groups")["LoadBalancerTargetGroups"]
        assert shown == [{"LoadBalancerTargetGroupARN": lab.target_group, "State": "Added"}]
        lab.jump(60)
        source = lab.call("describe_traffic_sources")["TrafficSources"][0]
        assert (source["Identifier"], source["State"], source["Type"]) == (lab.target_group, "InService", "elbv2")
        assert lab.group()["TargetGroupARNs"] == [lab.target_group]


def test_target_group_with_a_healthy_member_is_in_service_as_soon_as_it_is_attached() -> None:
    with open_lab() as lab:
        lab.create(desired=2, TargetGroupARNs=None)
        lab.elb.register_targets(TargetGroupArn=lab.target_group, Targets=[{"Id": lab.ids()[0]}])
        lab.jump(60)
        lab.call("attach_load_balancer_target_groups", TargetGroupARNs=[lab.target_group])
        assert lab.call("describe_load_balancer_target_groups")["LoadBalancerTargetGroups"][0]["State"] == "InService"


def test_detached_target_group_drains_its_members_and_goes() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        lab.call("detach_traffic_sources", TrafficSources=[{"Identifier": lab.target_group}])
        assert [lab.target(each) for each in lab.ids()] == ["draining"] * 2
        assert lab.call("describe_traffic_sources")["TrafficSources"][0]["State"] == "Removing"
        lab.jump(DRAIN_SECONDS + 5)
        assert lab.call("describe_traffic_sources")["TrafficSources"] == []
        assert lab.states() == ["InService"] * 2
        refusal = lab.refusal("detach_load_balancer_target_groups", TargetGroupARNs=[lab.target_group])
        assert "not part of the group" in refusal


def test_group_registers_on_the_target_groups_own_port_and_leaves_others_alone() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        member = lab.ids()[0]
        lab.elb.register_targets(TargetGroupArn=lab.target_group, Targets=[{"Id": member, "Port": 8080}])
        lab.terminate(member, decrement=True)
        rows = lab.elb.describe_target_health(TargetGroupArn=lab.target_group)["TargetHealthDescriptions"]
        states = {
            each["Target"]["Port"]: each["TargetHealth"]["State"] for each in rows if each["Target"]["Id"] == member
        }
        assert states == {80: "draining", 8080: "initial"}


def test_two_target_groups_are_both_drained_and_the_longer_delay_counts() -> None:
    with open_lab() as lab:
        second = lab.new_target_group("second")
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "90"}
        lab.elb.modify_target_group_attributes(TargetGroupArn=second, Attributes=[delay])
        lab.create(desired=2, TargetGroupARNs=[lab.target_group, second])
        victim = lab.ids()[0]
        lab.terminate(victim, decrement=True)
        lab.jump(DRAIN_SECONDS + 1)
        assert (lab.target(victim), lab.target(victim, second), lab.ec2_state(victim)) == (None, "draining", "running")
        lab.jump(30)
        assert lab.ec2_state(victim) == "shutting-down"


def test_activities_are_ordered_paged_and_filtered() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        middle = lab.sandbox.clock.now()
        lab.jump(10)
        lab.terminate(lab.ids()[0], decrement=True)
        lab.call("set_desired_capacity", DesiredCapacity=3)
        lab.jump(65)
        words = [each["Description"].split(" ")[0] for each in lab.activities()]
        assert words == ["Terminating", "Launching", "Launching", "Launching", "Launching"]
        assert [each["StatusCode"] for each in lab.activities()] == ["InProgress"] + ["Successful"] * 4
        bound = {"Name": "StartTimeLowerBound", "Values": [middle.isoformat()]}
        assert len(lab.activities(Filters=[bound])) == 3
        upper = {"Name": "StartTimeUpperBound", "Values": [middle.isoformat()]}
        assert len(lab.activities(Filters=[upper])) == 2
        assert len(lab.activities(Filters=[{"Name": "Status", "Values": ["InProgress"]}])) == 1
        first = lab.call("describe_scaling_activities", MaxRecords=2)
        rest = lab.call("describe_scaling_activities", MaxRecords=4, NextToken=first["NextToken"])
        ids = [each["ActivityId"] for each in first["Activities"] + rest["Activities"]]
        assert ids == [each["ActivityId"] for each in lab.activities()]
        assert len(lab.activities(ActivityIds=ids[:1])) == 1


def test_activities_of_an_unknown_group_are_refused() -> None:
    with open_lab() as lab:
        assert "name not found" in refusal_of(lab.asg.describe_scaling_activities, AutoScalingGroupName="none")


def test_operation_that_is_not_simulated_is_refused_by_name() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        refusal = lab.refusal("enable_metrics_collection", Granularity="1Minute")
        assert refusal.startswith("InvalidAction: The sandbox does not simulate EnableMetricsCollection")


def test_scaling_policies_are_kept_and_change_nothing() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        policy = {"PolicyName": "out", "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1}
        lab.call("put_scaling_policy", **policy)
        assert [each["PolicyName"] for each in lab.call("describe_policies")["ScalingPolicies"]] == ["out"]
        lab.jump(600)
        assert lab.sizes() == (1, 1, 10)


def test_only_its_operator_may_change_a_group() -> None:
    with open_lab() as lab:
        lab.create(desired=1, Operator={"Principal": "eks.amazonaws.com"})
        (member,) = lab.group()["Instances"]
        assert lab.group()["Operator"] == {"Principal": "eks.amazonaws.com"}
        refused = "AccessDenied: The Auto Scaling group can be changed only by its operator."
        assert lab.refusal("set_desired_capacity", DesiredCapacity=2) == refused
        assert lab.refusal("suspend_processes", ScalingProcesses=["Launch"]) == refused
        tag = {"ResourceId": NAME, "ResourceType": "auto-scaling-group", "Key": "a", "PropagateAtLaunch": False}
        terminate = {"InstanceId": member["InstanceId"], "ShouldDecrementDesiredCapacity": False}
        assert refusal_of(lambda: lab.asg.create_or_update_tags(Tags=[tag])) == refused
        assert refusal_of(lambda: lab.asg.terminate_instance_in_auto_scaling_group(**terminate)) == refused


def test_the_image_of_an_override_is_launched() -> None:
    with open_lab() as lab:
        template = {"LaunchTemplateId": lab.template, "Version": "1"}
        overrides = [{"InstanceType": "t3.micro"}, {"InstanceType": "t3.small", "ImageId": "ami-0aaaaaaaaaaaaaaaa"}]
        policy = {"LaunchTemplate": {"LaunchTemplateSpecification": template, "Overrides": overrides}}
        lab.create(desired=1, LaunchTemplate=None, MixedInstancesPolicy=policy)
        (member,) = lab.group()["Instances"]
        assert member["ImageId"] == "ami-0aaaaaaaaaaaaaaaa"
        described = lab.ec2.describe_instances(InstanceIds=[member["InstanceId"]])
        assert described["Reservations"][0]["Instances"][0]["ImageId"] == "ami-0aaaaaaaaaaaaaaaa"


def test_settings_that_act_by_themselves_are_stored() -> None:
    with open_lab() as lab:
        given = {
            "MaxInstanceLifetime": 86400,
            "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-only"},
            "InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "retain"}},
        }
        lab.create(desired=1, settle=False, **given)
        assert {name: lab.group()[name] for name in given} == given
