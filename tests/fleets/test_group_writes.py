from datetime import timedelta
from typing import Any

import pytest

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import (
    EnterStandby,
    ExitStandby,
    ForgetSavedSettings,
    LaunchInGroup,
    ResumeProcesses,
    SaveSettings,
    SetDeregistrationDelay,
    SetDesiredCapacity,
    SetHealthChecks,
    SuspendProcesses,
    TerminateInGroup,
    UpdateGroup,
)
from awsroll.core.model.observation import Group, Lifecycle
from awsroll.core.model.reasons import Reason
from awsroll.sandbox import ApiError, ConnectionLost
from tests.support.amazon import once
from tests.support.looking import Lab, group, standalone

TERMINATE = "autoscaling:TerminateInstanceInAutoScalingGroup"


def group_of(lab: Lab) -> Group:
    seen = lab.look().group
    assert seen is not None
    return seen


def terminate(*names: str, decrement: bool = False, **changes: tuple[object, ...]) -> TerminateInGroup:
    return TerminateInGroup(
        group="web",
        instance_ids=names,
        decrement=decrement,
        not_registered=changes.get("not_registered", ()),
        reason=Reason.OUTDATED,
    )


# --- launching ------------------------------------------------------------------------------------------------------


def test_launches_in_the_zone_of_the_action_and_returns_the_instances() -> None:
    with group() as lab:
        result = lab.succeed(LaunchInGroup(group="web", launch=lab.launch(count=2), reason=Reason.SURGING))
        (request,) = lab.requests.of("autoscaling:LaunchInstances")
        assert request == {
            "AutoScalingGroupName": "web",
            "ClientToken": lab.launch().token,
            "RequestedCapacity": 2,
            "RetryStrategy": "none",
            "SubnetIds": [lab.built.subnet_ids[0]],
        }
        assert len(result.instance_ids) == 2
        lab.sandbox.jump(5)
        assert {lab.one(name).zone for name in result.instance_ids} == {"us-east-1a"}


def test_launches_by_zone_where_no_subnet_is_named() -> None:
    with group() as lab:
        launch = lab.launch(subnet_id="", zone="us-east-1b")
        lab.succeed(LaunchInGroup(group="web", launch=launch, reason=Reason.SURGING))
        (request,) = lab.requests.of("autoscaling:LaunchInstances")
        assert request["AvailabilityZones"] == ["us-east-1b"]
        assert "SubnetIds" not in request


def test_a_replayed_launch_gives_the_same_instances() -> None:
    with group() as lab:
        action = LaunchInGroup(group="web", launch=lab.launch(count=2), reason=Reason.SURGING)
        assert lab.succeed(action).instance_ids == lab.succeed(action).instance_ids
        assert len(lab.sandbox.ec2.instances()) == 5


def test_a_launch_whose_answer_is_lost_is_not_doubled() -> None:
    with group() as lab:
        lab.sandbox.on_call(once(ConnectionLost(), "autoscaling:LaunchInstances"), "after")
        lab.succeed(LaunchInGroup(group="web", launch=lab.launch(), reason=Reason.SURGING))
        assert len(lab.sandbox.ec2.instances()) == 4


def test_a_lack_of_capacity_is_transient_and_names_the_zone() -> None:
    with group() as lab:
        lab.sandbox.ec2.capacity["us-east-1a"] = 0
        result = lab.do(LaunchInGroup(group="web", launch=lab.launch(), reason=Reason.SURGING))
        assert (result.answer, result.transient) == (Answer.REFUSED, True)
        assert "InsufficientInstanceCapacity" in result.message


def test_part_of_a_launch_is_done_with_the_reason_for_the_rest() -> None:
    with group() as lab:
        lab.sandbox.ec2.capacity["us-east-1a"] = 1
        result = lab.succeed(LaunchInGroup(group="web", launch=lab.launch(count=2), reason=Reason.SURGING))
        assert len(result.instance_ids) == 1
        assert "apacity" in result.message


def test_a_launch_whose_token_may_be_forgotten_is_never_repeated() -> None:
    with group() as lab:
        launch = lab.launch(at=lab.now() - timedelta(hours=7), repeated=True)
        result = lab.do(LaunchInGroup(group="web", launch=launch, reason=Reason.SURGING))
        assert (result.answer, result.code) == (Answer.REFUSED, "NotRepeated")
        assert not lab.requests.of("autoscaling:LaunchInstances")


def test_a_refused_permission_is_no_reason_to_fall_back() -> None:
    with group() as lab:
        lab.sandbox.on_call(once(ApiError("AccessDenied", "no", 403), "autoscaling:LaunchInstances"))
        result = lab.do(LaunchInGroup(group="web", launch=lab.launch(), reason=Reason.SURGING))
        assert (result.answer, result.denied) == (Answer.REFUSED, True)
        assert group_of(lab).can_launch_instances
        assert not lab.warnings


def test_a_group_without_launch_instances_surges_by_desired_capacity() -> None:
    with group() as lab:
        lab.sandbox.on_call(once(ApiError("ValidationError", "not for this group"), "autoscaling:LaunchInstances"))
        result = lab.do(LaunchInGroup(group="web", launch=lab.launch(), reason=Reason.SURGING))
        assert result.answer is Answer.STALE
        assert not group_of(lab).can_launch_instances
        assert len(lab.warnings) == 1


def test_raises_the_desired_capacity() -> None:
    with group() as lab:
        lab.succeed(SetDesiredCapacity(group="web", value=5, expected=3, reason=Reason.SURGING))
        assert group_of(lab).desired == 5
        (request,) = lab.requests.of("autoscaling:SetDesiredCapacity")
        assert request["HonorCooldown"] is False


@pytest.mark.parametrize(("value", "expected"), [(5, 4), (2, 3)], ids=["changed-meanwhile", "down"])
def test_does_not_touch_a_desired_capacity_that_is_not_as_expected(value: int, expected: int) -> None:
    with group() as lab:
        action = SetDesiredCapacity(group="web", value=value, expected=expected, reason=Reason.SURGING)
        assert lab.do(action).answer is Answer.STALE
        assert group_of(lab).desired == 3


# --- terminating ----------------------------------------------------------------------------------------------------


def test_retires_members_in_one_call() -> None:
    with group() as lab:
        names = lab.built.instance_ids[:2]
        assert lab.succeed(terminate(*names)).instance_ids == names
        assert lab.requests.of(TERMINATE) == [
            {"AutoScalingGroupName": "web", "InstanceIds": list(names), "ShouldDecrementDesiredCapacity": False}
        ]
        assert group_of(lab).desired == 3
        assert {lab.one(name).lifecycle for name in names} == {Lifecycle.TERMINATING}


def test_retires_members_and_lowers_the_desired_capacity() -> None:
    with group() as lab:
        lab.succeed(terminate(lab.built.instance_ids[0], decrement=True))
        assert group_of(lab).desired == 2


def test_leaves_out_members_that_are_leaving_already() -> None:
    with group() as lab:
        first, second = lab.built.instance_ids[:2]
        lab.succeed(terminate(first, decrement=True))
        assert lab.succeed(terminate(first, second, decrement=True)).instance_ids == (second,)
        assert group_of(lab).desired == 1


def test_does_nothing_if_none_is_a_member() -> None:
    with group() as lab:
        lab.succeed(terminate(lab.built.instance_ids[0]))
        assert lab.do(terminate(lab.built.instance_ids[0], "i-0fffffffffffffff0")).answer is Answer.STALE
        assert len(lab.requests.of(TERMINATE)) == 1


def test_never_retires_what_may_still_get_requests_on_a_port_of_ours() -> None:
    with group() as lab:
        name, other = lab.built.instance_ids[:2]
        lab.client("elbv2").register_targets(
            TargetGroupArn=lab.built.target_group_arns[0], Targets=[{"Id": name, "Port": 81}]
        )
        assert lab.do(terminate(name, not_registered=(lab.key(81),))).answer is Answer.STALE
        assert lab.succeed(terminate(name, other, not_registered=(lab.key(81),))).instance_ids == (other,)


def test_an_endpoint_that_takes_one_id_a_call_gets_one_id_a_call() -> None:
    with group(launch_instances_available=False) as lab:
        names = lab.built.instance_ids
        assert set(lab.succeed(terminate(*names)).instance_ids) == set(names)
        single = [one for one in lab.requests.of(TERMINATE) if "InstanceId" in one]
        assert [one["InstanceId"] for one in single] == list(names)
        assert len(lab.warnings) == 1


def test_a_lost_answer_is_unanswered_and_not_repeated() -> None:
    with group() as lab:
        lab.sandbox.on_call(once(ConnectionLost(), TERMINATE), "after")
        result = lab.do(terminate(lab.built.instance_ids[0], decrement=True))
        assert result.answer is Answer.UNANSWERED
        assert len(lab.requests.of(TERMINATE)) == 1
        assert group_of(lab).desired == 2


def test_a_throttle_is_repeated() -> None:
    with group() as lab:
        lab.sandbox.on_call(once(ApiError("Throttling", "Rate exceeded"), TERMINATE))
        lab.succeed(terminate(lab.built.instance_ids[0], decrement=True))
        assert group_of(lab).desired == 2


def test_one_bad_member_does_not_keep_the_others() -> None:
    with group() as lab:
        first, second = lab.built.instance_ids[:2]

        failure = ApiError("ValidationError", f"{first} cannot be terminated")

        def refuse(service: str, operation: str, parameters: dict[str, object]) -> None:
            if f"{service}:{operation}" == TERMINATE and first in str(parameters):
                raise failure

        lab.sandbox.on_call(refuse)
        result = lab.succeed(terminate(first, second))
        assert result.instance_ids == (second,)
        assert "cannot be terminated" in result.message


def test_a_refused_permission_is_denied() -> None:
    with group() as lab:
        lab.sandbox.on_call(once(ApiError("AccessDenied", "no", 403), TERMINATE))
        result = lab.do(terminate(*lab.built.instance_ids))
        assert (result.answer, result.denied) == (Answer.REFUSED, True)
        assert len(lab.requests.of(TERMINATE)) == 1


# --- standby --------------------------------------------------------------------------------------------------------


def test_moves_members_to_standby_and_back() -> None:
    with group() as lab:
        names = lab.built.instance_ids[:2]
        lab.succeed(EnterStandby(group="web", instance_ids=names, reason=Reason.OUTDATED))
        assert group_of(lab).desired == 1
        lab.sandbox.jump(120)
        assert {lab.one(name).lifecycle for name in names} == {Lifecycle.STANDBY}
        lab.succeed(ExitStandby(group="web", instance_ids=names, reason=Reason.RELOADED))
        assert group_of(lab).desired == 3


def test_moving_again_what_has_moved_has_no_second_effect() -> None:
    with group() as lab:
        action = EnterStandby(group="web", instance_ids=lab.built.instance_ids[:1], reason=Reason.OUTDATED)
        first, second = lab.succeed(action), lab.succeed(action)
        assert first.instance_ids == second.instance_ids
        assert group_of(lab).desired == 2
        assert len(lab.requests.of("autoscaling:EnterStandby")) == 1


def test_does_not_take_out_of_standby_what_is_no_member() -> None:
    with group() as lab:
        action = ExitStandby(group="web", instance_ids=("i-0fffffffffffffff0",), reason=Reason.RELOADED)
        assert lab.do(action).answer is Answer.STALE


def test_moves_at_most_twenty_at_once() -> None:
    with group(shape={"desired": 21, "max_size": 30}) as lab:
        names = lab.built.instance_ids
        assert set(
            lab.succeed(EnterStandby(group="web", instance_ids=names, reason=Reason.OUTDATED)).instance_ids
        ) == set(names)
        assert [len(one["InstanceIds"]) for one in lab.requests.of("autoscaling:EnterStandby")] == [20, 1]


# --- settings -------------------------------------------------------------------------------------------------------


def test_sets_bounds_and_version() -> None:
    with group(shape={"max_size": 4}) as lab:
        lab.succeed(
            UpdateGroup(group="web", minimum=1, maximum=9, template=lab.template(2), reason=Reason.PINNING_VERSION)
        )
        seen = group_of(lab)
        assert (seen.minimum, seen.maximum, seen.version, seen.template) == (1, 9, "2", lab.template(2))


def test_leaves_other_settings_alone() -> None:
    with group(shape={"max_size": 4}) as lab:
        lab.succeed(UpdateGroup(group="web", maximum=9, reason=Reason.MAKING_ROOM))
        assert lab.requests.of("autoscaling:UpdateAutoScalingGroup") == [{"AutoScalingGroupName": "web", "MaxSize": 9}]


def test_puts_an_alias_back() -> None:
    with group() as lab:
        lab.succeed(UpdateGroup(group="web", template=lab.template(0), version="$Latest", reason=Reason.RESTORING))
        assert group_of(lab).version == "$Latest"


@pytest.mark.parametrize("bound", [{"maximum": 2}, {"minimum": 4}], ids=["maximum", "minimum"])
def test_never_sets_a_bound_that_makes_aws_choose(bound: dict[str, int]) -> None:
    with group() as lab:
        assert lab.do(UpdateGroup(group="web", reason=Reason.RESTORING, **bound)).answer is Answer.STALE
        assert not lab.requests.of("autoscaling:UpdateAutoScalingGroup")


def test_a_mixed_instances_policy_goes_back_whole_with_the_version_alone_changed() -> None:
    with group() as lab:
        named = {"LaunchTemplateId": lab.built.template_id, "Version": "1"}
        overrides = [{"InstanceType": "t3.micro"}, {"InstanceType": "t3a.micro"}]
        policy = {
            "LaunchTemplate": {"LaunchTemplateSpecification": named, "Overrides": overrides},
            "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 100},
        }
        lab.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", MixedInstancesPolicy=policy)
        lab.requests.clear()
        lab.succeed(UpdateGroup(group="web", template=lab.template(2), reason=Reason.PINNING_VERSION))
        (request,) = lab.requests.of("autoscaling:UpdateAutoScalingGroup")
        sent = request["MixedInstancesPolicy"]
        assert sent["LaunchTemplate"]["LaunchTemplateSpecification"] == {**named, "Version": "2"}
        assert sent["LaunchTemplate"]["Overrides"] == overrides
        assert sent["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == 100
        assert "LaunchTemplate" not in request
        assert group_of(lab).template == lab.template(2)


def test_suspends_and_resumes_only_the_processes_of_the_action() -> None:
    with group() as lab:
        lab.client("autoscaling").suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ScheduledActions"])
        names = ("AZRebalance", "ReplaceUnhealthy")
        lab.succeed(SuspendProcesses(group="web", processes=names, reason=Reason.PREPARING))
        assert group_of(lab).suspended == {*names, "ScheduledActions"}
        lab.succeed(ResumeProcesses(group="web", processes=names, reason=Reason.RESTORING))
        assert group_of(lab).suspended == {"ScheduledActions"}


def test_remembers_settings_on_the_group_without_passing_them_on() -> None:
    with group() as lab:
        settings = (("max-size", "4"), ("process:AZRebalance", "running"))
        lab.succeed(SaveSettings(resource="web", settings=settings))
        assert lab.look().saved_settings == {("web", "max-size"), ("web", "process:AZRebalance")}
        (request,) = lab.requests.of("autoscaling:CreateOrUpdateTags")
        assert not any(tag["PropagateAtLaunch"] for tag in request["Tags"])
        lab.succeed(ForgetSavedSettings(resource="web", settings=("max-size", "process:AZRebalance")))
        assert lab.look().saved_settings == frozenset()


def test_sets_and_remembers_the_deregistration_delay_of_a_target_group() -> None:
    with group(spec={"deregistration_delay": 5}) as lab:
        arn = lab.built.target_group_arns[0]
        lab.look()
        lab.succeed(SaveSettings(resource=arn, settings=(("deregistration-delay", "30"),)))
        lab.succeed(SetDeregistrationDelay(target_group=arn, seconds=5, reason=Reason.PREPARING))
        look = lab.look()
        assert look.target_group(arn).deregistration_delay_seconds == 5
        assert look.saved_settings == {(arn, "deregistration-delay")}
        lab.succeed(ForgetSavedSettings(resource=arn, settings=("deregistration-delay",)))
        assert lab.look().saved_settings == frozenset()


@pytest.mark.parametrize("make", [group, standalone], ids=["group", "standalone"])
def test_a_delay_that_someone_has_set_since_the_observation_is_not_overwritten(make: Any) -> None:
    with make() as lab:
        arn = lab.rollout.target_groups[0]
        lab.look()
        lab.sandbox.session().client("elbv2").modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "45"}]
        )
        result = lab.do(SetDeregistrationDelay(target_group=arn, seconds=5, reason=Reason.PREPARING))
        assert result.answer is Answer.STALE
        assert lab.sandbox.elb.target_group(arn).deregistration_delay_seconds == 45
        lab.look()
        lab.succeed(SetDeregistrationDelay(target_group=arn, seconds=5, reason=Reason.PREPARING))
        lab.succeed(SetHealthChecks(target_group=arn, interval_seconds=6, reason=Reason.PREPARING))
