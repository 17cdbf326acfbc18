"""How members leave: terminate with drain, replacement or decrement, many at once, scale-in and its order, deletion."""

from __future__ import annotations

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, NAME, STOP_SECONDS, lab, refusal_of


def test_terminate_deregisters_and_drains_in_full_before_ec2_terminates() -> None:
    with lab() as it:
        it.create(desired=2)
        victim = it.ids()[0]
        answer = it.terminate(victim, decrement=True)
        assert answer["Activity"]["Description"] == f"Terminating EC2 instance: {victim}"
        assert answer["Activity"]["StatusCode"] == "WaitingForELBConnectionDraining"
        assert (it.state(victim), it.target(victim), it.ec2_state(victim)) == ("Terminating", "draining", "running")
        it.jump(DRAIN_SECONDS - 1)
        assert it.ec2_state(victim) == "running"
        it.jump(2)
        assert (it.state(victim), it.target(victim), it.ec2_state(victim)) == ("Terminating", None, "shutting-down")
        it.jump(STOP_SECONDS)
        assert it.state(victim) is None
        assert it.activities()[0]["StatusCode"] == "Successful"


def test_terminate_with_decrement_lowers_desired_at_once_and_brings_no_replacement() -> None:
    with lab() as it:
        it.create(desired=3)
        answer = it.terminate(it.ids()[0], decrement=True)
        assert "shrinking the capacity from 3 to 2" in answer["Activity"]["Cause"]
        assert it.sizes() == (1, 2, 10)
        it.jump(300)
        assert it.states() == ["InService"] * 2


def test_terminate_without_decrement_launches_a_replacement_at_once() -> None:
    with lab() as it:
        it.create(desired=2)
        it.terminate(it.ids()[0], decrement=False)
        it.jump(1)
        assert it.states() == ["InService", "Pending", "Terminating"]
        assert it.sizes() == (1, 2, 10)


def test_terminate_many_at_once_answers_activities() -> None:
    with lab() as it:
        it.create(desired=5)
        victims = it.ids()[:3]
        answer = it.terminate(*victims, decrement=True)
        assert "Activity" not in answer
        assert [each["Description"].rsplit(" ", 1)[1] for each in answer["Activities"]] == victims
        assert it.sizes() == (1, 2, 10)
        assert [it.state(each) for each in victims] == ["Terminating"] * 3


def test_one_bad_id_of_many_terminates_none() -> None:
    with lab() as it:
        it.create(desired=3)
        said = refusal_of(lambda: it.terminate(it.ids()[0], "i-0123456789abcdef0", decrement=True))
        assert said == "ValidationError: The instance i-0123456789abcdef0 is not part of Auto Scaling group web."
        assert it.states() == ["InService"] * 3
        assert it.sizes() == (1, 3, 10)


def test_many_ids_need_the_group_and_are_not_known_to_an_older_endpoint() -> None:
    with lab() as it:
        it.create(desired=3)
        call = it.asg.terminate_instance_in_auto_scaling_group
        request = {"InstanceIds": it.ids()[:2], "ShouldDecrementDesiredCapacity": True}
        assert "AutoScalingGroupName is required" in refusal_of(call, **request)
        it.sandbox.change_options(launch_instances_available=False)
        assert "InstanceId must not be null" in refusal_of(call, **request, AutoScalingGroupName=NAME)
        assert it.sizes() == (1, 3, 10)


def test_decrement_below_the_minimum_is_refused() -> None:
    with lab() as it:
        it.create(desired=2, MinSize=2)
        said = refusal_of(lambda: it.terminate(it.ids()[0], decrement=True))
        assert said.startswith("ValidationError: Currently, desiredSize equals minSize (2).")
        assert it.states() == ["InService"] * 2


def test_decrement_of_more_than_the_minimum_leaves_is_refused_as_a_whole() -> None:
    with lab() as it:
        it.create(desired=3, MinSize=2)
        assert refusal_of(lambda: it.terminate(*it.ids()[:2], decrement=True)).startswith("ValidationError: ")
        assert it.states() == ["InService"] * 3


def test_terminate_ignores_scale_in_protection() -> None:
    with lab() as it:
        it.create(desired=2, NewInstancesProtectedFromScaleIn=True)
        it.terminate(it.ids()[0], decrement=True)
        assert it.states() == ["InService", "Terminating"]


def test_second_terminate_of_a_terminating_member_is_refused() -> None:
    with lab() as it:
        it.create(desired=3)
        victim = it.ids()[0]
        it.terminate(victim, decrement=True)
        assert refusal_of(lambda: it.terminate(victim, decrement=True)).startswith("ValidationError: ")
        assert it.sizes() == (1, 2, 10)


def test_second_terminate_decrements_again_when_switched_so() -> None:
    with lab(second_terminate="decrements") as it:
        it.create(desired=3)
        victim = it.ids()[0]
        first = it.terminate(victim, decrement=True)["Activity"]["ActivityId"]
        second = it.terminate(victim, decrement=True)["Activity"]["ActivityId"]
        assert first == second
        assert it.sizes() == (1, 1, 10)


def test_instance_of_no_group_cannot_be_terminated_through_a_group() -> None:
    with lab() as it:
        said = refusal_of(lambda: it.terminate("i-0123456789abcdef0", decrement=False))
        assert "No managed instance found" in said


def test_pending_member_can_be_terminated_and_never_registers() -> None:
    with lab() as it:
        it.create(desired=1, settle=False)
        it.jump(10)
        victim = it.ids()[0]
        it.terminate(victim, decrement=False)
        it.jump(35)
        assert it.state(victim) is None
        assert it.activities()[-1]["StatusCode"] == "Cancelled"
        it.jump(60)
        assert it.states() == ["InService"]
        assert it.target(victim) is None


def test_instance_terminated_in_ec2_is_unhealthy_at_once_and_replaced_without_its_drain() -> None:
    with lab() as it:
        it.create(desired=2, HealthCheckGracePeriod=600)
        victim = it.ids()[0]
        it.ec2.terminate_instances(InstanceIds=[victim])
        it.jump(1)
        found = next(each for each in it.members() if each["InstanceId"] == victim)
        assert (found["HealthStatus"], found["LifecycleState"]) == ("Unhealthy", "Terminating")
        assert "Pending" in it.states()
        it.jump(STOP_SECONDS)
        assert it.state(victim) is None
        assert it.target(victim) == "draining"


def test_scale_in_takes_the_fullest_zone_first_whatever_the_policy_says() -> None:
    with lab() as it:
        it.create(desired=4, TerminationPolicies=["NewestInstance"])
        it.suspend("AZRebalance")
        kept = [each["InstanceId"] for each in it.members() if each["AvailabilityZone"] != "us-east-1a"]
        it.call("set_desired_capacity", DesiredCapacity=3)
        it.jump(1)
        assert it.zones() == ["a", "b", "c"]
        assert set(kept) < set(it.ids("InService"))


@pytest.mark.parametrize(
    ("policy", "survivor"),
    [("OldestInstance", 1), ("NewestInstance", 0), ("Default", 1), ("OldestLaunchTemplate", 1)],
    ids=["oldest-instance", "newest-instance", "default", "oldest-template"],
)
def test_termination_policy_decides_inside_the_zone(policy: str, survivor: int) -> None:
    with lab() as it:
        it.create(desired=1, VPCZoneIdentifier=it.subnets["us-east-1a"], TerminationPolicies=[policy])
        it.call(
            "update_auto_scaling_group",
            LaunchTemplate={"LaunchTemplateId": it.template, "Version": "2"},
            DesiredCapacity=2,
        )
        it.jump(60)
        ids = it.ids()
        it.call("set_desired_capacity", DesiredCapacity=1)
        it.jump(1)
        assert it.ids("InService") == [ids[survivor]]


def test_default_policy_prefers_the_old_template_to_the_old_instance() -> None:
    with lab() as it:
        subnet = it.subnets["us-east-1a"]
        it.create(desired=1, VPCZoneIdentifier=subnet, LaunchTemplate={"LaunchTemplateId": it.template, "Version": "2"})
        back = {"LaunchTemplateId": it.template, "Version": "1"}
        it.call("update_auto_scaling_group", LaunchTemplate=back, DesiredCapacity=2)
        it.jump(60)
        it.call("update_auto_scaling_group", LaunchTemplate=back | {"Version": "2"})
        newer_instance_of_old_version = it.ids()[1]
        it.call("set_desired_capacity", DesiredCapacity=1)
        it.jump(1)
        assert it.state(newer_instance_of_old_version) == "Terminating"


def test_protected_members_are_not_scaled_in_even_if_desired_drops() -> None:
    with lab() as it:
        it.create(desired=3, NewInstancesProtectedFromScaleIn=True)
        it.call("set_desired_capacity", DesiredCapacity=1)
        it.jump(200)
        assert it.states() == ["InService"] * 3
        free = it.ids()[1]
        it.call("set_instance_protection", InstanceIds=[free], ProtectedFromScaleIn=False)
        it.jump(1)
        assert it.state(free) == "Terminating"
        assert it.states() == ["InService", "InService", "Terminating"]


def test_group_with_members_is_deleted_only_by_force() -> None:
    with lab() as it:
        it.create(desired=2)
        ids = it.ids()
        assert it.refusal("delete_auto_scaling_group").startswith("ResourceInUse: ")
        it.call("delete_auto_scaling_group", ForceDelete=True)
        assert it.group()["Status"] == "Delete in progress"
        assert {it.ec2_state(each) for each in ids} == {"shutting-down"}
        it.jump(STOP_SECONDS + 1)
        assert it.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
        deleted = it.call("describe_scaling_activities", IncludeDeletedGroups=True)["Activities"]
        assert deleted[0]["AutoScalingGroupState"] == "Deleted"


def test_empty_group_is_deleted_at_once_unless_protected() -> None:
    with lab() as it:
        it.create(desired=0, MinSize=0, DeletionProtection="prevent-all-deletion")
        assert it.refusal("delete_auto_scaling_group").startswith("ResourceInUse: ")
        it.call("update_auto_scaling_group", DeletionProtection="none")
        it.call("delete_auto_scaling_group")
        assert it.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_more_than_a_hundred_ids_are_refused() -> None:
    with lab() as it:
        it.create(1)
        ids = [f"i-{number:017x}" for number in range(101)]
        refusal = it.refusal(
            "terminate_instance_in_auto_scaling_group", InstanceIds=ids, ShouldDecrementDesiredCapacity=False
        )
        assert "must not exceed 100" in refusal
