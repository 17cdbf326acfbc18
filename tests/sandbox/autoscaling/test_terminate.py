"""Terminations: drain, replacement, decrement, many members at once, the order of scale-in, deletion of the group."""

from __future__ import annotations

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, NAME, STOP_SECONDS, open_lab, refusal_of


def test_terminate_deregisters_and_drains_in_full_before_ec2_terminates() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        victim = lab.ids()[0]
        answer = lab.terminate(victim, decrement=True)
        assert answer["Activity"]["Description"] == f"Terminating EC2 instance: {victim}"
        assert answer["Activity"]["StatusCode"] == "WaitingForELBConnectionDraining"
        assert (lab.state(victim), lab.target(victim), lab.ec2_state(victim)) == ("Terminating", "draining", "running")
        lab.jump(DRAIN_SECONDS - 1)
        assert lab.ec2_state(victim) == "running"
        lab.jump(2)
        assert (lab.state(victim), lab.target(victim), lab.ec2_state(victim)) == ("Terminating", None, "shutting-down")
        lab.jump(STOP_SECONDS)
        assert lab.state(victim) is None
        assert lab.activities()[0]["StatusCode"] == "Successful"


def test_terminate_with_decrement_lowers_desired_at_once_and_brings_no_replacement() -> None:
    with open_lab() as lab:
        lab.create(desired=3)
        answer = lab.terminate(lab.ids()[0], decrement=True)
        assert "shrinking the capacity from 3 to 2" in answer["Activity"]["Cause"]
        assert lab.sizes() == (1, 2, 10)
        lab.jump(300)
        assert lab.states() == ["InService"] * 2


def test_terminate_without_decrement_launches_a_replacement_at_once() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        lab.terminate(lab.ids()[0], decrement=False)
        lab.jump(1)
        assert lab.states() == ["InService", "Pending", "Terminating"]
        assert lab.sizes() == (1, 2, 10)


def test_terminate_many_at_once_answers_activities() -> None:
    with open_lab() as lab:
        lab.create(desired=5)
        victims = lab.ids()[:3]
        answer = lab.terminate(*victims, decrement=True)
        assert "Activity" not in answer
        assert [each["Description"].rsplit(" ", 1)[1] for each in answer["Activities"]] == victims
        assert lab.sizes() == (1, 2, 10)
        assert [lab.state(each) for each in victims] == ["Terminating"] * 3


def test_one_bad_id_of_many_terminates_none() -> None:
    with open_lab() as lab:
        lab.create(desired=3)
        refusal = refusal_of(lambda: lab.terminate(lab.ids()[0], "i-0123456789abcdef0", decrement=True))
        assert refusal == "ValidationError: The instance i-0123456789abcdef0 is not part of Auto Scaling group web."
        assert lab.states() == ["InService"] * 3
        assert lab.sizes() == (1, 3, 10)


def test_many_ids_need_the_group_and_are_not_known_to_an_older_endpoint() -> None:
    with open_lab() as lab:
        lab.create(desired=3)
        call = lab.asg.terminate_instance_in_auto_scaling_group
        request = {"InstanceIds": lab.ids()[:2], "ShouldDecrementDesiredCapacity": True}
        assert "AutoScalingGroupName is required" in refusal_of(call, **request)
        lab.sandbox.change_options(launch_instances_available=False)
        assert "InstanceId must not be null" in refusal_of(call, **request, AutoScalingGroupName=NAME)
        assert lab.sizes() == (1, 3, 10)


def test_decrement_below_the_minimum_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=2, MinSize=2)
        refusal = refusal_of(lambda: lab.terminate(lab.ids()[0], decrement=True))
        assert refusal.startswith("ValidationError: Currently, desiredSize equals minSize (2).")
        assert lab.states() == ["InService"] * 2


def test_decrement_of_more_than_the_minimum_leaves_is_refused_as_a_whole() -> None:
    with open_lab() as lab:
        lab.create(desired=3, MinSize=2)
        assert refusal_of(lambda: lab.terminate(*lab.ids()[:2], decrement=True)).startswith("ValidationError: ")
        assert lab.states() == ["InService"] * 3


def test_terminate_ignores_scale_in_protection() -> None:
    with open_lab() as lab:
        lab.create(desired=2, NewInstancesProtectedFromScaleIn=True)
        lab.terminate(lab.ids()[0], decrement=True)
        assert lab.states() == ["InService", "Terminating"]


def test_second_terminate_of_a_terminating_member_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=3)
        victim = lab.ids()[0]
        lab.terminate(victim, decrement=True)
        assert refusal_of(lambda: lab.terminate(victim, decrement=True)).startswith("ValidationError: ")
        assert lab.sizes() == (1, 2, 10)


def test_second_terminate_decrements_again_by_switch() -> None:
    with open_lab(second_terminate="decrements") as lab:
        lab.create(desired=3)
        victim = lab.ids()[0]
        first = lab.terminate(victim, decrement=True)["Activity"]["ActivityId"]
        second = lab.terminate(victim, decrement=True)["Activity"]["ActivityId"]
        assert first == second
        assert lab.sizes() == (1, 1, 10)


def test_instance_of_no_group_cannot_be_terminated_through_a_group() -> None:
    with open_lab() as lab:
        refusal = refusal_of(lambda: lab.terminate("i-0123456789abcdef0", decrement=False))
        assert "No managed instance found" in refusal


def test_pending_member_can_be_terminated_and_never_registers() -> None:
    with open_lab() as lab:
        lab.create(desired=1, settle=False)
        lab.jump(10)
        victim = lab.ids()[0]
        lab.terminate(victim, decrement=False)
        lab.jump(35)
        assert lab.state(victim) is None
        assert lab.activities()[-1]["StatusCode"] == "Cancelled"
        lab.jump(60)
        assert lab.states() == ["InService"]
        assert lab.target(victim) is None


def test_instance_terminated_in_ec2_is_unhealthy_at_once_and_replaced_without_its_drain() -> None:
    with open_lab() as lab:
        lab.create(desired=2, HealthCheckGracePeriod=600)
        victim = lab.ids()[0]
        lab.ec2.terminate_instances(InstanceIds=[victim])
        lab.jump(1)
        instance = next(each for each in lab.members() if each["InstanceId"] == victim)
        assert (instance["HealthStatus"], instance["LifecycleState"]) == ("Unhealthy", "Terminating")
        assert "Pending" in lab.states()
        lab.jump(STOP_SECONDS)
        assert lab.state(victim) is None
        assert lab.target(victim) == "draining"


def test_scale_in_takes_the_fullest_zone_first_whatever_the_policy() -> None:
    with open_lab() as lab:
        lab.create(desired=4, TerminationPolicies=["NewestInstance"])
        lab.suspend("AZRebalance")
        kept = [each["InstanceId"] for each in lab.members() if each["AvailabilityZone"] != "us-east-1a"]
        lab.call("set_desired_capacity", DesiredCapacity=3)
        lab.jump(1)
        assert lab.zones() == ["a", "b", "c"]
        assert set(kept) < set(lab.ids("InService"))


@pytest.mark.parametrize(
    ("policy", "survivor"),
    [("OldestInstance", 1), ("NewestInstance", 0), ("Default", 1), ("OldestLaunchTemplate", 1)],
    ids=["oldest-instance", "newest-instance", "default", "oldest-template"],
)
def test_termination_policy_decides_inside_the_zone(policy: str, survivor: int) -> None:
    with open_lab() as lab:
        lab.create(desired=1, VPCZoneIdentifier=lab.subnets["us-east-1a"], TerminationPolicies=[policy])
        lab.call(
            "update_auto_scaling_group",
            LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "2"},
            DesiredCapacity=2,
        )
        lab.jump(60)
        ids = lab.ids()
        lab.call("set_desired_capacity", DesiredCapacity=1)
        lab.jump(1)
        assert lab.ids("InService") == [ids[survivor]]


def test_default_policy_prefers_the_old_template_to_the_old_instance() -> None:
    with open_lab() as lab:
        subnet = lab.subnets["us-east-1a"]
        lab.create(
            desired=1, VPCZoneIdentifier=subnet, LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "2"}
        )
        back = {"LaunchTemplateId": lab.template, "Version": "1"}
        lab.call("update_auto_scaling_group", LaunchTemplate=back, DesiredCapacity=2)
        lab.jump(60)
        lab.call("update_auto_scaling_group", LaunchTemplate=back | {"Version": "2"})
        newer_instance_of_old_version = lab.ids()[1]
        lab.call("set_desired_capacity", DesiredCapacity=1)
        lab.jump(1)
        assert lab.state(newer_instance_of_old_version) == "Terminating"


def test_protected_members_are_not_scaled_in_even_if_desired_drops() -> None:
    with open_lab() as lab:
        lab.create(desired=3, NewInstancesProtectedFromScaleIn=True)
        lab.call("set_desired_capacity", DesiredCapacity=1)
        lab.jump(200)
        assert lab.states() == ["InService"] * 3
        free = lab.ids()[1]
        lab.call("set_instance_protection", InstanceIds=[free], ProtectedFromScaleIn=False)
        lab.jump(1)
        assert lab.state(free) == "Terminating"
        assert lab.states() == ["InService", "InService", "Terminating"]


def test_group_with_members_is_deleted_only_by_force() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        ids = lab.ids()
        assert lab.refusal("delete_auto_scaling_group").startswith("ResourceInUse: ")
        lab.call("delete_auto_scaling_group", ForceDelete=True)
        assert lab.group()["Status"] == "Delete in progress"
        assert {lab.ec2_state(each) for each in ids} == {"shutting-down"}
        lab.jump(STOP_SECONDS + 1)
        assert lab.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
        deleted = lab.call("describe_scaling_activities", IncludeDeletedGroups=True)["Activities"]
        assert deleted[0]["AutoScalingGroupState"] == "Deleted"


def test_empty_group_is_deleted_at_once_unless_protected() -> None:
    with open_lab() as lab:
        lab.create(desired=0, MinSize=0, DeletionProtection="prevent-all-deletion")
        assert lab.refusal("delete_auto_scaling_group").startswith("ResourceInUse: ")
        lab.call("update_auto_scaling_group", DeletionProtection="none")
        lab.call("delete_auto_scaling_group")
        assert lab.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_more_than_a_hundred_ids_are_refused() -> None:
    with open_lab() as lab:
        lab.create(1)
        ids = [f"i-{number:017x}" for number in range(101)]
        refusal = lab.refusal(
            "terminate_instance_in_auto_scaling_group", InstanceIds=ids, ShouldDecrementDesiredCapacity=False
        )
        assert "must not exceed 100" in refusal
