"""The ranges of health checks and attributes of a target group that AWS enforces."""

from typing import Any

import pytest

from tests.sandbox.bench import Bench, open_bench, refused


def create(bench: Bench, **settings: Any) -> str:
    vpc_id = bench.fleet.vpc_id
    made = bench.elb.create_target_group(Name="new", Protocol="HTTP", Port=80, VpcId=vpc_id, **settings)
    return made["TargetGroups"][0]["TargetGroupArn"]


@pytest.mark.parametrize(
    "settings",
    [
        {"HealthCheckIntervalSeconds": 301},
        {"HealthCheckTimeoutSeconds": 121, "HealthCheckIntervalSeconds": 300},
        {"HealthCheckTimeoutSeconds": 10, "HealthCheckIntervalSeconds": 10},
        {"HealthyThresholdCount": 11},
        {"UnhealthyThresholdCount": 11},
        {"HealthCheckPath": "health"},
        {"HealthCheckPath": "/" + "x" * 1024},
        {"HealthCheckPort": "65536"},
        {"Matcher": {"HttpCode": "199"}},
        {"Matcher": {"HttpCode": "200-500"}},
        {"Matcher": {"HttpCode": "ok"}},
    ],
    ids=str,
)
def test_health_check_settings_outside_their_ranges_are_refused(settings: dict[str, Any]) -> None:
    with open_bench() as bench:
        with refused("ValidationError"):
            create(bench, **settings)
        with refused("ValidationError"):
            bench.elb.modify_target_group(TargetGroupArn=bench.group, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2},
        {"HealthCheckIntervalSeconds": 300, "HealthCheckTimeoutSeconds": 120},
        {"HealthyThresholdCount": 2, "UnhealthyThresholdCount": 10},
    ],
    ids=str,
)
def test_health_check_settings_at_the_ends_of_their_ranges_are_accepted(settings: dict[str, Any]) -> None:
    with open_bench() as bench:
        create(bench, **settings)
        bench.elb.modify_target_group(TargetGroupArn=bench.group, **settings)


@pytest.mark.parametrize("settings", [{"HealthCheckProtocol": "TCP"}, {"HealthCheckEnabled": False}], ids=str)
def test_health_checks_that_an_application_load_balancer_cannot_make_are_refused(settings: dict[str, Any]) -> None:
    with open_bench() as bench:
        with refused("InvalidConfigurationRequest"):
            create(bench, **settings)
        with refused("InvalidConfigurationRequest"):
            bench.elb.modify_target_group(TargetGroupArn=bench.group, **settings)


ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("slow_start.duration_seconds", "29"),
        ("slow_start.duration_seconds", "901"),
        ("slow_start.duration_seconds", "off"),
        ("deregistration_delay.timeout_seconds", "3601"),
        ("deregistration_delay.timeout_seconds", "-1"),
        ("deregistration_delay.timeout_seconds", "1.5"),
        ("stickiness.lb_cookie.duration_seconds", "0"),
        ("load_balancing.algorithm.type", "random"),
        (f"{ROUTING}.count", "0"),
        (f"{ROUTING}.percentage", "101"),
        ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "0"),
        ("deregistration_delay.seconds", "30"),
    ],
)
def test_attributes_outside_their_ranges_are_refused_and_nothing_changes(key: str, value: str) -> None:
    with open_bench() as bench:
        before = bench.elb.describe_target_group_attributes(TargetGroupArn=bench.group)["Attributes"]
        other = {"Key": "stickiness.enabled", "Value": "true"}
        with refused("ValidationError"):
            bench.elb.modify_target_group_attributes(
                TargetGroupArn=bench.group, Attributes=[other, {"Key": key, "Value": value}]
            )
        assert bench.elb.describe_target_group_attributes(TargetGroupArn=bench.group)["Attributes"] == before


@pytest.mark.parametrize(
    ("key", "value"),
    [("slow_start.duration_seconds", each) for each in ("0", "30", "900")]
    + [(f"{ROUTING}.count", "1"), (f"{ROUTING}.percentage", "off"), (f"{ROUTING}.percentage", "100")],
)
def test_attributes_at_the_ends_of_their_ranges_are_accepted(key: str, value: str) -> None:
    with open_bench() as bench:
        bench.elb.modify_target_group_attributes(TargetGroupArn=bench.group, Attributes=[{"Key": key, "Value": value}])


def test_slow_start_and_least_outstanding_requests_exclude_each_other() -> None:
    with open_bench() as bench:
        slow = {"Key": "slow_start.duration_seconds", "Value": "60"}
        least = {"Key": "load_balancing.algorithm.type", "Value": "least_outstanding_requests"}
        bench.elb.modify_target_group_attributes(TargetGroupArn=bench.group, Attributes=[slow])
        with refused("InvalidConfigurationRequest"):
            bench.elb.modify_target_group_attributes(TargetGroupArn=bench.group, Attributes=[least])


@pytest.mark.parametrize(
    ("protocol", "key", "value"),
    [
        ("HTTP", "deregistration_delay.connection_termination.enabled", "true"),
        ("HTTP", "preserve_client_ip.enabled", "true"),
        ("TCP", "slow_start.duration_seconds", "30"),
        ("TCP", "load_balancing.algorithm.type", "round_robin"),
        ("TCP", "target_failover.on_deregistration", "rebalance"),
    ],
)
def test_an_attribute_of_another_kind_of_load_balancer_is_refused(protocol: str, key: str, value: str) -> None:
    with open_bench() as bench:
        made = bench.elb.create_target_group(Name="new", Protocol=protocol, Port=80, VpcId=bench.fleet.vpc_id)
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        with refused("InvalidConfigurationRequest"):
            bench.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": key, "Value": value}])


def test_anomaly_mitigation_needs_weighted_random() -> None:
    with open_bench() as bench:
        mitigation = {"Key": "load_balancing.algorithm.anomaly_mitigation", "Value": "on"}
        weighted = {"Key": "load_balancing.algorithm.type", "Value": "weighted_random"}
        with refused("InvalidConfigurationRequest"):
            bench.elb.modify_target_group_attributes(TargetGroupArn=bench.group, Attributes=[mitigation])
        bench.elb.modify_target_group_attributes(TargetGroupArn=bench.group, Attributes=[weighted, mitigation])
