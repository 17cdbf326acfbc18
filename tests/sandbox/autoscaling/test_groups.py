"""The group's settings: sizes and their bounds, partial updates, describing in pages, tags, attached target groups."""

from __future__ import annotations

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, NAME, lab, refusal_of


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
    with lab() as it:
        it.create(desired=3, settle=False)
        it.call("update_auto_scaling_group", **update)
        assert it.sizes() == sizes


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"DesiredCapacity": 11}, "Desired capacity:11 must be between the specified min size:1 and max size:10"),
        ({"MinSize": 11}, "Max bound, 10, must be greater than or equal to min bound, 11"),
        ({"MaxSize": 2, "DesiredCapacity": 3}, "Desired capacity:3 must be between"),
    ],
    ids=["desired-above-max", "min-above-max", "both-do-not-fit"],
)
def test_update_out_of_bounds_is_refused_and_changes_nothing(update: dict[str, int], said: str) -> None:
    with lab() as it:
        it.create(desired=3, settle=False)
        template = {"LaunchTemplateId": it.template, "Version": "2"}
        assert said in it.refusal("update_auto_scaling_group", **update, LaunchTemplate=template)
        assert it.sizes() == (1, 3, 10)
        assert it.group()["LaunchTemplate"]["Version"] == "1"


@pytest.mark.parametrize(
    ("wanted", "word"), [(11, "above max value 10"), (0, "below min value 1")], ids=["high", "low"]
)
def test_desired_capacity_outside_the_bounds_is_refused(wanted: int, word: str) -> None:
    with lab() as it:
        it.create(desired=3, settle=False)
        said = it.refusal("set_desired_capacity", DesiredCapacity=wanted)
        assert said == f"ValidationError: New SetDesiredCapacity value {wanted} is {word} for the AutoScalingGroup."
        assert it.sizes() == (1, 3, 10)


def test_update_keeps_every_setting_it_does_not_name() -> None:
    with lab() as it:
        it.create(
            desired=1, HealthCheckType="EC2,ELB", HealthCheckGracePeriod=90, TerminationPolicies=["OldestInstance"]
        )
        it.call("update_auto_scaling_group", DefaultCooldown=10)
        group = it.group()
        assert group["DefaultCooldown"] == 10
        assert (group["HealthCheckType"], group["HealthCheckGracePeriod"]) == ("EC2,ELB", 90)
        assert group["TerminationPolicies"] == ["OldestInstance"]
        assert group["LaunchTemplate"]["Version"] == "1"


def test_new_template_version_never_touches_running_members() -> None:
    with lab() as it:
        it.create(desired=2)
        ids = it.ids()
        it.call("update_auto_scaling_group", LaunchTemplate={"LaunchTemplateId": it.template, "Version": "2"})
        it.jump(600)
        assert it.ids() == ids


def test_new_group_says_the_defaults_of_the_api() -> None:
    with lab() as it:
        it.create(desired=1, settle=False)
        group = it.group()
        assert group["HealthCheckType"] == "EC2"
        assert group["HealthCheckGracePeriod"] == 0
        assert group["DefaultCooldown"] == 300
        assert group["TerminationPolicies"] == ["Default"]
        assert group["NewInstancesProtectedFromScaleIn"] is False
        assert group["SuspendedProcesses"] == []
        assert group["AvailabilityZones"] == ["us-east-1a", "us-east-1b", "us-east-1c"]
        assert "Status" not in group


def test_unknown_names_are_absent_and_unknown_groups_cannot_be_changed() -> None:
    with lab() as it:
        it.create(desired=1, settle=False)
        found = it.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["none", NAME])["AutoScalingGroups"]
        assert [each["AutoScalingGroupName"] for each in found] == [NAME]
        said = refusal_of(it.asg.set_desired_capacity, AutoScalingGroupName="none", DesiredCapacity=1)
        assert said.startswith("ValidationError: AutoScalingGroup name not found")


def test_groups_come_in_pages() -> None:
    with lab() as it:
        for number in range(5):
            it.asg.create_auto_scaling_group(
                AutoScalingGroupName=f"group-{number}",
                MinSize=0,
                MaxSize=0,
                LaunchTemplate={"LaunchTemplateId": it.template},
                VPCZoneIdentifier=it.subnets["us-east-1a"],
            )
        pages = it.asg.get_paginator("describe_auto_scaling_groups").paginate(PaginationConfig={"PageSize": 2})
        names = [[each["AutoScalingGroupName"] for each in page["AutoScalingGroups"]] for page in pages]
        assert names == [["group-0", "group-1"], ["group-2", "group-3"], ["group-4"]]
        assert refusal_of(it.asg.describe_auto_scaling_groups, NextToken="x").startswith("InvalidNextToken: ")
        assert refusal_of(it.asg.describe_auto_scaling_groups, MaxRecords=101).startswith("ValidationError: ")


def test_instances_can_be_left_out_of_the_answer() -> None:
    with lab() as it:
        it.create(desired=2, settle=False)
        found = it.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME], IncludeInstances=False)
        assert found["AutoScalingGroups"][0]["Instances"] == []
        assert found["AutoScalingGroups"][0]["DesiredCapacity"] == 2


def test_members_are_described_across_groups_and_strangers_are_absent() -> None:
    with lab() as it:
        it.create(desired=2)
        ids = it.ids()
        found = it.asg.describe_auto_scaling_instances(InstanceIds=[ids[0], "i-0123456789abcdef0"])[
            "AutoScalingInstances"
        ]
        assert [each["InstanceId"] for each in found] == [ids[0]]
        assert found[0]["AutoScalingGroupName"] == NAME
        assert found[0]["LaunchTemplate"] == {
            "LaunchTemplateId": it.template,
            "LaunchTemplateName": "web",
            "Version": "1",
        }
        everything = it.asg.describe_auto_scaling_instances(MaxRecords=1)
        assert len(everything["AutoScalingInstances"]) == 1
        assert "NextToken" in everything


def tag(key: str, value: str, **changes: object) -> dict[str, object]:
    whole: dict[str, object] = {"ResourceId": NAME, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
    return whole | {"Key": key, "Value": value} | changes


def test_tags_are_created_changed_found_and_deleted() -> None:
    with lab() as it:
        it.create(desired=1, settle=False)
        it.asg.create_or_update_tags(Tags=[tag("a", "1"), tag("b", "2", PropagateAtLaunch=True)])
        it.asg.create_or_update_tags(Tags=[tag("a", "3")])
        assert it.group()["Tags"] == [tag("a", "3"), tag("b", "2", PropagateAtLaunch=True)]
        found = it.asg.describe_tags(
            Filters=[{"Name": "auto-scaling-group", "Values": [NAME]}, {"Name": "key", "Values": ["b"]}]
        )
        assert [each["Key"] for each in found["Tags"]] == ["b"]
        by_tag = it.asg.describe_auto_scaling_groups(Filters=[{"Name": "tag:a", "Values": ["3"]}])
        assert len(by_tag["AutoScalingGroups"]) == 1
        none = it.asg.describe_auto_scaling_groups(Filters=[{"Name": "tag-key", "Values": ["c"]}])
        assert none["AutoScalingGroups"] == []
        it.asg.delete_tags(Tags=[{key: value for key, value in tag("a", "3").items() if key != "Value"}])
        assert [each["Key"] for each in it.group()["Tags"]] == ["b"]


def test_tag_that_propagates_reaches_later_launches_only() -> None:
    with lab() as it:
        it.create(desired=1)
        it.asg.create_or_update_tags(Tags=[tag("late", "x", PropagateAtLaunch=True)])
        it.call("set_desired_capacity", DesiredCapacity=2)
        it.jump(60)
        assert ["late" in it.tags(each) for each in it.ids()] == [False, True]


def test_attached_target_group_registers_members_and_is_in_service_once_one_is_healthy() -> None:
    with lab() as it:
        it.create(desired=2, TargetGroupARNs=None)
        assert it.call("describe_load_balancer_target_groups")["LoadBalancerTargetGroups"] == []
        it.call("attach_load_balancer_target_groups", TargetGroupARNs=[it.target_group])
        assert [it.target(each) for each in it.ids()] == ["initial"] * 2
        shown = it.call("describe_load_balancer_target_groups")["LoadBalancerTargetGroups"]
        assert shown == [{"LoadBalancerTargetGroupARN": it.target_group, "State": "Added"}]
        it.jump(60)
        source = it.call("describe_traffic_sources")["TrafficSources"][0]
        assert (source["Identifier"], source["State"], source["Type"]) == (it.target_group, "InService", "elbv2")
        assert it.group()["TargetGroupARNs"] == [it.target_group]


def test_target_group_with_a_healthy_member_is_in_service_as_soon_as_it_is_attached() -> None:
    with lab() as it:
        it.create(desired=2, TargetGroupARNs=None)
        it.elb.register_targets(TargetGroupArn=it.target_group, Targets=[{"Id": it.ids()[0]}])
        it.jump(60)
        it.call("attach_load_balancer_target_groups", TargetGroupARNs=[it.target_group])
        assert it.call("describe_load_balancer_target_groups")["LoadBalancerTargetGroups"][0]["State"] == "InService"


def test_detached_target_group_drains_its_members_and_goes() -> None:
    with lab() as it:
        it.create(desired=2)
        it.call("detach_traffic_sources", TrafficSources=[{"Identifier": it.target_group}])
        assert [it.target(each) for each in it.ids()] == ["draining"] * 2
        assert it.call("describe_traffic_sources")["TrafficSources"][0]["State"] == "Removing"
        it.jump(DRAIN_SECONDS + 5)
        assert it.call("describe_traffic_sources")["TrafficSources"] == []
        assert it.states() == ["InService"] * 2
        said = it.refusal("detach_load_balancer_target_groups", TargetGroupARNs=[it.target_group])
        assert "not part of the group" in said


def test_group_registers_on_the_target_groups_own_port_and_leaves_others_alone() -> None:
    with lab() as it:
        it.create(desired=2)
        member = it.ids()[0]
        it.elb.register_targets(TargetGroupArn=it.target_group, Targets=[{"Id": member, "Port": 8080}])
        it.terminate(member, decrement=True)
        rows = it.elb.describe_target_health(TargetGroupArn=it.target_group)["TargetHealthDescriptions"]
        states = {
            each["Target"]["Port"]: each["TargetHealth"]["State"] for each in rows if each["Target"]["Id"] == member
        }
        assert states == {80: "draining", 8080: "initial"}


def test_two_target_groups_are_both_drained_and_the_longer_delay_counts() -> None:
    with lab() as it:
        second = it.new_target_group("second")
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "90"}
        it.elb.modify_target_group_attributes(TargetGroupArn=second, Attributes=[delay])
        it.create(desired=2, TargetGroupARNs=[it.target_group, second])
        victim = it.ids()[0]
        it.terminate(victim, decrement=True)
        it.jump(DRAIN_SECONDS + 1)
        assert (it.target(victim), it.target(victim, second), it.ec2_state(victim)) == (None, "draining", "running")
        it.jump(30)
        assert it.ec2_state(victim) == "shutting-down"


def test_activities_are_ordered_paged_and_filtered() -> None:
    with lab() as it:
        it.create(desired=2)
        middle = it.sandbox.clock.now()
        it.jump(10)
        it.terminate(it.ids()[0], decrement=True)
        it.call("set_desired_capacity", DesiredCapacity=3)
        it.jump(65)
        words = [each["Description"].split(" ")[0] for each in it.activities()]
        assert words == ["Terminating", "Launching", "Launching", "Launching", "Launching"]
        assert [each["StatusCode"] for each in it.activities()] == ["InProgress"] + ["Successful"] * 4
        bound = {"Name": "StartTimeLowerBound", "Values": [middle.isoformat()]}
        assert len(it.activities(Filters=[bound])) == 3
        upper = {"Name": "StartTimeUpperBound", "Values": [middle.isoformat()]}
        assert len(it.activities(Filters=[upper])) == 2
        assert len(it.activities(Filters=[{"Name": "Status", "Values": ["InProgress"]}])) == 1
        first = it.call("describe_scaling_activities", MaxRecords=2)
        rest = it.call("describe_scaling_activities", MaxRecords=4, NextToken=first["NextToken"])
        ids = [each["ActivityId"] for each in first["Activities"] + rest["Activities"]]
        assert ids == [each["ActivityId"] for each in it.activities()]
        assert len(it.activities(ActivityIds=ids[:1])) == 1


def test_activities_of_an_unknown_group_are_refused() -> None:
    with lab() as it:
        assert "name not found" in refusal_of(it.asg.describe_scaling_activities, AutoScalingGroupName="none")


def test_operation_that_is_not_simulated_is_refused_by_name() -> None:
    with lab() as it:
        it.create(desired=1)
        said = it.refusal("enable_metrics_collection", Granularity="1Minute")
        assert said.startswith("InvalidAction: The sandbox does not simulate EnableMetricsCollection")


def test_scaling_policies_are_kept_and_change_nothing() -> None:
    with lab() as it:
        it.create(desired=1)
        policy = {"PolicyName": "out", "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1}
        it.call("put_scaling_policy", **policy)
        assert [each["PolicyName"] for each in it.call("describe_policies")["ScalingPolicies"]] == ["out"]
        it.jump(600)
        assert it.sizes() == (1, 1, 10)
