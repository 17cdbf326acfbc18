"""Standby, attach, detach and protection of members."""

from __future__ import annotations

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, NAME, SETTLED_SECONDS, Lab, open_lab, refusal_of


def standby(lab: Lab, instance_id: str, *, decrement: bool) -> dict[str, object]:
    return lab.call("enter_standby", InstanceIds=[instance_id], ShouldDecrementDesiredCapacity=decrement)


def test_enter_standby_drains_and_keeps_the_instance_running() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        member = lab.ids()[0]
        activity = lab.call("enter_standby", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)["Activities"][0]
        assert activity["StatusCode"] == "WaitingForELBConnectionDraining"
        assert (lab.state(member), lab.target(member)) == ("EnteringStandby", "draining")
        assert lab.sizes() == (1, 1, 10)
        lab.jump(DRAIN_SECONDS + 1)
        assert (lab.state(member), lab.target(member), lab.ec2_state(member)) == ("Standby", None, "running")
        assert lab.activities()[0]["StatusCode"] == "Successful"
        lab.jump(600)
        assert lab.states() == ["InService", "Standby"]


def test_enter_standby_without_decrement_launches_a_replacement() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        standby(lab, lab.ids()[0], decrement=False)
        lab.jump(DRAIN_SECONDS + 5)
        assert lab.states() == ["InService", "InService", "Standby"]
        assert lab.sizes() == (1, 2, 10)


def test_enter_standby_below_the_minimum_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=2, MinSize=2)
        refusal = refusal_of(lambda: standby(lab, lab.ids()[0], decrement=True))
        assert refusal.startswith("ValidationError: AutoScalingGroup web has min-size=2")
        assert lab.states() == ["InService"] * 2


def test_only_members_in_service_enter_standby() -> None:
    with open_lab() as lab:
        lab.create(desired=2, settle=False)
        refusal = refusal_of(lambda: standby(lab, lab.ids()[0], decrement=True))
        assert refusal.endswith("is not in InService.")


def test_exit_standby_registers_again_and_raises_desired() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        member = lab.ids()[0]
        standby(lab, member, decrement=True)
        lab.jump(DRAIN_SECONDS + 1)
        activity = lab.call("exit_standby", InstanceIds=[member])["Activities"][0]
        assert activity["Description"] == f"Moving EC2 instance out of Standby: {member}"
        assert "increasing the capacity from 1 to 2" in activity["Cause"]
        assert (lab.state(member), lab.sizes()) == ("Pending", (1, 2, 10))
        lab.jump(3)
        assert (lab.state(member), lab.target(member)) == ("InService", "initial")
        lab.jump(30)
        assert lab.target(member) == "healthy"
        assert lab.states() == ["InService"] * 2


def test_exit_standby_above_the_maximum_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=2, MaxSize=2)
        member = lab.ids()[0]
        standby(lab, member, decrement=False)
        lab.jump(DRAIN_SECONDS + 5)
        assert lab.refusal("exit_standby", InstanceIds=[member]).startswith("ValidationError: ")
        assert lab.state(member) == "Standby"
        assert lab.sizes() == (1, 2, 2)


def test_surplus_after_exit_without_decrement_is_kept_because_desired_was_raised() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        lab.suspend("AZRebalance")
        member = lab.ids()[0]
        standby(lab, member, decrement=False)
        lab.jump(DRAIN_SECONDS + 5)
        lab.call("exit_standby", InstanceIds=[member])
        lab.jump(60)
        assert lab.states() == ["InService"] * 3
        assert lab.sizes() == (1, 3, 10)


def test_surplus_after_exit_without_decrement_is_scaled_in_by_switch() -> None:
    with open_lab(exit_standby_raises_desired="if-lowered") as lab:
        lab.create(desired=2)
        member = lab.ids()[0]
        standby(lab, member, decrement=False)
        lab.jump(DRAIN_SECONDS + 5)
        lab.call("exit_standby", InstanceIds=[member])
        assert lab.sizes() == (1, 2, 10)
        lab.jump(5)
        assert lab.states() == ["InService", "InService", "Terminating"]


def test_exit_standby_while_launch_is_suspended_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        member = lab.ids()[0]
        standby(lab, member, decrement=True)
        lab.jump(DRAIN_SECONDS + 1)
        lab.suspend("Launch")
        assert "suspended" in lab.refusal("exit_standby", InstanceIds=[member])


def test_standby_instance_is_not_health_checked() -> None:
    with open_lab() as lab:
        lab.create(desired=2, HealthCheckType="ELB")
        member = lab.ids()[0]
        standby(lab, member, decrement=True)
        lab.jump(DRAIN_SECONDS + 1)
        lab.ec2.terminate_instances(InstanceIds=[member])
        lab.jump(300)
        instance = next(each for each in lab.members() if each["InstanceId"] == member)
        assert (instance["LifecycleState"], instance["HealthStatus"]) == ("Standby", "Healthy")


def test_standby_member_can_be_terminated_without_decrement() -> None:
    with open_lab() as lab:
        lab.create(desired=3)
        member = lab.ids()[0]
        standby(lab, member, decrement=True)
        lab.jump(DRAIN_SECONDS + 1)
        lab.terminate(member, decrement=False)
        assert lab.ec2_state(member) == "shutting-down"
        lab.jump(60)
        assert lab.states() == ["InService"] * 2
        assert lab.sizes() == (1, 2, 10)


def test_more_than_twenty_ids_are_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        ids = [f"i-{number:017x}" for number in range(21)]
        refusal = lab.refusal("enter_standby", InstanceIds=ids, ShouldDecrementDesiredCapacity=True)
        assert "must not exceed 20" in refusal


def test_detached_instance_drains_keeps_running_and_belongs_to_no_group() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        member = lab.ids()[0]
        lab.call("detach_instances", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
        assert (lab.state(member), lab.target(member)) == ("Detaching", "draining")
        lab.jump(DRAIN_SECONDS + 1)
        assert lab.state(member) is None
        assert lab.ec2_state(member) == "running"
        assert "aws:autoscaling:groupName" not in lab.tags(member)
        assert lab.sizes() == (1, 1, 10)
        assert lab.asg.describe_auto_scaling_instances(InstanceIds=[member])["AutoScalingInstances"] == []


def test_detach_without_decrement_is_replaced() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        lab.call("detach_instances", InstanceIds=lab.ids()[:1], ShouldDecrementDesiredCapacity=False)
        lab.jump(DRAIN_SECONDS + 10)
        assert lab.states() == ["InService"] * 2


def launched(lab: Lab) -> str:
    answer = lab.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "1"},
        SubnetId=lab.subnets["us-east-1a"],
        MinCount=1,
        MaxCount=1,
    )
    return str(answer["Instances"][0]["InstanceId"])


def test_attached_instance_raises_desired_registers_and_has_no_template() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        stranger = launched(lab)
        lab.jump(60)
        lab.call("attach_instances", InstanceIds=[stranger])
        assert lab.sizes() == (1, 2, 10)
        lab.jump(3)
        assert lab.state(stranger) == "InService"
        assert lab.target(stranger) == "initial"
        assert lab.tags(stranger)["aws:autoscaling:groupName"] == NAME
        instance = next(each for each in lab.members() if each["InstanceId"] == stranger)
        assert "LaunchTemplate" not in instance
        assert "already part" in lab.refusal("attach_instances", InstanceIds=[stranger])


def test_attach_is_refused_above_the_maximum_and_for_an_instance_that_does_not_run() -> None:
    with open_lab() as lab:
        lab.create(desired=1, MaxSize=2)
        booting = launched(lab)
        assert "not in correct state" in lab.refusal("attach_instances", InstanceIds=[booting])
        lab.jump(60)
        lab.call("set_desired_capacity", DesiredCapacity=2)
        assert "sizes appropriately" in lab.refusal("attach_instances", InstanceIds=[booting])
        assert lab.sizes() == (1, 2, 2)


def test_protection_is_shown_and_only_for_members() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        member = lab.ids()[0]
        lab.call("set_instance_protection", InstanceIds=[member], ProtectedFromScaleIn=True)
        assert [each["ProtectedFromScaleIn"] for each in lab.members()] == [True, False]
        refusal = lab.refusal(
            "set_instance_protection", InstanceIds=[member, "i-0123456789abcdef0"], ProtectedFromScaleIn=False
        )
        assert "not part of Auto Scaling group" in refusal
        assert lab.members()[0]["ProtectedFromScaleIn"] is True


def test_new_instances_are_protected_if_the_group_says_so() -> None:
    with open_lab() as lab:
        lab.create(desired=1, NewInstancesProtectedFromScaleIn=True)
        assert lab.members()[0]["ProtectedFromScaleIn"] is True


@pytest.mark.parametrize(("switch", "desired", "serving"), [("lowers", 1, 1), ("ignored", 2, 2)])
def test_standby_member_terminated_with_decrement_lowers_desired_again_by_a_switch(
    switch: str, desired: int, serving: int
) -> None:
    with open_lab(standby_terminate_decrement=switch) as lab:
        lab.create(3)
        standby = lab.ids()[0]
        lab.call("enter_standby", InstanceIds=[standby], ShouldDecrementDesiredCapacity=True)
        lab.jump(DRAIN_SECONDS + 1)
        lab.terminate(standby, decrement=True)
        lab.jump(SETTLED_SECONDS)
        assert lab.sizes() == (1, desired, 10)
        assert lab.states() == ["InService"] * serving


def test_protection_of_more_than_fifty_is_refused() -> None:
    with open_lab() as lab:
        lab.create(1)
        ids = [f"i-{number:017x}" for number in range(51)]
        refusal = lab.refusal("set_instance_protection", InstanceIds=ids, ProtectedFromScaleIn=True)
        assert "must not exceed 50" in refusal
