"""Suspended processes: the effects of suspending and resuming each process."""

from __future__ import annotations

from datetime import timedelta

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, open_lab


def test_suspended_processes_are_shown_with_a_reason_and_no_name_means_all() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.suspend("Launch")
        shown = lab.group()["SuspendedProcesses"]
        assert shown == [{"ProcessName": "Launch", "SuspensionReason": "User suspended at 2026-01-01T00:02:00Z"}]
        lab.call("suspend_processes")
        types = lab.asg.describe_scaling_process_types()["Processes"]
        assert len(lab.group()["SuspendedProcesses"]) == len(types) == 9
        lab.call("resume_processes")
        assert lab.group()["SuspendedProcesses"] == []


def test_unknown_process_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        refusal = lab.refusal("suspend_processes", ScalingProcesses=["Launch", "Nothing"])
        assert "Nothing" in refusal
        assert lab.group()["SuspendedProcesses"] == []


def test_launch_suspended_brings_nothing_and_resumed_replaces_at_once() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        lab.suspend("Launch")
        lab.terminate(lab.ids()[0], decrement=False)
        lab.jump(600)
        assert lab.states() == ["InService"]
        lab.resume("Launch")
        lab.jump(1)
        assert lab.states() == ["InService", "Pending"]


def test_launch_suspended_still_terminates_all_unhealthy_members() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        lab.suspend("Launch")
        lab.asg.set_instance_health(InstanceId=lab.ids()[0], HealthStatus="Unhealthy")
        lab.jump(DRAIN_SECONDS + 60)
        assert lab.states() == ["InService"]


def test_terminate_suspended_stops_scale_in_and_resumed_scales_in() -> None:
    with open_lab() as lab:
        lab.create(desired=3)
        lab.suspend("Terminate", "AZRebalance")
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(300)
        assert lab.states() == ["InService"] * 3
        lab.resume("Terminate")
        lab.jump(1)
        assert lab.states() == ["InService", "InService", "Terminating"]


def test_terminate_suspended_keeps_unhealthy_members_until_it_is_resumed() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        lab.suspend("Terminate")
        lab.asg.set_instance_health(InstanceId=lab.ids()[0], HealthStatus="Unhealthy")
        lab.jump(300)
        assert lab.states() == ["InService"] * 2
        lab.resume("Terminate")
        lab.jump(1)
        assert "Terminating" in lab.states()


def test_terminate_suspended_does_not_stop_an_explicit_terminate() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        lab.suspend("Terminate")
        lab.terminate(lab.ids()[0], decrement=True)
        assert lab.states() == ["InService", "Terminating"]


def test_added_while_add_to_load_balancer_was_suspended_is_never_registered() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.suspend("AddToLoadBalancer")
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(100)
        assert lab.states() == ["InService"] * 2
        lab.resume("AddToLoadBalancer")
        lab.call("set_desired_capacity", DesiredCapacity=3)
        lab.jump(100)
        assert [lab.target(each) for each in lab.ids()] == ["healthy", None, "healthy"]


def test_replace_unhealthy_suspended_marks_and_keeps_and_resumed_replaces() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        lab.suspend("ReplaceUnhealthy")
        member = lab.ids()[0]
        lab.asg.set_instance_health(InstanceId=member, HealthStatus="Unhealthy")
        lab.jump(300)
        assert [each["HealthStatus"] for each in lab.members()] == ["Unhealthy", "Healthy"]
        assert lab.states() == ["InService"] * 2
        lab.resume("ReplaceUnhealthy")
        lab.jump(1)
        assert lab.state(member) == "Terminating"


def test_health_check_suspended_marks_no_member_but_users_still_can() -> None:
    with open_lab() as lab:
        lab.create(desired=3)
        lab.suspend("HealthCheck")
        stopped, marked, _ = lab.ids()
        lab.ec2.stop_instances(InstanceIds=[stopped])
        lab.jump(120)
        assert [each["HealthStatus"] for each in lab.members()] == ["Healthy"] * 3
        lab.asg.set_instance_health(InstanceId=marked, HealthStatus="Unhealthy")
        lab.jump(1)
        assert lab.state(marked) == "Terminating"
        lab.resume("HealthCheck")
        lab.jump(1)
        assert lab.ec2_state(stopped) == "terminated"
        assert lab.state(stopped) is None


def test_az_rebalance_launches_before_it_terminates() -> None:
    with open_lab() as lab:
        lab.create(desired=4)
        assert lab.zones() == ["a", "a", "b", "c"]
        leaver = next(each["InstanceId"] for each in lab.members() if each["AvailabilityZone"] == "us-east-1c")
        lab.terminate(leaver, decrement=True)
        lab.jump(DRAIN_SECONDS + 30 + 5)
        assert lab.states() == ["InService"] * 3
        assert lab.zones() == ["a", "a", "b"]
        lab.jump(11)
        assert lab.states() == ["InService"] * 3 + ["Pending"]
        assert "balance" in lab.activities()[0]["Cause"]
        lab.jump(45)
        assert lab.states() == ["InService"] * 3 + ["Terminating"]
        assert lab.zones() == ["a", "b", "c"]
        assert lab.sizes() == (1, 3, 10)


def test_az_rebalance_may_exceed_the_maximum_by_one() -> None:
    with open_lab() as lab:
        lab.create(desired=4, MaxSize=4)
        leaver = next(each["InstanceId"] for each in lab.members() if each["AvailabilityZone"] == "us-east-1c")
        lab.terminate(leaver, decrement=True)
        lab.call("update_auto_scaling_group", MaxSize=3)
        lab.jump(DRAIN_SECONDS + 30 + 20)
        assert lab.states() == ["InService"] * 3 + ["Pending"]


def test_az_rebalance_suspended_leaves_zones_as_they_are_and_resumed_rebalances() -> None:
    with open_lab() as lab:
        lab.create(desired=4)
        lab.suspend("AZRebalance")
        leaver = next(each["InstanceId"] for each in lab.members() if each["AvailabilityZone"] == "us-east-1c")
        lab.terminate(leaver, decrement=True)
        lab.jump(600)
        assert lab.zones() == ["a", "a", "b"]
        lab.resume("AZRebalance")
        lab.jump(200)
        assert lab.zones() == ["a", "b", "c"]


def test_az_rebalance_with_terminate_suspended_grows_the_group_beyond_its_maximum() -> None:
    with open_lab() as lab:
        lab.create(desired=4, MaxSize=4)
        lab.suspend("AZRebalance")
        leaver = next(each["InstanceId"] for each in lab.members() if each["AvailabilityZone"] == "us-east-1c")
        lab.terminate(leaver, decrement=True)
        lab.jump(200)
        lab.call("update_auto_scaling_group", MaxSize=3)
        lab.suspend("Terminate")
        lab.resume("AZRebalance")
        lab.jump(600)
        assert lab.zones() == ["a", "a", "b", "c"]
        assert lab.sizes() == (1, 3, 3)


def test_capacity_rebalancing_launches_before_it_terminates_the_member_at_risk() -> None:
    with open_lab() as lab:
        lab.create(desired=2, MaxSize=2)
        at_risk = lab.ids()[0]
        lab.sandbox.ec2.recommend_rebalance(at_risk)
        lab.jump(200)
        assert at_risk in lab.ids()
        lab.call("update_auto_scaling_group", CapacityRebalance=True)
        lab.sandbox.ec2.recommend_rebalance(at_risk)
        lab.jump(1)
        assert lab.states() == ["InService", "InService", "Pending"]
        lab.jump(200)
        assert lab.states() == ["InService", "InService"]
        assert at_risk not in lab.ids()


def test_scheduled_action_sets_the_sizes_when_due() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        start = lab.sandbox.clock.now() + timedelta(seconds=100)
        lab.call(
            "put_scheduled_update_group_action", ScheduledActionName="up", StartTime=start, DesiredCapacity=3, MinSize=2
        )
        shown = lab.call("describe_scheduled_actions")["ScheduledUpdateGroupActions"]
        assert [(each["ScheduledActionName"], each["DesiredCapacity"]) for each in shown] == [("up", 3)]
        lab.jump(99)
        assert lab.sizes() == (1, 1, 10)
        lab.jump(2)
        assert lab.sizes() == (2, 3, 10)
        assert lab.call("describe_scheduled_actions")["ScheduledUpdateGroupActions"] == []


def test_scheduled_action_that_is_due_while_suspended_is_lost() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        start = lab.sandbox.clock.now() + timedelta(seconds=100)
        lab.call("put_scheduled_update_group_action", ScheduledActionName="up", StartTime=start, DesiredCapacity=3)
        lab.suspend("ScheduledActions")
        lab.jump(200)
        lab.resume("ScheduledActions")
        lab.jump(200)
        assert lab.sizes() == (1, 1, 10)


def test_scheduled_action_can_be_deleted_and_must_lie_ahead() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        start = lab.sandbox.clock.now() + timedelta(seconds=100)
        lab.call("put_scheduled_update_group_action", ScheduledActionName="up", StartTime=start, DesiredCapacity=3)
        lab.call("delete_scheduled_action", ScheduledActionName="up")
        lab.jump(200)
        assert lab.sizes() == (1, 1, 10)
        past = {"ScheduledActionName": "up", "StartTime": start, "DesiredCapacity": 3}
        assert "in the past" in lab.refusal("put_scheduled_update_group_action", **past)
        assert "not found" in lab.refusal("delete_scheduled_action", ScheduledActionName="up")


def test_alarm_notification_is_a_flag() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.suspend("AlarmNotification")
        assert [each["ProcessName"] for each in lab.group()["SuspendedProcesses"]] == ["AlarmNotification"]


def test_az_rebalance_without_capacity_launches_in_no_other_zone_and_retries() -> None:
    with open_lab() as lab:
        rule_id = lab.sandbox.faults.add("no-capacity zones=us-east-1a")
        lab.create(4, settle=False)
        lab.jump(600)
        assert lab.zones() == ["b", "b", "c", "c"]
        lab.sandbox.faults.remove(rule_id)
        lab.jump(900)
        assert sorted(set(lab.zones())) == ["a", "b", "c"]
        assert len(lab.zones()) == 4
