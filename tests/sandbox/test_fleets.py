"""Ready-made fleets are complete and healthy."""

import pytest

from awsroll.sandbox import Sandbox
from awsroll.testing.clock import VirtualClock
from tests.sandbox.bench import Bench, open_bench


def test_servers_are_spread_over_zones_registered_and_healthy() -> None:
    with open_bench(servers=9, zones=3, ports=(80, 8080), target_groups=2) as bench:
        assert [zone(bench, each) for each in bench.fleet.instance_ids] == [
            "us-east-1a",
            "us-east-1b",
            "us-east-1c",
        ] * 3
        for arn in bench.fleet.target_group_arns:
            targets = bench.sandbox.elb.targets(arn)
            assert {(target.instance_id, target.port) for target in targets} == {
                (each, port) for each in bench.fleet.instance_ids for port in (80, 8080)
            }
            assert {target.state for target in targets} == {"healthy"}


def test_servers_run_version_1_and_further_versions_carry_their_tags() -> None:
    with open_bench(servers=1, further_versions=({"sandbox:health": "unhealthy"}, {"sandbox:boot": "fails"})) as bench:
        assert bench.tags(bench.fleet.instance_ids[0])["aws:ec2launchtemplate:version"] == "1"
        versions = bench.ec2.describe_launch_template_versions(LaunchTemplateId=bench.fleet.template_id)
        numbers = sorted(each["VersionNumber"] for each in versions["LaunchTemplateVersions"])
        assert numbers == [1, 2, 3, 4]
        assert bench.tags(bench.running(version="3"))["sandbox:health"] == "unhealthy"
        assert bench.state(bench.running(version="4")) == "terminated"


def test_target_groups_have_the_timing_asked_for() -> None:
    with open_bench(
        health_check_interval_seconds=7,
        health_check_timeout_seconds=3,
        healthy_threshold=4,
        unhealthy_threshold=5,
        deregistration_delay_seconds=11,
    ) as bench:
        settings = bench.sandbox.elb.target_group(bench.group)
        assert (settings.interval_seconds, settings.timeout_seconds) == (7, 3)
        assert (settings.healthy_threshold, settings.unhealthy_threshold) == (4, 5)
        assert settings.deregistration_delay_seconds == 11
        assert settings.zones == {"us-east-1a", "us-east-1b", "us-east-1c"}


def test_two_fleets_of_different_names_live_side_by_side() -> None:
    with open_bench(servers=1) as bench:
        other = bench.sandbox.standalone_fleet(name="api", servers=2)
        assert len(bench.sandbox.ec2.live_instances()) == 3
        assert other.template_id != bench.fleet.template_id


def test_a_group_is_in_service_and_healthy_behind_all_its_target_groups() -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = sandbox.auto_scaling_fleet(desired=4, min_size=2, max_size=8, target_groups=2)
        answer = sandbox.session().client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
        assert (answer["AutoScalingGroupName"], answer["MinSize"], answer["MaxSize"]) == (fleet.group_name, 2, 8)
        assert {each["InstanceId"] for each in answer["Instances"]} == set(fleet.instance_ids)
        assert {each["LifecycleState"] for each in answer["Instances"]} == {"InService"}
        for arn in fleet.target_group_arns:
            assert [target.state for target in sandbox.elb.targets(arn)] == ["healthy"] * 4


def test_a_fleet_that_cannot_become_healthy_fails_with_the_reason() -> None:
    with Sandbox(clock=VirtualClock()) as sandbox, pytest.raises(RuntimeError, match="is not healthy after"):
        sandbox.standalone_fleet(servers=1, zones=1, template_tags={"sandbox:health": "unhealthy"})


def zone(bench: Bench, instance_id: str) -> str:
    return bench.sandbox.ec2.instance(instance_id).zone
