from dataclasses import replace
from typing import Any

import pytest

from awsroll.aws.parse_answers import is_mixed
from awsroll.core.model.actions import LaunchInGroup, TerminateInGroup
from awsroll.core.model.observation import InstanceState, Lifecycle
from awsroll.core.model.reasons import Reason
from tests.support.looking import group


def test_observes_members_with_their_group_and_registrations() -> None:
    with group(shape={"target_groups": 2}) as lab:
        look = lab.look()
        assert [one.instance_id for one in look.instances] == sorted(lab.built.instance_ids)
        for one in look.instances:
            assert (one.state, one.lifecycle) == (InstanceState.RUNNING, Lifecycle.IN_SERVICE)
            assert [target.key for target in one.targets] == sorted((lab.key(80, 0), lab.key(80, 1)))
            assert one.template == lab.template(1)
        assert all(seen.managed for seen in look.target_groups)


def test_observes_the_settings_of_the_group() -> None:
    with group(shape={"min_size": 1, "max_size": 7}) as lab:
        lab.client("autoscaling").suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AZRebalance"])
        seen = lab.look().group
        assert seen is not None
        assert (seen.name, seen.minimum, seen.maximum, seen.desired) == ("web", 1, 7, 3)
        assert (seen.template, seen.version) == (lab.template(1), "1")
        assert seen.suspended == {"AZRebalance"}
        zones = [f"us-east-1{letter}" for letter in "abc"]
        assert seen.zones == tuple(zip(zones, lab.built.subnet_ids, strict=True))
        assert seen.can_launch_instances
        assert not seen.refresh_active


@pytest.mark.parametrize(("version", "number"), [("$Latest", 2), ("$Default", 1)])
def test_resolves_an_alias_and_keeps_it(version: str, number: int) -> None:
    with group() as lab:
        setting = {"LaunchTemplateId": lab.built.template_id, "Version": version}
        lab.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=setting)
        seen = lab.look().group
        assert seen is not None
        assert (seen.version, seen.template) == (version, lab.template(number))


def test_a_member_that_names_an_alias_is_read_from_the_tags_of_ec2() -> None:
    with group(instance_template_version="alias") as lab:
        setting = {"LaunchTemplateId": lab.built.template_id, "Version": "$Latest"}
        lab.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=setting)
        assert {one.template for one in lab.look().instances} == {lab.template(1)}


def test_an_observation_takes_few_calls() -> None:
    with group(shape={"desired": 10}) as lab:
        lab.look()
        before = lab.aws.calls.total
        lab.look()
        assert lab.aws.calls.total - before == 3  # group, target health, instances


def test_two_subnets_in_a_zone_leave_the_choice_to_the_group() -> None:
    with group() as lab:
        ec2 = lab.client("ec2")
        extra = ec2.create_subnet(VpcId=lab.built.vpc_id, CidrBlock="10.0.240.0/20", AvailabilityZone="us-east-1a")[
            "Subnet"
        ]["SubnetId"]
        subnets = ",".join((*lab.built.subnet_ids, extra))
        lab.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=subnets)
        seen = lab.look().group
        assert seen is not None
        assert dict(seen.zones) == {
            "us-east-1a": "",
            "us-east-1b": lab.built.subnet_ids[1],
            "us-east-1c": lab.built.subnet_ids[2],
        }


def test_leaves_out_other_instances_in_the_target_group() -> None:
    with group() as lab:
        stranger = lab.client("ec2").run_instances(
            LaunchTemplate={"LaunchTemplateId": lab.built.template_id},
            SubnetId=lab.built.subnet_ids[0],
            MinCount=1,
            MaxCount=1,
        )["Instances"][0]["InstanceId"]
        lab.sandbox.jump(60)
        lab.client("elbv2").register_targets(
            TargetGroupArn=lab.built.target_group_arns[0], Targets=[{"Id": stranger, "Port": 80}]
        )
        assert lab.look().instance(stranger) is None


def test_observes_former_members_that_the_record_names() -> None:
    with group() as lab:
        name = lab.built.instance_ids[0]
        lab.client("autoscaling").detach_instances(
            AutoScalingGroupName="web", InstanceIds=[name], ShouldDecrementDesiredCapacity=True
        )
        lab.sandbox.jump(120)
        assert lab.look().instance(name) is None
        assert lab.one(name, retiring=(name,)).lifecycle is None


def test_observes_terminations_and_failed_launches_since_the_start() -> None:
    with group() as lab:
        name = lab.built.instance_ids[0]
        lab.sandbox.ec2.capacity |= {f"us-east-1{letter}": 0 for letter in "abc"}
        lab.succeed(
            TerminateInGroup(
                group="web", instance_ids=(name,), decrement=False, not_registered=(), reason=Reason.OUTDATED
            )
        )
        lab.sandbox.jump(120)
        seen = lab.look().group
        assert seen is not None
        assert seen.terminations == {name}
        assert seen.launch_failures
        assert "capacity" in seen.launch_failures[-1].message
        ordered = [one.at for one in seen.launch_failures]
        assert ordered == sorted(ordered)


def test_ignores_failures_from_before_the_rollout() -> None:
    with group() as lab:
        lab.sandbox.ec2.capacity |= {f"us-east-1{letter}": 0 for letter in "abc"}
        lab.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=5)
        lab.sandbox.jump(30)
        lab.sandbox.ec2.capacity.clear()
        lab.sandbox.jump(600)
        lab.status = replace(lab.status, started_at=lab.now())
        seen = lab.look().group
        assert seen is not None
        assert seen.launch_failures == ()


def test_observes_an_active_instance_refresh() -> None:
    with group() as lab:
        lab.client("autoscaling").start_instance_refresh(AutoScalingGroupName="web")
        seen = lab.look().group
        assert seen is not None
        assert seen.refresh_active


def test_observes_the_tags_of_saved_settings() -> None:
    with group() as lab:
        tag = {
            "ResourceId": "web",
            "ResourceType": "auto-scaling-group",
            "Key": "awsroll:was:max-size",
            "Value": "7",
            "PropagateAtLaunch": False,
        }
        lab.client("autoscaling").create_or_update_tags(Tags=[tag])
        assert lab.look().saved_settings == {("web", "max-size")}


def test_a_missing_group_is_gone_with_its_members() -> None:
    with group() as lab:
        lab.rollout = replace(lab.rollout, group="gone")
        observation = lab.look()

        assert observation.gone == {"gone"}
        assert (observation.group, observation.instances) == (None, ())


def test_a_deleted_target_group_is_gone() -> None:
    with group() as lab:
        (arn,) = lab.rollout.target_groups
        missing = arn.replace("targetgroup/", "targetgroup/x")
        lab.rollout = replace(lab.rollout, target_groups=(arn, missing))
        observation = lab.look()

        assert observation.gone == {missing}
        assert [group.arn for group in observation.target_groups] == [arn]
        assert observation.attached == {arn}


def test_missing_newer_calls_are_remembered_and_reported_once() -> None:
    with group(launch_instances_available=False) as lab:
        for number in (1, 2):
            lab.do(LaunchInGroup(group="web", launch=lab.launch(number), reason=Reason.SURGING))
        seen = lab.look().group
        assert seen is not None
        assert not seen.can_launch_instances
        assert len(lab.warnings) == 1
        assert len(lab.requests.of("autoscaling:LaunchInstances")) <= 1


@pytest.mark.parametrize(
    ("spread", "mixed"),
    [
        ({}, False),
        ({"OnDemandPercentageAboveBaseCapacity": 100}, False),
        ({"OnDemandPercentageAboveBaseCapacity": 0, "OnDemandBaseCapacity": 0}, False),
        ({"OnDemandPercentageAboveBaseCapacity": 0, "OnDemandBaseCapacity": 1}, True),
        ({"OnDemandPercentageAboveBaseCapacity": 50}, True),
    ],
    ids=["default", "on-demand", "spot", "on-demand-base", "half"],
)
def test_recognizes_groups_that_mix_purchase_options(spread: dict[str, Any], *, mixed: bool) -> None:
    assert is_mixed({"MixedInstancesPolicy": {"InstancesDistribution": spread}}) is mixed


def test_a_group_without_a_policy_is_not_mixed() -> None:
    assert not is_mixed({})
