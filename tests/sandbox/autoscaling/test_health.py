"""Health checks: what marks a member, when, how many are replaced at a time, and members taken out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, STOP_SECONDS, lab, refusal_of

if TYPE_CHECKING:
    from tests.sandbox.autoscaling.lab import Lab

ILL_SECONDS = 60
"""Enough for two failed checks, their timeouts and the group's look at its members."""


def sicken(it: Lab, *instance_ids: str) -> None:
    it.ec2.create_tags(Resources=list(instance_ids), Tags=[{"Key": "sandbox:health", "Value": "unhealthy"}])


def unhealthy(it: Lab) -> int:
    return sum(each["HealthStatus"] == "Unhealthy" for each in it.members())


def test_member_with_unhealthy_target_is_drained_terminated_and_replaced_under_elb_checks() -> None:
    with lab() as it:
        it.create(desired=2, HealthCheckType="ELB")
        member = it.ids()[0]
        sicken(it, member)
        it.jump(ILL_SECONDS)
        assert it.state(member) == "Terminating"
        assert it.target(member) == "draining"
        assert "ELB system health check failure" in next(
            each["Cause"] for each in it.activities() if each["Description"].endswith(member)
        )
        it.jump(DRAIN_SECONDS + STOP_SECONDS + 10)
        assert it.state(member) is None
        assert it.states() == ["InService"] * 2


def test_unhealthy_target_is_no_matter_under_ec2_checks() -> None:
    with lab() as it:
        it.create(desired=2)
        sicken(it, it.ids()[0])
        it.jump(600)
        assert it.states() == ["InService"] * 2
        assert unhealthy(it) == 0


def test_grace_period_delays_the_marking() -> None:
    with lab() as it:
        it.create(desired=2, HealthCheckType="ELB", HealthCheckGracePeriod=600)
        sicken(it, it.ids()[0])
        it.jump(400)
        assert unhealthy(it) == 0
        it.jump(130)
        assert it.states() == ["InService", "Pending", "Terminating"]


def test_grace_period_passes_faster_at_speed() -> None:
    with lab(speed=10) as it:
        it.create(desired=2, HealthCheckType="ELB", HealthCheckGracePeriod=600, settle=False)
        it.jump(10)  # 42 simulated seconds after creation in service, now 100
        sicken(it, it.ids()[0])
        it.jump(54)
        assert unhealthy(it) == 0
        it.jump(1)
        assert it.states() == ["InService", "Pending", "Terminating"]


def test_target_health_counts_only_once_one_member_has_been_healthy() -> None:
    with lab() as it:
        it.new_version(health="unhealthy")
        it.create(desired=2, HealthCheckType="ELB", LaunchTemplate={"LaunchTemplateId": it.template, "Version": "3"})
        it.jump(600)
        assert {it.target(each) for each in it.ids()} == {"unhealthy"}
        assert it.states() == ["InService"] * 2
        it.ec2.delete_tags(Resources=it.ids()[:1], Tags=[{"Key": "sandbox:health"}])
        it.jump(120)
        assert "Terminating" in it.states()


def test_stopped_instance_is_unhealthy_at_once_despite_the_grace_period() -> None:
    with lab() as it:
        it.create(desired=2, HealthCheckGracePeriod=3600)
        member = it.ids()[0]
        it.ec2.stop_instances(InstanceIds=[member])
        it.jump(1)
        assert it.state(member) == "Terminating"
        cause = next(each["Cause"] for each in it.activities() if each["Description"].endswith(member))
        assert "EC2 health check indicating it has been terminated or stopped" in cause


@pytest.mark.parametrize(("desired", "at_once"), [(4, 1), (20, 2)], ids=["small-group-one", "ten-percent"])
def test_a_tenth_is_replaced_at_a_time(desired: int, at_once: int) -> None:
    with lab() as it:
        it.create(desired=desired, MaxSize=30)
        it.suspend("AZRebalance")
        for each in it.ids()[:4]:
            it.asg.set_instance_health(InstanceId=each, HealthStatus="Unhealthy")
        it.jump(1)
        assert it.states().count("Terminating") == at_once
        it.jump(DRAIN_SECONDS)
        assert it.states().count("Terminating") == at_once
        it.jump(1000)
        assert unhealthy(it) == 0
        assert it.states() == ["InService"] * desired


def deregistered(it: Lab, **changes: Any) -> str:
    it.create(desired=2, HealthCheckType="ELB", **changes)
    member = it.ids()[0]
    it.elb.deregister_targets(TargetGroupArn=it.target_group, Targets=[{"Id": member}])
    it.jump(11)
    return member


def test_member_deregistered_by_hand_is_killed_by_default() -> None:
    with lab() as it:
        member = deregistered(it)
        assert it.state(member) == "Terminating"


def test_member_deregistered_by_hand_is_ignored_when_switched_so() -> None:
    with lab(member_deregistered_by_hand="ignored") as it:
        member = deregistered(it)
        it.jump(600)
        assert (it.state(member), it.target(member)) == ("InService", None)


def test_member_deregistered_by_hand_is_registered_again_when_switched_so() -> None:
    with lab(member_deregistered_by_hand="reregistered") as it:
        member = deregistered(it)
        it.jump(60)
        assert (it.state(member), it.target(member)) == ("InService", "healthy")


def test_member_deregistered_by_hand_is_left_alone_while_health_checks_are_suspended() -> None:
    with lab() as it:
        it.create(desired=2, HealthCheckType="ELB")
        it.suspend("HealthCheck")
        member = it.ids()[0]
        it.elb.deregister_targets(TargetGroupArn=it.target_group, Targets=[{"Id": member}])
        it.jump(600)
        assert it.state(member) == "InService"


def test_user_marks_respect_the_grace_period_unless_told_not_to() -> None:
    with lab() as it:
        it.create(desired=2, HealthCheckGracePeriod=3600)
        member = it.ids()[0]
        it.asg.set_instance_health(InstanceId=member, HealthStatus="Unhealthy")
        it.jump(1)
        assert it.state(member) == "InService"
        it.asg.set_instance_health(InstanceId=member, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
        it.jump(1)
        assert it.state(member) == "Terminating"
        said = refusal_of(it.asg.set_instance_health, InstanceId=member, HealthStatus="Healthy")
        assert "already being terminated" in said


def test_user_can_take_a_mark_back_while_nothing_is_replaced() -> None:
    with lab() as it:
        it.create(desired=1)
        it.suspend("ReplaceUnhealthy")
        member = it.ids()[0]
        it.asg.set_instance_health(InstanceId=member, HealthStatus="Unhealthy")
        it.asg.set_instance_health(InstanceId=member, HealthStatus="Healthy")
        it.resume("ReplaceUnhealthy")
        it.jump(10)
        assert it.states() == ["InService"]
        assert "Valid instance health states" in refusal_of(
            it.asg.set_instance_health, InstanceId=member, HealthStatus="Fine"
        )


def test_group_that_is_settled_plans_no_events() -> None:
    with lab(status_check_seconds=0) as it:
        it.create(desired=3, HealthCheckType="ELB")
        it.jump(3600)
        assert it.sandbox.world.next_event_at() is None
