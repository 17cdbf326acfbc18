"""Lifecycle hooks: members wait, continue, are abandoned or time out, and some operations skip hooks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, STOP_SECONDS, Lab, open_lab, refusal_of

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


def hook(lab: Lab, transition: str, name: str = "wait", **changes: Any) -> None:
    lab.call("put_lifecycle_hook", LifecycleHookName=name, LifecycleTransition=transition, **changes)


def complete(lab: Lab, instance_id: str, result: str = "CONTINUE", name: str = "wait") -> None:
    lab.call("complete_lifecycle_action", LifecycleHookName=name, InstanceId=instance_id, LifecycleActionResult=result)


def test_launching_member_waits_unregistered_and_continues_when_completed() -> None:
    with open_lab() as lab:
        lab.create(desired=0, MinSize=0)
        hook(lab, LAUNCHING)
        lab.call("set_desired_capacity", DesiredCapacity=1)
        lab.jump(60)
        member = lab.ids()[0]
        assert (lab.state(member), lab.target(member)) == ("Pending:Wait", None)
        assert lab.activities()[0]["StatusCode"] == "MidLifecycleAction"
        complete(lab, member)
        assert (lab.state(member), lab.target(member)) == ("InService", "initial")
        assert lab.activities()[0]["StatusCode"] == "Successful"


def test_terminating_member_waits_after_its_drain_and_before_its_end() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        hook(lab, TERMINATING)
        member = lab.ids()[0]
        lab.terminate(member, decrement=True)
        lab.jump(DRAIN_SECONDS - 1)
        assert lab.state(member) == "Terminating"
        lab.jump(10)
        assert (lab.state(member), lab.ec2_state(member)) == ("Terminating:Wait", "running")
        complete(lab, member)
        assert (lab.state(member), lab.ec2_state(member)) == ("Terminating:Proceed", "shutting-down")
        lab.jump(STOP_SECONDS)
        assert lab.state(member) is None


def test_abandoned_launch_is_terminated_cancelled_and_replaced() -> None:
    with open_lab() as lab:
        lab.create(desired=0, MinSize=0)
        hook(lab, LAUNCHING)
        lab.call("set_desired_capacity", DesiredCapacity=1)
        lab.jump(60)
        member = lab.ids()[0]
        complete(lab, member, "ABANDON")
        assert lab.ec2_state(member) == "shutting-down"
        cancelled = next(each for each in lab.activities() if each["StatusCode"] == "Cancelled")
        assert cancelled["StatusMessage"].endswith("Lifecycle Action Completed with ABANDON Result")
        lab.jump(100)
        assert lab.state(member) is None
        assert lab.states() == ["Pending:Wait"]


def test_abandoned_termination_terminates_all_the_same() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        hook(lab, TERMINATING)
        hook(lab, TERMINATING, name="second")
        member = lab.ids()[0]
        lab.terminate(member, decrement=True)
        lab.jump(DRAIN_SECONDS + 1)
        complete(lab, member, "ABANDON")
        assert lab.ec2_state(member) == "shutting-down"


def test_a_member_whose_termination_is_abandoned_is_retained_by_a_group_that_says_so() -> None:
    with open_lab() as lab:
        policy = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
        lab.create(desired=2, InstanceLifecyclePolicy=policy)
        hook(lab, TERMINATING)
        member = lab.ids()[0]
        lab.terminate(member, decrement=False)
        lab.jump(DRAIN_SECONDS + 1)
        complete(lab, member, "ABANDON")
        lab.jump(120)
        assert (lab.state(member), lab.ec2_state(member)) == ("Terminating:Retained", "running")
        assert sorted(lab.states()) == ["InService", "InService", "Terminating:Retained"]
        assert any(each["StatusCode"] == "Cancelled" and member in each["Description"] for each in lab.activities())
        assert refusal_of(lambda: lab.terminate(member, decrement=True)).startswith("ValidationError: ")
        lab.sandbox.ec2.terminate(member)
        lab.jump(60)
        assert sorted(lab.states()) == ["InService", "InService"]


def test_every_hook_of_the_transition_must_be_completed() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        hook(lab, TERMINATING)
        hook(lab, TERMINATING, name="second")
        member = lab.ids()[0]
        lab.terminate(member, decrement=True)
        lab.jump(DRAIN_SECONDS + 1)
        complete(lab, member)
        assert lab.state(member) == "Terminating:Wait"
        complete(lab, member, name="second")
        assert lab.state(member) == "Terminating:Proceed"


@pytest.mark.parametrize(("default", "state"), [("CONTINUE", "InService"), ("ABANDON", "Terminating")])
def test_heartbeat_timeout_applies_the_default_result(default: str, state: str) -> None:
    with open_lab() as lab:
        lab.create(desired=0, MinSize=0)
        hook(lab, LAUNCHING, HeartbeatTimeout=100, DefaultResult=default)
        lab.call("set_desired_capacity", DesiredCapacity=1)
        lab.jump(141)
        member = lab.ids()[0]
        assert lab.state(member) == "Pending:Wait"
        lab.jump(2)
        assert lab.state(member) == state


def test_heartbeat_starts_the_timeout_again() -> None:
    with open_lab() as lab:
        lab.create(desired=0, MinSize=0)
        hook(lab, LAUNCHING, HeartbeatTimeout=100, DefaultResult="CONTINUE")
        lab.call("set_desired_capacity", DesiredCapacity=1)
        lab.jump(130)
        member = lab.ids()[0]
        lab.call("record_lifecycle_action_heartbeat", LifecycleHookName="wait", InstanceId=member)
        lab.jump(99)
        assert lab.state(member) == "Pending:Wait"
        lab.jump(2)
        assert lab.state(member) == "InService"


def test_heartbeats_cannot_go_beyond_a_hundred_timeouts() -> None:
    with open_lab() as lab:
        lab.create(desired=0, MinSize=0)
        hook(lab, LAUNCHING, HeartbeatTimeout=30, DefaultResult="CONTINUE")
        assert lab.call("describe_lifecycle_hooks")["LifecycleHooks"][0]["GlobalTimeout"] == 3000
        lab.call("set_desired_capacity", DesiredCapacity=1)
        lab.jump(43)
        member = lab.ids()[0]
        for _ in range(119):
            lab.jump(25)
            lab.call("record_lifecycle_action_heartbeat", LifecycleHookName="wait", InstanceId=member)
        assert lab.state(member) == "Pending:Wait"
        lab.jump(25)
        assert lab.state(member) == "InService"


def test_hook_is_described_with_the_defaults_of_the_api_and_changed_in_part() -> None:
    with open_lab() as lab:
        lab.create(desired=0, MinSize=0)
        hook(lab, LAUNCHING)
        shown = lab.call("describe_lifecycle_hooks")["LifecycleHooks"]
        assert shown == [
            {
                "LifecycleHookName": "wait",
                "AutoScalingGroupName": "web",
                "LifecycleTransition": LAUNCHING,
                "HeartbeatTimeout": 3600,
                "GlobalTimeout": 172800,
                "DefaultResult": "ABANDON",
            }
        ]
        lab.call("put_lifecycle_hook", LifecycleHookName="wait", HeartbeatTimeout=60)
        changed = lab.call("describe_lifecycle_hooks", LifecycleHookNames=["wait", "none"])["LifecycleHooks"]
        assert [(each["LifecycleTransition"], each["HeartbeatTimeout"]) for each in changed] == [(LAUNCHING, 60)]


def test_hooks_given_at_creation_hold_the_first_launches() -> None:
    with open_lab() as lab:
        first = {"LifecycleHookName": "first", "LifecycleTransition": LAUNCHING}
        lab.create(desired=1, LifecycleHookSpecificationList=[first])
        assert lab.states() == ["Pending:Wait"]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"HeartbeatTimeout": 10}, "between 30 and 7200"),
        ({"DefaultResult": "WAIT"}, "CONTINUE or ABANDON"),
        ({"LifecycleTransition": "none"}, "transition must be one of"),
    ],
    ids=["heartbeat", "default-result", "transition"],
)
def test_bad_hook_is_refused(changes: dict[str, Any], refusal: str) -> None:
    with open_lab() as lab:
        lab.create(desired=0, MinSize=0)
        request = {"LifecycleHookName": "wait", "LifecycleTransition": LAUNCHING} | changes
        assert refusal in lab.refusal("put_lifecycle_hook", **request)
        assert lab.call("describe_lifecycle_hooks")["LifecycleHooks"] == []


def test_completing_what_does_not_wait_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        hook(lab, LAUNCHING)
        request = {"LifecycleHookName": "wait", "LifecycleActionResult": "CONTINUE"}
        refusal = lab.refusal("complete_lifecycle_action", **request, InstanceId=lab.ids()[0])
        assert refusal.startswith("ValidationError: No active Lifecycle Action found")
        assert "token or the instance ID" in lab.refusal("complete_lifecycle_action", **request)


def test_deleted_hook_lets_terminating_members_go_on() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        hook(lab, TERMINATING)
        member = lab.ids()[0]
        lab.terminate(member, decrement=True)
        lab.jump(DRAIN_SECONDS + 1)
        lab.call("delete_lifecycle_hook", LifecycleHookName="wait")
        assert lab.state(member) == "Terminating:Proceed"
        assert "No Lifecycle Hook found" in lab.refusal("delete_lifecycle_hook", LifecycleHookName="wait")


def test_standby_detach_and_attach_pass_no_hooks() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        hook(lab, LAUNCHING)
        hook(lab, TERMINATING, name="end")
        member = lab.ids()[0]
        lab.call("enter_standby", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
        lab.jump(DRAIN_SECONDS + 1)
        assert lab.state(member) == "Standby"
        lab.call("exit_standby", InstanceIds=[member])
        lab.jump(3)
        assert lab.state(member) == "InService"
        lab.call("detach_instances", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
        lab.jump(DRAIN_SECONDS + 1)
        assert lab.state(member) is None
        lab.call("attach_instances", InstanceIds=[member])
        lab.jump(3)
        assert lab.state(member) == "InService"


def test_terminating_hook_applies_to_a_member_that_was_in_standby() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        hook(lab, TERMINATING)
        member = lab.ids()[0]
        lab.call("enter_standby", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
        lab.jump(DRAIN_SECONDS + 1)
        lab.call("exit_standby", InstanceIds=[member])
        lab.jump(3)
        lab.terminate(member, decrement=True)
        lab.jump(DRAIN_SECONDS + 1)
        assert lab.state(member) == "Terminating:Wait"


def test_instance_that_dies_while_it_waits_is_a_failed_launch() -> None:
    with open_lab() as lab:
        lab.create(desired=0, MinSize=0)
        hook(lab, LAUNCHING)
        lab.call("set_desired_capacity", DesiredCapacity=1)
        lab.jump(60)
        member = lab.ids()[0]
        lab.ec2.terminate_instances(InstanceIds=[member])
        lab.jump(1)
        assert lab.state(member) is None
        assert lab.activities()[-1]["StatusCode"] == "Failed"


def test_force_delete_passes_no_hooks() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        hook(lab, TERMINATING)
        lab.call("delete_auto_scaling_group", ForceDelete=True)
        lab.jump(STOP_SECONDS + 1)
        assert lab.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
