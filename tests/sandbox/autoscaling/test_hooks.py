"""Lifecycle hooks: members wait, are let go, abandoned, time out; who is not made to wait."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, STOP_SECONDS, Lab, lab

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


def hook(it: Lab, transition: str, name: str = "wait", **changes: Any) -> None:
    it.call("put_lifecycle_hook", LifecycleHookName=name, LifecycleTransition=transition, **changes)


def complete(it: Lab, instance_id: str, result: str = "CONTINUE", name: str = "wait") -> None:
    it.call("complete_lifecycle_action", LifecycleHookName=name, InstanceId=instance_id, LifecycleActionResult=result)


def test_launching_member_waits_unregistered_and_goes_on_when_completed() -> None:
    with lab() as it:
        it.create(desired=0, MinSize=0)
        hook(it, LAUNCHING)
        it.call("set_desired_capacity", DesiredCapacity=1)
        it.jump(60)
        member = it.ids()[0]
        assert (it.state(member), it.target(member)) == ("Pending:Wait", None)
        assert it.activities()[0]["StatusCode"] == "MidLifecycleAction"
        complete(it, member)
        assert (it.state(member), it.target(member)) == ("InService", "initial")
        assert it.activities()[0]["StatusCode"] == "Successful"


def test_terminating_member_waits_after_its_drain_and_before_its_end() -> None:
    with lab() as it:
        it.create(desired=2)
        hook(it, TERMINATING)
        member = it.ids()[0]
        it.terminate(member, decrement=True)
        it.jump(DRAIN_SECONDS - 1)
        assert it.state(member) == "Terminating"
        it.jump(10)
        assert (it.state(member), it.ec2_state(member)) == ("Terminating:Wait", "running")
        complete(it, member)
        assert (it.state(member), it.ec2_state(member)) == ("Terminating:Proceed", "shutting-down")
        it.jump(STOP_SECONDS)
        assert it.state(member) is None


def test_abandoned_launch_is_terminated_cancelled_and_replaced() -> None:
    with lab() as it:
        it.create(desired=0, MinSize=0)
        hook(it, LAUNCHING)
        it.call("set_desired_capacity", DesiredCapacity=1)
        it.jump(60)
        member = it.ids()[0]
        complete(it, member, "ABANDON")
        assert it.ec2_state(member) == "shutting-down"
        cancelled = next(each for each in it.activities() if each["StatusCode"] == "Cancelled")
        assert cancelled["StatusMessage"] == "Lifecycle Action Completed with ABANDON Result"
        it.jump(100)
        assert it.state(member) is None
        assert it.states() == ["Pending:Wait"]


def test_abandoned_termination_terminates_all_the_same() -> None:
    with lab() as it:
        it.create(desired=2)
        hook(it, TERMINATING)
        hook(it, TERMINATING, name="second")
        member = it.ids()[0]
        it.terminate(member, decrement=True)
        it.jump(DRAIN_SECONDS + 1)
        complete(it, member, "ABANDON")
        assert it.ec2_state(member) == "shutting-down"


def test_every_hook_of_the_transition_must_be_completed() -> None:
    with lab() as it:
        it.create(desired=2)
        hook(it, TERMINATING)
        hook(it, TERMINATING, name="second")
        member = it.ids()[0]
        it.terminate(member, decrement=True)
        it.jump(DRAIN_SECONDS + 1)
        complete(it, member)
        assert it.state(member) == "Terminating:Wait"
        complete(it, member, name="second")
        assert it.state(member) == "Terminating:Proceed"


@pytest.mark.parametrize(("default", "state"), [("CONTINUE", "InService"), ("ABANDON", "Terminating")])
def test_heartbeat_timeout_applies_the_default_result(default: str, state: str) -> None:
    with lab() as it:
        it.create(desired=0, MinSize=0)
        hook(it, LAUNCHING, HeartbeatTimeout=100, DefaultResult=default)
        it.call("set_desired_capacity", DesiredCapacity=1)
        it.jump(141)
        member = it.ids()[0]
        assert it.state(member) == "Pending:Wait"
        it.jump(2)
        assert it.state(member) == state


def test_heartbeat_starts_the_timeout_again() -> None:
    with lab() as it:
        it.create(desired=0, MinSize=0)
        hook(it, LAUNCHING, HeartbeatTimeout=100, DefaultResult="CONTINUE")
        it.call("set_desired_capacity", DesiredCapacity=1)
        it.jump(130)
        member = it.ids()[0]
        it.call("record_lifecycle_action_heartbeat", LifecycleHookName="wait", InstanceId=member)
        it.jump(99)
        assert it.state(member) == "Pending:Wait"
        it.jump(2)
        assert it.state(member) == "InService"


def test_heartbeats_cannot_go_beyond_a_hundred_timeouts() -> None:
    with lab() as it:
        it.create(desired=0, MinSize=0)
        hook(it, LAUNCHING, HeartbeatTimeout=30, DefaultResult="CONTINUE")
        assert it.call("describe_lifecycle_hooks")["LifecycleHooks"][0]["GlobalTimeout"] == 3000
        it.call("set_desired_capacity", DesiredCapacity=1)
        it.jump(43)
        member = it.ids()[0]
        for _ in range(119):
            it.jump(25)
            it.call("record_lifecycle_action_heartbeat", LifecycleHookName="wait", InstanceId=member)
        assert it.state(member) == "Pending:Wait"
        it.jump(25)
        assert it.state(member) == "InService"


def test_hook_is_described_with_the_defaults_of_the_api_and_changed_in_part() -> None:
    with lab() as it:
        it.create(desired=0, MinSize=0)
        hook(it, LAUNCHING)
        shown = it.call("describe_lifecycle_hooks")["LifecycleHooks"]
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
        it.call("put_lifecycle_hook", LifecycleHookName="wait", HeartbeatTimeout=60)
        changed = it.call("describe_lifecycle_hooks", LifecycleHookNames=["wait", "none"])["LifecycleHooks"]
        assert [(each["LifecycleTransition"], each["HeartbeatTimeout"]) for each in changed] == [(LAUNCHING, 60)]


def test_hooks_given_at_creation_hold_the_first_launches() -> None:
    with lab() as it:
        first = {"LifecycleHookName": "first", "LifecycleTransition": LAUNCHING}
        it.create(desired=1, LifecycleHookSpecificationList=[first])
        assert it.states() == ["Pending:Wait"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"HeartbeatTimeout": 10}, "between 30 and 7200"),
        ({"DefaultResult": "WAIT"}, "CONTINUE or ABANDON"),
        ({"LifecycleTransition": "none"}, "transition must be one of"),
    ],
    ids=["heartbeat", "default-result", "transition"],
)
def test_bad_hook_is_refused(changes: dict[str, Any], said: str) -> None:
    with lab() as it:
        it.create(desired=0, MinSize=0)
        request = {"LifecycleHookName": "wait", "LifecycleTransition": LAUNCHING} | changes
        assert said in it.refusal("put_lifecycle_hook", **request)
        assert it.call("describe_lifecycle_hooks")["LifecycleHooks"] == []


def test_completing_what_does_not_wait_is_refused() -> None:
    with lab() as it:
        it.create(desired=1)
        hook(it, LAUNCHING)
        request = {"LifecycleHookName": "wait", "LifecycleActionResult": "CONTINUE"}
        said = it.refusal("complete_lifecycle_action", **request, InstanceId=it.ids()[0])
        assert said.startswith("ValidationError: No active Lifecycle Action found")
        assert "token or the instance ID" in it.refusal("complete_lifecycle_action", **request)


def test_deleted_hook_lets_terminating_members_go_on() -> None:
    with lab() as it:
        it.create(desired=2)
        hook(it, TERMINATING)
        member = it.ids()[0]
        it.terminate(member, decrement=True)
        it.jump(DRAIN_SECONDS + 1)
        it.call("delete_lifecycle_hook", LifecycleHookName="wait")
        assert it.state(member) == "Terminating:Proceed"
        assert "No Lifecycle Hook found" in it.refusal("delete_lifecycle_hook", LifecycleHookName="wait")


def test_standby_detach_and_attach_pass_no_hooks() -> None:
    with lab() as it:
        it.create(desired=2)
        hook(it, LAUNCHING)
        hook(it, TERMINATING, name="end")
        member = it.ids()[0]
        it.call("enter_standby", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
        it.jump(DRAIN_SECONDS + 1)
        assert it.state(member) == "Standby"
        it.call("exit_standby", InstanceIds=[member])
        it.jump(3)
        assert it.state(member) == "InService"
        it.call("detach_instances", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
        it.jump(DRAIN_SECONDS + 1)
        assert it.state(member) is None
        it.call("attach_instances", InstanceIds=[member])
        it.jump(3)
        assert it.state(member) == "InService"


def test_terminating_hook_applies_to_a_member_that_was_in_standby() -> None:
    with lab() as it:
        it.create(desired=2)
        hook(it, TERMINATING)
        member = it.ids()[0]
        it.call("enter_standby", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
        it.jump(DRAIN_SECONDS + 1)
        it.call("exit_standby", InstanceIds=[member])
        it.jump(3)
        it.terminate(member, decrement=True)
        it.jump(DRAIN_SECONDS + 1)
        assert it.state(member) == "Terminating:Wait"


def test_instance_that_dies_while_it_waits_is_a_failed_launch() -> None:
    with lab() as it:
        it.create(desired=0, MinSize=0)
        hook(it, LAUNCHING)
        it.call("set_desired_capacity", DesiredCapacity=1)
        it.jump(60)
        member = it.ids()[0]
        it.ec2.terminate_instances(InstanceIds=[member])
        it.jump(1)
        assert it.state(member) is None
        assert it.activities()[-1]["StatusCode"] == "Failed"


def test_force_delete_passes_no_hooks() -> None:
    with lab() as it:
        it.create(desired=1)
        hook(it, TERMINATING)
        it.call("delete_auto_scaling_group", ForceDelete=True)
        it.jump(STOP_SECONDS + 1)
        assert it.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
