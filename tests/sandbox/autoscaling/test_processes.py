"""Suspended processes: what stops while they are suspended, and what happens when they are resumed."""

from __future__ import annotations

from datetime import timedelta

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, lab


def test_suspended_processes_are_shown_with_a_reason_and_all_are_meant_when_none_is_named() -> None:
    with lab() as it:
        it.create(desired=1)
        it.suspend("Launch")
        shown = it.group()["SuspendedProcesses"]
        assert shown == [{"ProcessName": "Launch", "SuspensionReason": "User suspended at 2026-01-01T00:02:00Z"}]
        it.call("suspend_processes")
        types = it.asg.describe_scaling_process_types()["Processes"]
        assert len(it.group()["SuspendedProcesses"]) == len(types) == 9
        it.call("resume_processes")
        assert it.group()["SuspendedProcesses"] == []


def test_unknown_process_is_refused() -> None:
    with lab() as it:
        it.create(desired=1)
        said = it.refusal("suspend_processes", ScalingProcesses=["Launch", "Nothing"])
        assert "Nothing" in said
        assert it.group()["SuspendedProcesses"] == []


def test_launch_suspended_brings_nothing_and_resumed_replaces_at_once() -> None:
    with lab() as it:
        it.create(desired=2)
        it.suspend("Launch")
        it.terminate(it.ids()[0], decrement=False)
        it.jump(600)
        assert it.states() == ["InService"]
        it.resume("Launch")
        it.jump(1)
        assert it.states() == ["InService", "Pending"]


def test_launch_suspended_does_not_stop_the_replacing_of_unhealthy_ones_half_way() -> None:
    with lab() as it:
        it.create(desired=2)
        it.suspend("Launch")
        it.asg.set_instance_health(InstanceId=it.ids()[0], HealthStatus="Unhealthy")
        it.jump(DRAIN_SECONDS + 60)
        assert it.states() == ["InService"]


def test_terminate_suspended_stops_scale_in_and_resumed_scales_in() -> None:
    with lab() as it:
        it.create(desired=3)
        it.suspend("Terminate", "AZRebalance")
        it.call("set_desired_capacity", DesiredCapacity=2)
        it.jump(300)
        assert it.states() == ["InService"] * 3
        it.resume("Terminate")
        it.jump(1)
        assert it.states() == ["InService", "InService", "Terminating"]


def test_terminate_suspended_keeps_unhealthy_members_until_it_is_resumed() -> None:
    with lab() as it:
        it.create(desired=2)
        it.suspend("Terminate")
        it.asg.set_instance_health(InstanceId=it.ids()[0], HealthStatus="Unhealthy")
        it.jump(300)
        assert it.states() == ["InService"] * 2
        it.resume("Terminate")
        it.jump(1)
        assert "Terminating" in it.states()


def test_terminate_suspended_does_not_stop_an_explicit_terminate() -> None:
    with lab() as it:
        it.create(desired=2)
        it.suspend("Terminate")
        it.terminate(it.ids()[0], decrement=True)
        assert it.states() == ["InService", "Terminating"]


def test_added_while_add_to_load_balancer_was_suspended_is_never_registered() -> None:
    with lab() as it:
        it.create(desired=1)
        it.suspend("AddToLoadBalancer")
        it.call("set_desired_capacity", DesiredCapacity=2)
        it.jump(100)
        assert it.states() == ["InService"] * 2
        it.resume("AddToLoadBalancer")
        it.call("set_desired_capacity", DesiredCapacity=3)
        it.jump(100)
        assert [it.target(each) for each in it.ids()] == ["healthy", None, "healthy"]


def test_replace_unhealthy_suspended_marks_and_keeps_and_resumed_replaces() -> None:
    with lab() as it:
        it.create(desired=2)
        it.suspend("ReplaceUnhealthy")
        member = it.ids()[0]
        it.asg.set_instance_health(InstanceId=member, HealthStatus="Unhealthy")
        it.jump(300)
        assert [each["HealthStatus"] for each in it.members()] == ["Unhealthy", "Healthy"]
        assert it.states() == ["InService"] * 2
        it.resume("ReplaceUnhealthy")
        it.jump(1)
        assert it.state(member) == "Terminating"


def test_health_check_suspended_marks_nobody_but_users_still_can() -> None:
    with lab() as it:
        it.create(desired=3)
        it.suspend("HealthCheck")
        stopped, marked, _ = it.ids()
        it.ec2.stop_instances(InstanceIds=[stopped])
        it.jump(120)
        assert [each["HealthStatus"] for each in it.members()] == ["Healthy"] * 3
        it.asg.set_instance_health(InstanceId=marked, HealthStatus="Unhealthy")
        it.jump(1)
        assert it.state(marked) == "Terminating"
        it.resume("HealthCheck")
        it.jump(1)
        assert it.ec2_state(stopped) == "terminated"
        assert it.state(stopped) is None


def test_az_rebalance_launches_before_it_terminates() -> None:
    with lab() as it:
        it.create(desired=4)
        assert it.zones() == ["a", "a", "b", "c"]
        leaver = next(each["InstanceId"] for each in it.members() if each["AvailabilityZone"] == "us-east-1c")
        it.terminate(leaver, decrement=True)
        it.jump(DRAIN_SECONDS + 30 + 5)
        assert it.states() == ["InService"] * 3
        assert it.zones() == ["a", "a", "b"]
        it.jump(11)
        assert it.states() == ["InService"] * 3 + ["Pending"]
        assert "balance" in it.activities()[0]["Cause"]
        it.jump(45)
        assert it.states() == ["InService"] * 3 + ["Terminating"]
        assert it.zones() == ["a", "b", "c"]
        assert it.sizes() == (1, 3, 10)


def test_az_rebalance_may_exceed_the_maximum_by_one() -> None:
    with lab() as it:
        it.create(desired=4, MaxSize=4)
        leaver = next(each["InstanceId"] for each in it.members() if each["AvailabilityZone"] == "us-east-1c")
        it.terminate(leaver, decrement=True)
        it.call("update_auto_scaling_group", MaxSize=3)
        it.jump(DRAIN_SECONDS + 30 + 20)
        assert it.states() == ["InService"] * 3 + ["Pending"]


def test_az_rebalance_suspended_leaves_zones_as_they_are_and_resumed_rebalances() -> None:
    with lab() as it:
        it.create(desired=4)
        it.suspend("AZRebalance")
        leaver = next(each["InstanceId"] for each in it.members() if each["AvailabilityZone"] == "us-east-1c")
        it.terminate(leaver, decrement=True)
        it.jump(600)
        assert it.zones() == ["a", "a", "b"]
        it.resume("AZRebalance")
        it.jump(200)
        assert it.zones() == ["a", "b", "c"]


def test_az_rebalance_with_terminate_suspended_grows_the_group_beyond_its_maximum() -> None:
    with lab() as it:
        it.create(desired=4, MaxSize=4)
        it.suspend("AZRebalance")
        leaver = next(each["InstanceId"] for each in it.members() if each["AvailabilityZone"] == "us-east-1c")
        it.terminate(leaver, decrement=True)
        it.jump(200)
        it.call("update_auto_scaling_group", MaxSize=3)
        it.suspend("Terminate")
        it.resume("AZRebalance")
        it.jump(600)
        assert it.zones() == ["a", "a", "b", "c"]
        assert it.sizes() == (1, 3, 3)


def test_scheduled_action_sets_the_sizes_when_due() -> None:
    with lab() as it:
        it.create(desired=1)
        start = it.sandbox.clock.now() + timedelta(seconds=100)
        it.call(
            "put_scheduled_update_group_action", ScheduledActionName="up", StartTime=start, DesiredCapacity=3, MinSize=2
        )
        shown = it.call("describe_scheduled_actions")["ScheduledUpdateGroupActions"]
        assert [(each["ScheduledActionName"], each["DesiredCapacity"]) for each in shown] == [("up", 3)]
        it.jump(99)
        assert it.sizes() == (1, 1, 10)
        it.jump(2)
        assert it.sizes() == (2, 3, 10)
        assert it.call("describe_scheduled_actions")["ScheduledUpdateGroupActions"] == []


def test_scheduled_action_that_falls_due_while_suspended_is_lost() -> None:
    with lab() as it:
        it.create(desired=1)
        start = it.sandbox.clock.now() + timedelta(seconds=100)
        it.call("put_scheduled_update_group_action", ScheduledActionName="up", StartTime=start, DesiredCapacity=3)
        it.suspend("ScheduledActions")
        it.jump(200)
        it.resume("ScheduledActions")
        it.jump(200)
        assert it.sizes() == (1, 1, 10)


def test_scheduled_action_can_be_deleted_and_must_lie_ahead() -> None:
    with lab() as it:
        it.create(desired=1)
        start = it.sandbox.clock.now() + timedelta(seconds=100)
        it.call("put_scheduled_update_group_action", ScheduledActionName="up", StartTime=start, DesiredCapacity=3)
        it.call("delete_scheduled_action", ScheduledActionName="up")
        it.jump(200)
        assert it.sizes() == (1, 1, 10)
        past = {"ScheduledActionName": "up", "StartTime": start, "DesiredCapacity": 3}
        assert "in the past" in it.refusal("put_scheduled_update_group_action", **past)
        assert "not found" in it.refusal("delete_scheduled_action", ScheduledActionName="up")


def test_alarm_notification_is_a_flag() -> None:
    with lab() as it:
        it.create(desired=1)
        it.suspend("AlarmNotification")
        assert [each["ProcessName"] for each in it.group()["SuspendedProcesses"]] == ["AlarmNotification"]


def test_az_rebalance_that_finds_no_capacity_launches_nowhere_else_and_tries_again() -> None:
    with lab() as it:
        rule_id = it.sandbox.faults.add("no-capacity zones=us-east-1a")
        it.create(4, settle=False)
        it.jump(600)
        assert it.zones() == ["b", "b", "c", "c"]
        it.sandbox.faults.remove(rule_id)
        it.jump(900)
        assert sorted(set(it.zones())) == ["a", "b", "c"]
        assert len(it.zones()) == 4
