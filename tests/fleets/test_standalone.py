from dataclasses import replace
from datetime import timedelta

import pytest

from awsroll.core.model.action_results import PUT_OFF, Answer
from awsroll.core.model.actions import (
    DeregisterTargets,
    LaunchInstance,
    RegisterTargets,
    SetDesiredCapacity,
    TagInstances,
    TerminateInstance,
)
from awsroll.core.model.observation import InstanceState, TargetState
from awsroll.core.model.reasons import Reason
from awsroll.sandbox import ApiError, ConnectionLost
from tests.support.amazon import once
from tests.support.looking import ROLLOUT, Lab, standalone

TAGS = (("Name", "web"), ("awsroll:rollout", ROLLOUT))


def terminate(lab: Lab, name: str, **changes: object) -> TerminateInstance:
    made = TerminateInstance(
        instance_id=name, not_registered=(lab.key(),), template=lab.template(1), reason=Reason.DRAINED
    )
    return replace(made, **changes)


def drain(lab: Lab, name: str) -> None:
    lab.succeed(DeregisterTargets(instance_id=name, targets=(lab.key(),), reason=Reason.OUTDATED))
    lab.sandbox.jump(60)


# --- observing ------------------------------------------------------------------------------------------------------


def test_sees_instances_with_every_registration() -> None:
    with standalone(shape={"ports": (80, 81), "target_groups": 2}) as lab:
        look = lab.look()
        assert [one.instance_id for one in look.instances] == sorted(lab.built.instance_ids)
        for one in look.instances:
            assert [target.key for target in one.targets] == sorted(
                lab.key(port, number) for port in (80, 81) for number in (0, 1)
            )
            assert {target.state for target in one.targets} == {TargetState.HEALTHY}
            assert one.template == lab.template(1)
            assert dict(one.tags)["Name"].startswith("web-")
        assert look.at == lab.now()
        assert [group.arn for group in look.target_groups] == list(lab.rollout.target_groups)
        assert not any(group.managed for group in look.target_groups)
        assert look.group is None


def test_an_observation_takes_few_calls_and_later_ones_fewer() -> None:
    with standalone(shape={"servers": 12}) as lab:
        lab.look()
        before = lab.aws.calls.total
        lab.look()
        assert lab.aws.calls.total - before == 2  # target health, instances by id


def test_sees_instances_that_only_the_record_names() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        drain(lab, name)
        seen = lab.one(name)
        assert (seen.state, seen.targets) == (InstanceState.RUNNING, ())


def test_an_id_that_ec2_does_not_know_is_missing() -> None:
    with standalone() as lab:
        assert lab.one("i-0fffffffffffffff0", retiring=("i-0fffffffffffffff0",)).state is InstanceState.MISSING


def test_sees_what_this_rollout_has_launched_by_its_tag() -> None:
    with standalone() as lab:
        result = lab.succeed(LaunchInstance(launch=lab.launch(tags=TAGS), reason=Reason.SURGING))
        lab.sandbox.jump(5)
        seen = lab.one(result.instance_ids[0])
        assert (seen.rollout, seen.client_token) == (ROLLOUT, lab.launch().token)
        assert seen.state is InstanceState.PENDING


def test_reads_a_changed_deregistration_delay_within_five_minutes() -> None:
    with standalone() as lab:
        assert lab.look().target_groups[0].deregistration_delay_seconds == 30
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "99"}]
        lab.client("elbv2").modify_target_group_attributes(
            TargetGroupArn=lab.built.target_group_arns[0], Attributes=attributes
        )
        lab.sandbox.jump(301)
        assert lab.look().target_groups[0].deregistration_delay_seconds == 99


def test_protection_is_observed_until_someone_removes_it() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        lab.rollout = replace(lab.rollout, termination_protected=(name,))
        ec2 = lab.client("ec2")
        ec2.modify_instance_attribute(InstanceId=name, DisableApiTermination={"Value": True})
        assert [one.instance_id for one in lab.look().instances if one.protected] == [name]
        ec2.modify_instance_attribute(InstanceId=name, DisableApiTermination={"Value": False})
        lab.sandbox.jump(61)
        assert not lab.one(name).protected


# --- launching ------------------------------------------------------------------------------------------------------


def test_launches_exactly_the_recorded_launch() -> None:
    with standalone() as lab:
        lab.succeed(LaunchInstance(launch=lab.launch(tags=TAGS), reason=Reason.SURGING))
        (request,) = lab.requests.of("ec2:RunInstances")
        assert request["LaunchTemplate"] == {"LaunchTemplateId": lab.built.template_id, "Version": "2"}
        assert request["SubnetId"] == lab.built.subnet_ids[0]
        assert request["ClientToken"] == f"awsroll-{ROLLOUT}-1"
        assert (request["MinCount"], request["MaxCount"]) == (1, 1)
        (specification,) = request["TagSpecifications"]
        assert specification["ResourceType"] == "instance"
        assert {tag["Key"]: tag["Value"] for tag in specification["Tags"]} == dict(TAGS)


def test_a_replayed_launch_gives_the_same_instance() -> None:
    with standalone() as lab:
        action = LaunchInstance(launch=lab.launch(), reason=Reason.SURGING)
        first, second = lab.succeed(action), lab.succeed(action)
        assert first.instance_ids == second.instance_ids
        assert len(lab.sandbox.ec2.instances()) == 3


def test_a_launch_whose_answer_is_lost_is_not_doubled() -> None:
    with standalone() as lab:
        lab.sandbox.on_call(once(ConnectionLost(), "ec2:RunInstances"), "after")
        result = lab.succeed(LaunchInstance(launch=lab.launch(), reason=Reason.SURGING))
        assert len(result.instance_ids) == 1
        assert len(lab.sandbox.ec2.instances()) == 3


def test_the_token_of_an_instance_that_ended_is_refused() -> None:
    with standalone() as lab:
        action = LaunchInstance(launch=lab.launch(), reason=Reason.SURGING)
        name = lab.succeed(action).instance_ids[0]
        lab.sandbox.jump(60)
        lab.client("ec2").terminate_instances(InstanceIds=[name])
        lab.sandbox.jump(60)
        result = lab.do(action)
        assert (result.answer, result.code) == (Answer.REFUSED, "IdempotentInstanceTerminated")
        assert not result.transient


def test_lack_of_capacity_may_pass() -> None:
    with standalone() as lab:
        lab.sandbox.ec2.capacity["us-east-1a"] = 0
        result = lab.do(LaunchInstance(launch=lab.launch(), reason=Reason.SURGING))
        assert (result.answer, result.code) == (Answer.REFUSED, "InsufficientInstanceCapacity")
        assert result.transient
        assert not result.denied


def test_an_old_launch_is_searched_for_and_never_repeated() -> None:
    with standalone() as lab:
        action = LaunchInstance(launch=lab.launch(tags=TAGS), reason=Reason.SURGING)
        name = lab.succeed(action).instance_ids[0]
        lab.sandbox.jump(13 * 3600)
        assert lab.succeed(action).instance_ids == (name,)
        unknown = LaunchInstance(launch=lab.launch(2, at=lab.now() - timedelta(hours=13)), reason=Reason.SURGING)
        result = lab.do(unknown)
        assert (result.answer, result.code) == (Answer.REFUSED, "LaunchTooOld")
        assert len(lab.requests.of("ec2:RunInstances")) == 1


def test_the_subnet_goes_into_the_network_interface_if_the_template_has_one() -> None:
    with standalone() as lab:
        data = {"ImageId": "ami-1", "NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": True}]}
        lab.client("ec2").create_launch_template_version(
            LaunchTemplateId=lab.built.template_id, LaunchTemplateData=data
        )
        launch = lab.launch(template=lab.template(3))
        lab.do(LaunchInstance(launch=launch, reason=Reason.SURGING))
        (request,) = lab.requests.of("ec2:RunInstances")
        assert "SubnetId" not in request
        (interface,) = request["NetworkInterfaces"]
        assert interface["SubnetId"] == lab.built.subnet_ids[0]
        assert interface["AssociatePublicIpAddress"] is True


@pytest.mark.parametrize(
    "second",
    [{"DeviceIndex": 1}, {"DeviceIndex": 0, "NetworkCardIndex": 1}],
    ids=["second device", "second network card"],
)
def test_a_second_network_interface_keeps_the_subnet_of_the_template(second: dict[str, int]) -> None:
    with standalone() as lab:
        ec2 = lab.client("ec2")
        made = ec2.create_subnet(VpcId=lab.built.vpc_id, CidrBlock="10.0.240.0/24", AvailabilityZone="us-east-1a")
        management = made["Subnet"]["SubnetId"]
        interfaces = [
            {"DeviceIndex": 0, "SubnetId": management},
            {**second, "SubnetId": management},
            {"DeviceIndex": 2},
        ]
        data = {"ImageId": "ami-1", "NetworkInterfaces": interfaces}
        ec2.create_launch_template_version(LaunchTemplateId=lab.built.template_id, LaunchTemplateData=data)
        lab.do(LaunchInstance(launch=lab.launch(template=lab.template(3)), reason=Reason.SURGING))
        (request,) = lab.requests.of("ec2:RunInstances")
        chosen = lab.built.subnet_ids[0]
        assert [one["SubnetId"] for one in request["NetworkInterfaces"]] == [chosen, management, chosen]


# --- registering and draining ---------------------------------------------------------------------------------------


def test_registers_on_every_port_of_every_target_group() -> None:
    with standalone(shape={"ports": (80, 81), "target_groups": 2}) as lab:
        name = lab.succeed(LaunchInstance(launch=lab.launch(tags=TAGS), reason=Reason.SURGING)).instance_ids[0]
        lab.sandbox.jump(60)
        keys = tuple(lab.key(port, number) for port in (80, 81) for number in (0, 1))
        lab.succeed(RegisterTargets(instance_id=name, targets=keys, reason=Reason.NEW_INSTANCE_RUNNING))
        assert [target.key for target in lab.one(name).targets] == sorted(keys)


def test_does_not_register_what_does_not_run() -> None:
    with standalone() as lab:
        name = lab.succeed(LaunchInstance(launch=lab.launch(), reason=Reason.SURGING)).instance_ids[0]
        action = RegisterTargets(instance_id=name, targets=(lab.key(),), reason=Reason.NEW_INSTANCE_RUNNING)
        assert lab.do(action).answer is Answer.STALE
        assert not lab.requests.of("elbv2:RegisterTargets")


def test_a_fresh_instance_that_load_balancing_does_not_know_yet_may_come_to_be_known() -> None:
    with standalone() as lab:
        name = lab.succeed(LaunchInstance(launch=lab.launch(), reason=Reason.SURGING)).instance_ids[0]
        lab.sandbox.jump(60)
        lab.sandbox.on_call(once(ApiError("InvalidTarget", "it does not run"), "elbv2:RegisterTargets"))
        action = RegisterTargets(instance_id=name, targets=(lab.key(),), reason=Reason.NEW_INSTANCE_RUNNING)
        result = lab.do(action)
        assert (result.answer, result.code, result.transient) == (Answer.REFUSED, "InvalidTarget", True)
        assert lab.do(action).answer is Answer.DONE


def test_deregisters_only_the_ports_of_the_action() -> None:
    with standalone(shape={"ports": (80, 81)}) as lab:
        name = lab.built.instance_ids[0]
        lab.succeed(DeregisterTargets(instance_id=name, targets=(lab.key(81),), reason=Reason.OUTDATED))
        states = {target.key.port: target.state for target in lab.one(name).targets}
        assert states == {80: TargetState.HEALTHY, 81: TargetState.DRAINING}


def test_deregistering_twice_is_harmless() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        drain(lab, name)
        lab.succeed(DeregisterTargets(instance_id=name, targets=(lab.key(),), reason=Reason.OUTDATED))


def test_tags_instances() -> None:
    with standalone() as lab:
        names = lab.built.instance_ids
        tags = (("awsroll:rollout", ROLLOUT), ("awsroll:role", "retiring"))
        lab.succeed(TagInstances(instance_ids=names, tags=tags, reason=Reason.PREPARING))
        assert {(one.rollout, one.role) for one in lab.look().instances} == {(ROLLOUT, "retiring")}


def test_tags_the_remaining_instances_if_one_no_longer_exists() -> None:
    with standalone() as lab:
        names = (lab.built.instance_ids[0], "i-0fffffffffffffff0")
        tags = (("awsroll:role", "retiring"),)
        result = lab.succeed(TagInstances(instance_ids=names, tags=tags, reason=Reason.PREPARING))
        assert result.instance_ids == names[:1]
        assert lab.one(names[0]).role == "retiring"


# --- terminating ----------------------------------------------------------------------------------------------------


def test_terminates_what_is_drained_one_id_a_call() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        drain(lab, name)
        lab.succeed(terminate(lab, name))
        assert lab.requests.of("ec2:TerminateInstances") == [{"InstanceIds": [name]}]
        assert lab.one(name).state is InstanceState.SHUTTING_DOWN


@pytest.mark.parametrize("seconds", [0, 20], ids=["just-deregistered", "draining"])
def test_never_terminates_what_may_still_get_requests(seconds: float) -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        lab.succeed(DeregisterTargets(instance_id=name, targets=(lab.key(),), reason=Reason.OUTDATED))
        lab.sandbox.jump(seconds)
        result = lab.do(terminate(lab, name))
        assert result.answer is Answer.STALE
        assert "draining" in result.message
        assert not lab.requests.of("ec2:TerminateInstances")


def test_never_terminates_what_is_registered_on_one_of_two_ports() -> None:
    with standalone(shape={"ports": (80, 81)}) as lab:
        name = lab.built.instance_ids[0]
        drain(lab, name)
        assert lab.do(terminate(lab, name, not_registered=(lab.key(80), lab.key(81)))).answer is Answer.STALE
        assert not lab.requests.of("ec2:TerminateInstances")


def test_unused_for_another_reason_is_not_drained() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        lab.client("elbv2").delete_listener(ListenerArn=lab.built.listener_arns[0])
        assert lab.one(name).targets[0].state is TargetState.UNUSED
        assert lab.do(terminate(lab, name)).answer is Answer.STALE


def test_does_not_terminate_what_comes_from_another_template_version() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        drain(lab, name)
        assert lab.do(terminate(lab, name, template=lab.template(2))).answer is Answer.STALE
        assert not lab.requests.of("ec2:TerminateInstances")


def test_what_has_ended_already_is_done() -> None:
    with standalone() as lab:
        lab.succeed(terminate(lab, "i-0fffffffffffffff0"))
        assert not lab.requests.of("ec2:TerminateInstances")


def test_termination_protection_is_a_refusal() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        lab.client("ec2").modify_instance_attribute(InstanceId=name, DisableApiTermination={"Value": True})
        drain(lab, name)
        result = lab.do(terminate(lab, name))
        assert (result.answer, result.code) == (Answer.REFUSED, "OperationNotPermitted")
        assert lab.one(name).state is InstanceState.RUNNING


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_refused_permission_stops_the_rest_of_the_plan() -> None:
    with standalone() as lab:
        lab.sandbox.on_call(once(ApiError("UnauthorizedOperation", "no"), "ec2:RunInstances"))
        launches = [LaunchInstance(launch=lab.launch(number), reason=Reason.SURGING) for number in (1, 2)]
        first, second = lab.fleet.execute(lab.rollout, launches)
        assert (first.answer, first.denied) == (Answer.REFUSED, True)
        assert second.answer is Answer.STALE
        assert len(lab.sandbox.ec2.instances()) == 2


def test_a_dead_endpoint_is_no_answer_and_stops_the_rest_of_the_plan() -> None:
    with standalone() as lab:

        def cut(service: str, operation: str, _: object) -> None:
            if operation == "RunInstances":
                raise ConnectionLost

        lab.sandbox.on_call(cut)
        launches = [LaunchInstance(launch=lab.launch(number), reason=Reason.SURGING) for number in (1, 2)]
        first, second = lab.fleet.execute(lab.rollout, launches)
        assert (first.answer, second.answer) == (Answer.UNANSWERED, Answer.STALE)


def test_an_action_of_the_other_kind_of_fleet_is_refused() -> None:
    with standalone() as lab:
        result = lab.do(SetDesiredCapacity(group="web", value=3, expected=2, reason=Reason.SURGING))
        assert (result.answer, result.code) == (Answer.REFUSED, "WrongKindOfFleet")


# --- acting ---------------------------------------------------------------------------------------------------------


def test_what_a_step_has_no_time_for_is_left_to_the_next_one() -> None:
    with standalone() as lab:
        launches = [LaunchInstance(launch=lab.launch(number), reason=Reason.SURGING) for number in (1, 2, 3)]
        lab.sandbox.on_call(lambda _, operation, __: lab.sandbox.jump(6 * (operation == "RunInstances")), "after")

        results = lab.fleet.execute(lab.rollout, launches)

        assert [(one.answer, one.code) for one in results] == [
            (Answer.DONE, ""),
            (Answer.DONE, ""),
            (Answer.STALE, PUT_OFF),
        ]
