"""Registering, deregistering and draining."""

import pytest

from awsroll.sandbox import SandboxOptions
from tests.sandbox.bench import bench, refused


def test_a_deregistered_target_drains_for_the_whole_delay_and_is_gone() -> None:
    with bench(servers=2, deregistration_delay_seconds=60) as it:
        instance_id, other = it.fleet.instance_ids
        it.deregister(instance_id)
        answer = it.elb.describe_target_health(TargetGroupArn=it.group, Targets=[{"Id": instance_id, "Port": 80}])
        assert answer["TargetHealthDescriptions"][0]["TargetHealth"] == {
            "State": "draining",
            "Reason": "Target.DeregistrationInProgress",
            "Description": "Target deregistration is in progress",
        }
        it.jump(59)
        assert it.listed() == {(instance_id, 80): "draining", (other, 80): "healthy"}
        it.jump(1)
        assert it.listed() == {(other, 80): "healthy"}
        assert it.health(instance_id) == ("unused", "Target.NotRegistered")


def test_the_delay_is_read_when_the_target_is_deregistered() -> None:
    with bench(servers=1, deregistration_delay_seconds=60) as it:
        it.deregister(it.fleet.instance_ids[0])
        delay(it.elb, it.group, "5")
        it.jump(59)
        assert it.health(it.fleet.instance_ids[0])[0] == "draining"
        it.jump(1)
        assert it.health(it.fleet.instance_ids[0])[0] == "unused"


def test_a_changed_delay_reaches_draining_targets_if_the_switch_says_so() -> None:
    with bench(SandboxOptions(changed_delay="applied"), servers=1, deregistration_delay_seconds=60) as it:
        it.deregister(it.fleet.instance_ids[0])
        it.jump(10)
        delay(it.elb, it.group, "15")
        it.jump(4)
        assert it.health(it.fleet.instance_ids[0])[0] == "draining"
        it.jump(1)
        assert it.health(it.fleet.instance_ids[0])[0] == "unused"


@pytest.mark.parametrize("value", ["0", "3600"])
def test_the_delay_may_be_anything_up_to_an_hour(value: str) -> None:
    with bench(servers=1) as it:
        delay(it.elb, it.group, value)
        answer = it.elb.describe_target_group_attributes(TargetGroupArn=it.group)["Attributes"]
        assert {each["Key"]: each["Value"] for each in answer}["deregistration_delay.timeout_seconds"] == value
        it.deregister(it.fleet.instance_ids[0])
        it.jump(int(value))
        assert it.listed() == {}


def test_a_delay_beyond_an_hour_is_refused() -> None:
    with bench() as it, refused("ValidationError"):
        delay(it.elb, it.group, "3601")


def test_registering_a_draining_target_returns_it_to_service() -> None:
    with bench(servers=1, deregistration_delay_seconds=60) as it:
        instance_id = it.fleet.instance_ids[0]
        it.deregister(instance_id)
        it.jump(30)
        it.register(instance_id)
        assert it.health(instance_id)[0] == "initial"
        it.jump(100)  # past the end of the drain that was
        assert it.health(instance_id) == ("healthy", None)


def test_deregistering_what_is_not_registered_succeeds_silently() -> None:
    with bench(servers=1) as it:
        stranger = it.running()
        it.deregister(stranger)
        it.deregister(it.fleet.instance_ids[0])
        it.jump(5)
        it.deregister(it.fleet.instance_ids[0])  # does not restart the drain
        it.jump(25)
        assert it.listed() == {}


def test_deregistering_without_the_override_port_has_no_effect() -> None:
    with bench() as it:
        instance_id = it.running()
        it.register(instance_id, 8080)
        it.jump(20)
        it.deregister(instance_id)
        assert it.listed() == {(instance_id, 8080): "healthy"}
        it.deregister(instance_id, 8080)
        assert it.listed() == {(instance_id, 8080): "draining"}


def test_asking_without_the_override_port_answers_for_the_groups_port() -> None:
    with bench() as it:
        instance_id = it.running()
        it.register(instance_id, 8080)
        it.jump(20)
        assert it.health(instance_id) == ("unused", "Target.NotRegistered")
        assert it.health(instance_id, 8080) == ("healthy", None)


def test_one_instance_on_two_ports_is_two_targets() -> None:
    with bench(servers=1, ports=(80, 8080)) as it:
        instance_id = it.fleet.instance_ids[0]
        it.deregister(instance_id, 8080)
        assert it.listed() == {(instance_id, 80): "healthy", (instance_id, 8080): "draining"}


def test_registering_again_changes_nothing() -> None:
    with bench(servers=1) as it:
        it.register(it.fleet.instance_ids[0])
        assert it.listed() == {(it.fleet.instance_ids[0], 80): "healthy"}


@pytest.mark.parametrize("policy", ["all-or-nothing", "partial"])
def test_a_pending_instance_is_refused_and_the_fate_of_the_others_is_a_switch(policy: str) -> None:
    with bench(SandboxOptions(register_targets=policy)) as it:
        good = it.running()
        pending = it.launch()
        with refused("InvalidTarget") as caught:
            it.elb.register_targets(TargetGroupArn=it.group, Targets=[{"Id": pending}, {"Id": good}])
        assert f"not in a running state and cannot be registered: '{pending}'" in str(caught.value)
        assert it.listed() == ({(good, 80): "initial"} if policy == "partial" else {})


def test_unknown_instances_and_those_of_another_network_are_refused() -> None:
    with bench() as it:
        with refused("InvalidTarget"):
            it.register("i-00000000000000000")
        vpc = it.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = it.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        foreign = it.running(SubnetId=subnet)
        with refused("InvalidTarget") as caught:
            it.register(foreign)
        assert "VPC" in str(caught.value)
        assert it.listed() == {}


def test_asking_for_an_instance_that_ec2_does_not_know_is_a_switch() -> None:
    with bench() as it:
        with refused("InvalidTarget"):
            it.health("i-00000000000000000")
        it.sandbox.change_options(unknown_target_health="unused")
        assert it.health("i-00000000000000000") == ("unused", "Target.NotRegistered")


@pytest.mark.parametrize(
    ("policy", "states"), [("drains", {"draining"}), ("leaves-at-once", set())], ids=["drains", "leaves-at-once"]
)
def test_deregistering_from_an_unused_target_group_is_a_switch(policy: str, states: set[str]) -> None:
    with bench(SandboxOptions(deregistered_while_unused=policy), servers=1) as it:
        it.elb.delete_listener(ListenerArn=it.fleet.listener_arns[0])
        it.deregister(it.fleet.instance_ids[0])
        assert set(it.listed().values()) == states


def test_a_full_target_group_takes_no_more() -> None:
    with bench(SandboxOptions(targets_per_group=2), servers=2) as it:
        third = it.running()
        with refused("TooManyTargets"):
            it.register(third)
        assert len(it.listed()) == 2


def test_an_unknown_target_group_is_refused() -> None:
    with bench() as it:
        arn = it.group[:-4] + "0000"
        for call in (it.elb.describe_target_health, it.elb.register_targets, it.elb.deregister_targets):
            arguments = {} if call == it.elb.describe_target_health else {"Targets": [{"Id": "i-00000000000000000"}]}
            with refused("TargetGroupNotFound"):
                call(TargetGroupArn=arn, **arguments)


def test_a_deleted_target_group_takes_its_targets_along() -> None:
    with bench(servers=1) as it:
        it.elb.delete_listener(ListenerArn=it.fleet.listener_arns[0])
        it.elb.delete_target_group(TargetGroupArn=it.group)
        assert it.sandbox.elb.target_groups() == ()
        it.jump(100)


def test_a_drain_outlives_the_end_of_its_instance() -> None:
    with bench(servers=1, deregistration_delay_seconds=300) as it:
        instance_id = it.fleet.instance_ids[0]
        it.deregister(instance_id)
        it.ec2.terminate_instances(InstanceIds=[instance_id])
        it.jump(299)
        assert it.health(instance_id)[0] == "draining"
        it.jump(1)
        assert it.listed() == {}


def test_listeners_hear_each_transition_down_to_gone() -> None:
    with bench(deregistration_delay_seconds=30) as it:
        instance_id = it.running()
        heard: list[str] = []
        it.sandbox.elb.on_change(lambda _, target: heard.append(target.state))
        it.register(instance_id)
        it.jump(20)
        it.deregister(instance_id)
        it.jump(30)
        assert heard == ["initial", "initial", "healthy", "draining", "gone"]


def test_target_groups_of_addresses_stay_plain_moto() -> None:
    with bench() as it:
        arn = it.elb.create_target_group(
            Name="addresses", Protocol="HTTP", Port=80, VpcId=it.fleet.vpc_id, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        it.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}])
        answer = it.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        assert [each["Target"]["Id"] for each in answer] == ["10.0.0.9"]
        it.elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}])


def delay(elb: object, group: str, value: str) -> None:
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": value}
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[attribute])  # type: ignore[attr-defined]


def test_draining_may_outlast_the_delay_if_the_switch_says_so() -> None:
    with bench(SandboxOptions(drain_lag_seconds=5), servers=1, deregistration_delay_seconds=60) as it:
        instance_id = it.fleet.instance_ids[0]
        it.deregister(instance_id)
        it.jump(64)
        assert it.listed() == {(instance_id, 80): "draining"}
        it.jump(1)
        assert it.listed() == {}


def test_a_drained_target_may_stay_listed_as_not_registered_if_the_switch_says_so() -> None:
    with bench(SandboxOptions(drained_listed_seconds=10), servers=1, deregistration_delay_seconds=60) as it:
        instance_id = it.fleet.instance_ids[0]
        it.deregister(instance_id)
        it.jump(60)
        assert it.listed() == {(instance_id, 80): "unused"}
        assert it.health(instance_id) == ("unused", "Target.NotRegistered")
        it.jump(10)
        assert it.listed() == {}


def test_a_drained_target_that_is_still_listed_can_be_registered_again() -> None:
    with bench(SandboxOptions(drained_listed_seconds=10), servers=1, deregistration_delay_seconds=60) as it:
        instance_id = it.fleet.instance_ids[0]
        it.deregister(instance_id)
        it.jump(60)
        it.register(instance_id)
        it.jump(60)
        assert it.listed() == {(instance_id, 80): "healthy"}
