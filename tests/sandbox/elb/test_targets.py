"""Target registration, deregistration and draining."""

from typing import Any

import pytest

from awsroll.sandbox import SandboxOptions
from tests.sandbox.bench import open_bench, refused


def test_a_deregistered_target_drains_for_the_whole_delay_and_is_gone() -> None:
    with open_bench(servers=2, deregistration_delay_seconds=60) as bench:
        instance_id, other = bench.fleet.instance_ids
        bench.deregister(instance_id)
        answer = bench.elb.describe_target_health(TargetGroupArn=bench.group, Targets=[{"Id": instance_id, "Port": 80}])
        assert answer["TargetHealthDescriptions"][0]["TargetHealth"] == {
            "State": "draining",
            "Reason": "Target.DeregistrationInProgress",
            "Description": "Target deregistration is in progress",
        }
        bench.jump(59)
        assert bench.listed() == {(instance_id, 80): "draining", (other, 80): "healthy"}
        bench.jump(1)
        assert bench.listed() == {(other, 80): "healthy"}
        assert bench.health(instance_id) == ("unused", "Target.NotRegistered")


def test_the_delay_is_read_when_the_target_is_deregistered() -> None:
    with open_bench(servers=1, deregistration_delay_seconds=60) as bench:
        bench.deregister(bench.fleet.instance_ids[0])
        delay(bench.elb, bench.group, "5")
        bench.jump(59)
        assert bench.health(bench.fleet.instance_ids[0])[0] == "draining"
        bench.jump(1)
        assert bench.health(bench.fleet.instance_ids[0])[0] == "unused"


def test_a_changed_delay_reaches_draining_targets_by_switch() -> None:
    with open_bench(SandboxOptions(changed_delay="applied"), servers=1, deregistration_delay_seconds=60) as bench:
        bench.deregister(bench.fleet.instance_ids[0])
        bench.jump(10)
        delay(bench.elb, bench.group, "15")
        bench.jump(4)
        assert bench.health(bench.fleet.instance_ids[0])[0] == "draining"
        bench.jump(1)
        assert bench.health(bench.fleet.instance_ids[0])[0] == "unused"


@pytest.mark.parametrize("value", ["0", "3600"])
def test_the_delay_may_be_anything_up_to_an_hour(value: str) -> None:
    with open_bench(servers=1) as bench:
        delay(bench.elb, bench.group, value)
        answer = bench.elb.describe_target_group_attributes(TargetGroupArn=bench.group)["Attributes"]
        assert {each["Key"]: each["Value"] for each in answer}["deregistration_delay.timeout_seconds"] == value
        bench.deregister(bench.fleet.instance_ids[0])
        bench.jump(int(value))
        assert bench.listed() == {}


def test_a_delay_beyond_an_hour_is_refused() -> None:
    with open_bench() as bench, refused("ValidationError"):
        delay(bench.elb, bench.group, "3601")


def test_registering_a_draining_target_returns_it_to_service() -> None:
    with open_bench(servers=1, deregistration_delay_seconds=60) as bench:
        instance_id = bench.fleet.instance_ids[0]
        bench.deregister(instance_id)
        bench.jump(30)
        bench.register(instance_id)
        assert bench.health(instance_id)[0] == "initial"
        bench.jump(100)  # past the end of the previous drain
        assert bench.health(instance_id) == ("healthy", None)


def test_deregistering_what_is_not_registered_succeeds_silently() -> None:
    with open_bench(servers=1) as bench:
        stranger = bench.running()
        bench.deregister(stranger)
        bench.deregister(bench.fleet.instance_ids[0])
        bench.jump(5)
        bench.deregister(bench.fleet.instance_ids[0])  # does not restart the drain
        bench.jump(25)
        assert bench.listed() == {}


def test_deregistering_without_the_override_port_has_no_effect() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        bench.register(instance_id, 8080)
        bench.jump(20)
        bench.deregister(instance_id)
        assert bench.listed() == {(instance_id, 8080): "healthy"}
        bench.deregister(instance_id, 8080)
        assert bench.listed() == {(instance_id, 8080): "draining"}


def test_asking_without_the_override_port_answers_for_the_groups_port() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        bench.register(instance_id, 8080)
        bench.jump(20)
        assert bench.health(instance_id) == ("unused", "Target.NotRegistered")
        assert bench.health(instance_id, 8080) == ("healthy", None)


def test_one_instance_on_two_ports_is_two_targets() -> None:
    with open_bench(servers=1, ports=(80, 8080)) as bench:
        instance_id = bench.fleet.instance_ids[0]
        bench.deregister(instance_id, 8080)
        assert bench.listed() == {(instance_id, 80): "healthy", (instance_id, 8080): "draining"}


def test_registering_again_changes_nothing() -> None:
    with open_bench(servers=1) as bench:
        bench.register(bench.fleet.instance_ids[0])
        assert bench.listed() == {(bench.fleet.instance_ids[0], 80): "healthy"}


@pytest.mark.parametrize("policy", ["all-or-nothing", "partial"])
def test_a_pending_instance_is_refused_and_the_others_follow_a_switch(policy: str) -> None:
    with open_bench(SandboxOptions(register_targets=policy)) as bench:
        good = bench.running()
        pending = bench.launch()
        with refused("InvalidTarget") as caught:
            bench.elb.register_targets(TargetGroupArn=bench.group, Targets=[{"Id": pending}, {"Id": good}])
        assert f"not in a running state and cannot be registered: '{pending}'" in str(caught.value)
        assert bench.listed() == ({(good, 80): "initial"} if policy == "partial" else {})


def test_unknown_instances_and_those_of_another_network_are_refused() -> None:
    with open_bench() as bench:
        with refused("InvalidTarget"):
            bench.register("i-00000000000000000")
        vpc = bench.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = bench.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        foreign = bench.running(SubnetId=subnet)
        with refused("InvalidTarget") as caught:
            bench.register(foreign)
        assert "VPC" in str(caught.value)
        assert bench.listed() == {}


def test_asking_for_an_instance_that_ec2_does_not_know_is_a_switch() -> None:
    with open_bench() as bench:
        with refused("InvalidTarget"):
            bench.health("i-00000000000000000")
        bench.sandbox.change_options(unknown_target_health="unused")
        assert bench.health("i-00000000000000000") == ("unused", "Target.NotRegistered")


@pytest.mark.parametrize(
    ("policy", "states"), [("drains", {"draining"}), ("leaves-at-once", set())], ids=["drains", "leaves-at-once"]
)
def test_deregistering_from_an_unused_target_group_is_a_switch(policy: str, states: set[str]) -> None:
    with open_bench(SandboxOptions(deregistered_while_unused=policy), servers=1) as bench:
        bench.elb.delete_listener(ListenerArn=bench.fleet.listener_arns[0])
        bench.deregister(bench.fleet.instance_ids[0])
        assert set(bench.listed().values()) == states


def test_a_full_target_group_refuses_targets() -> None:
    with open_bench(SandboxOptions(targets_per_group=2), servers=2) as bench:
        third = bench.running()
        with refused("TooManyTargets"):
            bench.register(third)
        assert len(bench.listed()) == 2


def test_an_unknown_target_group_is_refused() -> None:
    with open_bench() as bench:
        arn = bench.group[:-4] + "0000"
        for call in (bench.elb.describe_target_health, bench.elb.register_targets, bench.elb.deregister_targets):
            arguments = {} if call == bench.elb.describe_target_health else {"Targets": [{"Id": "i-00000000000000000"}]}
            with refused("TargetGroupNotFound"):
                call(TargetGroupArn=arn, **arguments)


def test_a_deleted_target_group_loses_its_targets() -> None:
    with open_bench(servers=1) as bench:
        bench.elb.delete_listener(ListenerArn=bench.fleet.listener_arns[0])
        bench.elb.delete_target_group(TargetGroupArn=bench.group)
        assert bench.sandbox.elb.target_groups() == ()
        bench.jump(100)


def test_a_drain_outlives_the_end_of_its_instance() -> None:
    with open_bench(servers=1, deregistration_delay_seconds=300) as bench:
        instance_id = bench.fleet.instance_ids[0]
        bench.deregister(instance_id)
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        bench.jump(299)
        assert bench.health(instance_id)[0] == "draining"
        bench.jump(1)
        assert bench.listed() == {}


def test_listeners_hear_each_transition_down_to_gone() -> None:
    with open_bench(deregistration_delay_seconds=30) as bench:
        instance_id = bench.running()
        heard: list[str] = []
        bench.sandbox.elb.on_change(lambda _, target: heard.append(target.state))
        bench.register(instance_id)
        bench.jump(20)
        bench.deregister(instance_id)
        bench.jump(30)
        assert heard == ["initial", "initial", "healthy", "draining", "gone"]


def test_target_groups_of_addresses_stay_plain_moto() -> None:
    with open_bench() as bench:
        arn = bench.elb.create_target_group(
            Name="addresses", Protocol="HTTP", Port=80, VpcId=bench.fleet.vpc_id, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        bench.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}])
        answer = bench.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        assert [each["Target"]["Id"] for each in answer] == ["10.0.0.9"]
        bench.elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}])


def delay(elb: object, group: str, value: str) -> None:
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": value}
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[attribute])  # type: ignore[attr-defined]


def test_draining_may_outlast_the_delay_by_switch() -> None:
    with open_bench(SandboxOptions(drain_lag_seconds=5), servers=1, deregistration_delay_seconds=60) as bench:
        instance_id = bench.fleet.instance_ids[0]
        bench.deregister(instance_id)
        bench.jump(64)
        assert bench.listed() == {(instance_id, 80): "draining"}
        bench.jump(1)
        assert bench.listed() == {}


def test_a_drained_target_may_stay_listed_as_not_registered_by_switch() -> None:
    with open_bench(SandboxOptions(drained_listed_seconds=10), servers=1, deregistration_delay_seconds=60) as bench:
        instance_id = bench.fleet.instance_ids[0]
        bench.deregister(instance_id)
        bench.jump(60)
        assert bench.listed() == {(instance_id, 80): "unused"}
        assert bench.health(instance_id) == ("unused", "Target.NotRegistered")
        bench.jump(10)
        assert bench.listed() == {}


def test_a_drained_target_that_is_still_listed_can_be_registered_again() -> None:
    with open_bench(SandboxOptions(drained_listed_seconds=10), servers=1, deregistration_delay_seconds=60) as bench:
        instance_id = bench.fleet.instance_ids[0]
        bench.deregister(instance_id)
        bench.jump(60)
        bench.register(instance_id)
        bench.jump(60)
        assert bench.listed() == {(instance_id, 80): "healthy"}


def test_a_zonal_shift_shows_an_override_and_keeps_the_health() -> None:
    with open_bench(servers=2, zones=2) as bench:
        first = bench.sandbox.world.ec2.instance(bench.fleet.instance_ids[0])
        bench.sandbox.world.elb.shift(first.zone)
        assert _overrides(bench.elb, bench.group) == {
            bench.fleet.instance_ids[0]: ("healthy", "zonal_shift_active"),
            bench.fleet.instance_ids[1]: ("healthy", "no_override"),
        }
        bench.sandbox.world.elb.end_shift(first.zone)
        assert {override for _, override in _overrides(bench.elb, bench.group).values()} == {"no_override"}


def _overrides(elb: Any, arn: str) -> dict[str, tuple[str, str]]:
    return {
        each["Target"]["Id"]: (each["TargetHealth"]["State"], each["AdministrativeOverride"]["State"])
        for each in elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    }
