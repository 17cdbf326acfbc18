"""Standby, attach, detach and protection of single members."""

from __future__ import annotations

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, NAME, SETTLED_SECONDS, Lab, lab, refusal_of


def standby(it: Lab, instance_id: str, *, decrement: bool) -> dict[str, object]:
    return it.call("enter_standby", InstanceIds=[instance_id], ShouldDecrementDesiredCapacity=decrement)


def test_enter_standby_drains_and_keeps_the_instance_running() -> None:
    with lab() as it:
        it.create(desired=2)
        member = it.ids()[0]
        activity = it.call("enter_standby", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)["Activities"][0]
        assert activity["StatusCode"] == "WaitingForELBConnectionDraining"
        assert (it.state(member), it.target(member)) == ("EnteringStandby", "draining")
        assert it.sizes() == (1, 1, 10)
        it.jump(DRAIN_SECONDS + 1)
        assert (it.state(member), it.target(member), it.ec2_state(member)) == ("Standby", None, "running")
        assert it.activities()[0]["StatusCode"] == "Successful"
        it.jump(600)
        assert it.states() == ["InService", "Standby"]


def test_enter_standby_without_decrement_launches_a_replacement() -> None:
    with lab() as it:
        it.create(desired=2)
        standby(it, it.ids()[0], decrement=False)
        it.jump(DRAIN_SECONDS + 5)
        assert it.states() == ["InService", "InService", "Standby"]
        assert it.sizes() == (1, 2, 10)


def test_enter_standby_below_the_minimum_is_refused() -> None:
    with lab() as it:
        it.create(desired=2, MinSize=2)
        said = refusal_of(lambda: standby(it, it.ids()[0], decrement=True))
        assert said.startswith("ValidationError: AutoScalingGroup web has min-size=2")
        assert it.states() == ["InService"] * 2


def test_only_members_in_service_enter_standby() -> None:
    with lab() as it:
        it.create(desired=2, settle=False)
        said = refusal_of(lambda: standby(it, it.ids()[0], decrement=True))
        assert said.endswith("is not in InService.")


def test_exit_standby_registers_again_and_raises_desired() -> None:
    with lab() as it:
        it.create(desired=2)
        member = it.ids()[0]
        standby(it, member, decrement=True)
        it.jump(DRAIN_SECONDS + 1)
        activity = it.call("exit_standby", InstanceIds=[member])["Activities"][0]
        assert activity["Description"] == f"Moving EC2 instance out of Standby: {member}"
        assert "increasing the capacity from 1 to 2" in activity["Cause"]
        assert (it.state(member), it.sizes()) == ("Pending", (1, 2, 10))
        it.jump(3)
        assert (it.state(member), it.target(member)) == ("InService", "initial")
        it.jump(30)
        assert it.target(member) == "healthy"
        assert it.states() == ["InService"] * 2


def test_exit_standby_above_the_maximum_is_refused() -> None:
    with lab() as it:
        it.create(desired=2, MaxSize=2)
        member = it.ids()[0]
        standby(it, member, decrement=False)
        it.jump(DRAIN_SECONDS + 5)
        assert it.refusal("exit_standby", InstanceIds=[member]).startswith("ValidationError: ")
        assert it.state(member) == "Standby"
        assert it.sizes() == (1, 2, 2)


def test_surplus_after_exit_without_decrement_is_kept_because_desired_was_raised() -> None:
    with lab() as it:
        it.create(desired=2)
        it.suspend("AZRebalance")
        member = it.ids()[0]
        standby(it, member, decrement=False)
        it.jump(DRAIN_SECONDS + 5)
        it.call("exit_standby", InstanceIds=[member])
        it.jump(60)
        assert it.states() == ["InService"] * 3
        assert it.sizes() == (1, 3, 10)


def test_surplus_after_exit_without_decrement_is_scaled_in_when_switched_so() -> None:
    with lab(exit_standby_raises_desired="if-lowered") as it:
        it.create(desired=2)
        member = it.ids()[0]
        standby(it, member, decrement=False)
        it.jump(DRAIN_SECONDS + 5)
        it.call("exit_standby", InstanceIds=[member])
        assert it.sizes() == (1, 2, 10)
        it.jump(5)
        assert it.states() == ["InService", "InService", "Terminating"]


def test_exit_standby_while_launch_is_suspended_is_refused() -> None:
    with lab() as it:
        it.create(desired=2)
        member = it.ids()[0]
        standby(it, member, decrement=True)
        it.jump(DRAIN_SECONDS + 1)
        it.suspend("Launch")
        assert "suspended" in it.refusal("exit_standby", InstanceIds=[member])


def test_standby_instance_is_not_health_checked() -> None:
    with lab() as it:
        it.create(desired=2, HealthCheckType="ELB")
        member = it.ids()[0]
        standby(it, member, decrement=True)
        it.jump(DRAIN_SECONDS + 1)
        it.ec2.terminate_instances(InstanceIds=[member])
        it.jump(300)
        found = next(each for each in it.members() if each["InstanceId"] == member)
        assert (found["LifecycleState"], found["HealthStatus"]) == ("Standby", "Healthy")


def test_standby_member_can_be_terminated_without_decrement() -> None:
    with lab() as it:
        it.create(desired=3)
        member = it.ids()[0]
        standby(it, member, decrement=True)
        it.jump(DRAIN_SECONDS + 1)
        it.terminate(member, decrement=False)
        assert it.ec2_state(member) == "shutting-down"
        it.jump(60)
        assert it.states() == ["InService"] * 2
        assert it.sizes() == (1, 2, 10)


def test_more_than_twenty_ids_are_refused() -> None:
    with lab() as it:
        it.create(desired=1)
        ids = [f"i-{number:017x}" for number in range(21)]
        said = it.refusal("enter_standby", InstanceIds=ids, ShouldDecrementDesiredCapacity=True)
        assert "must not exceed 20" in said


def test_detached_instance_drains_keeps_running_and_belongs_to_no_group() -> None:
    with lab() as it:
        it.create(desired=2)
        member = it.ids()[0]
        it.call("detach_instances", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
        assert (it.state(member), it.target(member)) == ("Detaching", "draining")
        it.jump(DRAIN_SECONDS + 1)
        assert it.state(member) is None
        assert it.ec2_state(member) == "running"
        assert "aws:autoscaling:groupName" not in it.tags(member)
        assert it.sizes() == (1, 1, 10)
        assert it.asg.describe_auto_scaling_instances(InstanceIds=[member])["AutoScalingInstances"] == []


def test_detach_without_decrement_is_replaced() -> None:
    with lab() as it:
        it.create(desired=2)
        it.call("detach_instances", InstanceIds=it.ids()[:1], ShouldDecrementDesiredCapacity=False)
        it.jump(DRAIN_SECONDS + 10)
        assert it.states() == ["InService"] * 2


def launched(it: Lab) -> str:
    answer = it.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": it.template, "Version": "1"},
        SubnetId=it.subnets["us-east-1a"],
        MinCount=1,
        MaxCount=1,
    )
    return str(answer["Instances"][0]["InstanceId"])


def test_attached_instance_raises_desired_registers_and_has_no_template() -> None:
    with lab() as it:
        it.create(desired=1)
        stranger = launched(it)
        it.jump(60)
        it.call("attach_instances", InstanceIds=[stranger])
        assert it.sizes() == (1, 2, 10)
        it.jump(3)
        assert it.state(stranger) == "InService"
        assert it.target(stranger) == "initial"
        assert it.tags(stranger)["aws:autoscaling:groupName"] == NAME
        found = next(each for each in it.members() if each["InstanceId"] == stranger)
        assert "LaunchTemplate" not in found
        assert "already part" in it.refusal("attach_instances", InstanceIds=[stranger])


def test_attach_is_refused_above_the_maximum_and_for_an_instance_that_does_not_run() -> None:
    with lab() as it:
        it.create(desired=1, MaxSize=2)
        booting = launched(it)
        assert "not in correct state" in it.refusal("attach_instances", InstanceIds=[booting])
        it.jump(60)
        it.call("set_desired_capacity", DesiredCapacity=2)
        assert "sizes appropriately" in it.refusal("attach_instances", InstanceIds=[booting])
        assert it.sizes() == (1, 2, 2)


def test_protection_is_shown_and_only_for_members() -> None:
    with lab() as it:
        it.create(desired=2)
        member = it.ids()[0]
        it.call("set_instance_protection", InstanceIds=[member], ProtectedFromScaleIn=True)
        assert [each["ProtectedFromScaleIn"] for each in it.members()] == [True, False]
        said = it.refusal(
            "set_instance_protection", InstanceIds=[member, "i-0123456789abcdef0"], ProtectedFromScaleIn=False
        )
        assert "not part of Auto Scaling group" in said
        assert it.members()[0]["ProtectedFromScaleIn"] is True


def test_new_instances_are_protected_if_the_group_says_so() -> None:
    with lab() as it:
        it.create(desired=1, NewInstancesProtectedFromScaleIn=True)
        assert it.members()[0]["ProtectedFromScaleIn"] is True


@pytest.mark.parametrize(("switch", "desired", "serving"), [("lowers", 1, 1), ("ignored", 2, 2)])
def test_standby_member_terminated_with_decrement_lowers_desired_again_by_a_switch(
    switch: str, desired: int, serving: int
) -> None:
    with lab(standby_terminate_decrement=switch) as it:
        it.create(3)
        standby = it.ids()[0]
        it.call("enter_standby", InstanceIds=[standby], ShouldDecrementDesiredCapacity=True)
        it.jump(DRAIN_SECONDS + 1)
        it.terminate(standby, decrement=True)
        it.jump(SETTLED_SECONDS)
        assert it.sizes() == (1, desired, 10)
        assert it.states() == ["InService"] * serving


def test_protection_of_more_than_fifty_is_refused() -> None:
    with lab() as it:
        it.create(1)
        ids = [f"i-{number:017x}" for number in range(51)]
        refusal = it.refusal("set_instance_protection", InstanceIds=ids, ProtectedFromScaleIn=True)
        assert "must not exceed 50" in refusal
