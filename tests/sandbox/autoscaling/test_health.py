"""Health checks: the causes and times of marks, the pace of replacement, and members deregistered by someone else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.autoscaling.lab import DRAIN_SECONDS, NAME, STOP_SECONDS, open_lab, refusal_of

if TYPE_CHECKING:
    from tests.sandbox.autoscaling.lab import Lab

ILL_SECONDS = 60
"""Enough for two failed checks, their timeouts and the group's look at its members."""


def sicken(lab: Lab, *instance_ids: str) -> None:
    lab.ec2.create_tags(Resources=list(instance_ids), Tags=[{"Key": "sandbox:health", "Value": "unhealthy"}])


def unhealthy(lab: Lab) -> int:
    return sum(each["HealthStatus"] == "Unhealthy" for each in lab.members())


def test_member_with_unhealthy_target_is_drained_terminated_and_replaced_under_elb_checks() -> None:
    with open_lab() as lab:
        lab.create(desired=2, HealthCheckType="ELB")
        member = lab.ids()[0]
        sicken(lab, member)
        lab.jump(ILL_SECONDS)
        assert lab.state(member) == "Terminating"
        assert lab.target(member) == "draining"
        assert "ELB system health check failure" in next(
            each["Cause"] for each in lab.activities() if each["Description"].endswith(member)
        )
        lab.jump(DRAIN_SECONDS + STOP_SECONDS + 10)
        assert lab.state(member) is None
        assert lab.states() == ["InService"] * 2


def test_unhealthy_target_is_ignored_under_ec2_checks() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        sicken(lab, lab.ids()[0])
        lab.jump(600)
        assert lab.states() == ["InService"] * 2
        assert unhealthy(lab) == 0


def test_grace_period_delays_the_marking() -> None:
    with open_lab() as lab:
        lab.create(desired=2, HealthCheckType="ELB", HealthCheckGracePeriod=600)
        sicken(lab, lab.ids()[0])
        lab.jump(400)
        assert unhealthy(lab) == 0
        lab.jump(130)
        assert lab.states() == ["InService", "Pending", "Terminating"]


def test_grace_period_passes_faster_at_speed() -> None:
    with open_lab(speed=10) as lab:
        lab.create(desired=2, HealthCheckType="ELB", HealthCheckGracePeriod=600, settle=False)
        lab.jump(10)  # 42 simulated seconds after creation in service, now 100
        sicken(lab, lab.ids()[0])
        lab.jump(54)
        assert unhealthy(lab) == 0
        lab.jump(1)
        assert lab.states() == ["InService", "Pending", "Terminating"]


def test_target_health_counts_only_once_one_member_has_been_healthy() -> None:
    with open_lab() as lab:
        lab.new_version(health="unhealthy")
        lab.create(desired=2, HealthCheckType="ELB", LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "3"})
        lab.jump(600)
        assert {lab.target(each) for each in lab.ids()} == {"unhealthy"}
        assert lab.states() == ["InService"] * 2
        lab.ec2.delete_tags(Resources=lab.ids()[:1], Tags=[{"Key": "sandbox:health"}])
        lab.jump(120)
        assert "Terminating" in lab.states()


def test_stopped_instance_is_unhealthy_at_once_despite_the_grace_period() -> None:
    with open_lab() as lab:
        lab.create(desired=2, HealthCheckGracePeriod=3600)
        member = lab.ids()[0]
        lab.ec2.stop_instances(InstanceIds=[member])
        lab.jump(1)
        assert lab.state(member) == "Terminating"
        cause = next(each["Cause"] for each in lab.activities() if each["Description"].endswith(member))
        assert "EC2 health check indicating it has been terminated or stopped" in cause


@pytest.mark.parametrize(("desired", "at_once"), [(4, 1), (20, 2)], ids=["small-group-one", "ten-percent"])
def test_ten_percent_is_replaced_at_a_time(desired: int, at_once: int) -> None:
    with open_lab() as lab:
        lab.create(desired=desired, MaxSize=30)
        lab.suspend("AZRebalance")
        for each in lab.ids()[:4]:
            lab.asg.set_instance_health(InstanceId=each, HealthStatus="Unhealthy")
        lab.jump(1)
        assert lab.states().count("Terminating") == at_once
        lab.jump(DRAIN_SECONDS)
        assert lab.states().count("Terminating") == at_once
        lab.jump(1000)
        assert unhealthy(lab) == 0
        assert lab.states() == ["InService"] * desired


def deregistered(lab: Lab, **changes: Any) -> str:
    lab.create(desired=2, HealthCheckType="ELB", **changes)
    member = lab.ids()[0]
    lab.elb.deregister_targets(TargetGroupArn=lab.target_group, Targets=[{"Id": member}])
    lab.jump(11)
    return member


def test_member_deregistered_by_hand_is_killed_by_default() -> None:
    with open_lab() as lab:
        member = deregistered(lab)
        assert lab.state(member) == "Terminating"


def test_member_deregistered_by_hand_is_ignored_by_switch() -> None:
    with open_lab(member_deregistered_by_hand="ignored") as lab:
        member = deregistered(lab)
        lab.jump(600)
        assert (lab.state(member), lab.target(member)) == ("InService", None)


def test_member_deregistered_by_hand_is_registered_again_by_switch() -> None:
    with open_lab(member_deregistered_by_hand="reregistered") as lab:
        member = deregistered(lab)
        lab.jump(60)
        assert (lab.state(member), lab.target(member)) == ("InService", "healthy")


def test_member_deregistered_by_hand_is_left_alone_while_health_checks_are_suspended() -> None:
    with open_lab() as lab:
        lab.create(desired=2, HealthCheckType="ELB")
        lab.suspend("HealthCheck")
        member = lab.ids()[0]
        lab.elb.deregister_targets(TargetGroupArn=lab.target_group, Targets=[{"Id": member}])
        lab.jump(600)
        assert lab.state(member) == "InService"


def test_health_set_by_a_user_respects_the_grace_period_by_default() -> None:
    with open_lab() as lab:
        lab.create(desired=2, HealthCheckGracePeriod=3600)
        member = lab.ids()[0]
        lab.asg.set_instance_health(InstanceId=member, HealthStatus="Unhealthy")
        lab.jump(1)
        assert lab.state(member) == "InService"
        lab.asg.set_instance_health(InstanceId=member, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
        lab.jump(1)
        assert lab.state(member) == "Terminating"
        refusal = refusal_of(lab.asg.set_instance_health, InstanceId=member, HealthStatus="Healthy")
        assert "already being terminated" in refusal


def test_user_can_reset_the_health_before_the_replacement() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.suspend("ReplaceUnhealthy")
        member = lab.ids()[0]
        lab.asg.set_instance_health(InstanceId=member, HealthStatus="Unhealthy")
        lab.asg.set_instance_health(InstanceId=member, HealthStatus="Healthy")
        lab.resume("ReplaceUnhealthy")
        lab.jump(10)
        assert lab.states() == ["InService"]
        assert "Valid instance health states" in refusal_of(
            lab.asg.set_instance_health, InstanceId=member, HealthStatus="Fine"
        )


def test_settled_group_plans_no_events() -> None:
    with open_lab(status_check_seconds=0) as lab:
        lab.create(desired=3, HealthCheckType="ELB")
        lab.jump(3600)
        assert lab.sandbox.world.next_event_at() is None


def impair(lab: Lab, instance_id: str, status: str = "impaired") -> None:
    lab.ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "sandbox:status", "Value": status}])


def test_impaired_volumes_count_only_with_the_check_type_ebs() -> None:
    with open_lab(impaired_seconds=0, status_check_seconds=0) as lab:
        lab.create(desired=1)
        member = lab.ids()[0]
        impair(lab, member, "volumes-impaired")
        lab.jump(60)
        assert lab.state(member) == "InService"
        lab.asg.update_auto_scaling_group(AutoScalingGroupName=NAME, HealthCheckType="EC2,EBS")
        lab.jump(60)
        assert lab.state(member) in {"Terminating", None}


def test_impaired_status_checks_that_last_mark_the_member_and_it_is_replaced() -> None:
    with open_lab(impaired_seconds=120) as lab:
        lab.create(desired=2)
        member = lab.ids()[0]
        impair(lab, member)
        lab.jump(130)  # the first checks of the new instance are over, the group still waits
        assert unhealthy(lab) == 0
        lab.jump(120)
        assert lab.state(member) in {"Terminating", None}
        assert "status checks failure" in next(
            each["Cause"] for each in lab.activities() if each["Description"].endswith(member)
        )


def test_impaired_status_checks_that_recover_in_time_mark_no_member() -> None:
    with open_lab(impaired_seconds=120) as lab:
        lab.create(desired=2)
        impair(lab, lab.ids()[0])
        lab.jump(60)
        impair(lab, lab.ids()[0], "ok")
        lab.jump(600)
        assert lab.states() == ["InService"] * 2
        assert unhealthy(lab) == 0


def test_impaired_status_checks_are_ignored_in_the_grace_period() -> None:
    with open_lab(impaired_seconds=0) as lab:
        lab.create(desired=2, HealthCheckGracePeriod=900)
        impair(lab, lab.ids()[0])
        lab.jump(600)
        assert unhealthy(lab) == 0
        lab.jump(300)
        assert lab.states() != ["InService"] * 2


def test_mark_never_recovers_by_itself_and_only_set_instance_health_clears_it() -> None:
    with open_lab() as lab:
        lab.create(desired=2, HealthCheckType="ELB")
        lab.call("suspend_processes", ScalingProcesses=["ReplaceUnhealthy"])
        ill, cleared = lab.ids()
        sicken(lab, ill, cleared)
        lab.jump(ILL_SECONDS)
        assert unhealthy(lab) == 2
        healthy = [{"Key": "sandbox:health", "Value": "healthy"}]
        lab.ec2.create_tags(Resources=[ill, cleared], Tags=healthy)
        lab.jump(600)
        assert [lab.target(each) for each in (ill, cleared)] == ["healthy", "healthy"]
        assert unhealthy(lab) == 2
        lab.asg.set_instance_health(InstanceId=cleared, HealthStatus="Healthy")
        assert unhealthy(lab) == 1
        lab.call("resume_processes", ScalingProcesses=["ReplaceUnhealthy"])
        lab.jump(20)
        assert (lab.state(ill), lab.state(cleared)) == ("Terminating", "InService")
