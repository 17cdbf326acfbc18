"""The checks of the steps that a rollout will take: zones, thresholds, tags, addresses, and who serves now."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from awsroll.aws.ec2 import Ec2
from awsroll.core.model.amount import EVERYTHING, Amount
from awsroll.core.model.rollout_choices import Strategy, Zones
from awsroll.core.tags import HELD_BY_TAG
from awsroll.preflight import cap_checks
from awsroll.sandbox import ApiError, Fleet, Sandbox
from tests.preflight import test_standalone
from tests.preflight.test_group import Bench
from tests.support.amazon import sandbox

CROSS_ZONE = "load_balancing.cross_zone.enabled"
HEALTH = "target_group_health"


@pytest.fixture
def made() -> Iterator[tuple[Sandbox, Any]]:
    with sandbox() as (box, aws):
        yield box, aws


@pytest.fixture
def group(made: tuple[Sandbox, Any]) -> Bench:
    box, aws = made
    return Bench(box, aws, box.auto_scaling_fleet(desired=6, zones=3, max_size=12))


@pytest.fixture
def small(made: tuple[Sandbox, Any]) -> Bench:
    box, aws = made
    return Bench(box, aws, box.auto_scaling_fleet(desired=3, zones=3, max_size=12))


@pytest.fixture
def hand(made: tuple[Sandbox, Any]) -> test_standalone.Bench:
    box, aws = made
    return test_standalone.Bench(box, aws, box.standalone_fleet(name="hand", servers=3, zones=3))


AnyBench = Bench | test_standalone.Bench


def set_attribute(bench: AnyBench, key: str, value: str) -> None:
    bench.client("elbv2").modify_target_group_attributes(
        TargetGroupArn=bench.built.target_group_arns[0], Attributes=[{"Key": key, "Value": value}]
    )


def lose_zone(bench: AnyBench) -> None:
    """Take the load balancer out of the third zone."""
    fleet: Fleet = bench.built
    subnets = list(fleet.subnet_ids[:2])
    bench.client("elbv2").set_subnets(LoadBalancerArn=fleet.load_balancer_arn, Subnets=subnets)
    bench.sandbox.jump(120)


def notes(bench: AnyBench, **changes: Any) -> list[str]:
    return [finding.message for finding in bench.prepare(**changes).findings if not finding.is_warning]


# --- who serves -----------------------------------------------------------------------------------------------------


def test_a_fleet_that_serves_is_a_note(small: Bench, hand: test_standalone.Bench) -> None:
    assert "web: 3 of 3 servers serve now" in notes(small)
    assert "hand-1: 3 of 3 servers serve now" in notes(hand)


def test_servers_that_do_not_serve_are_a_warning_with_the_reasons(hand: test_standalone.Bench) -> None:
    name = hand.built.instance_ids[0]
    hand.client("ec2").create_tags(Resources=[name], Tags=[{"Key": "sandbox:health", "Value": "unhealthy"}])
    hand.sandbox.jump(120)
    (warning,) = hand.warnings()
    assert warning.startswith("hand-1: 2 of 3 servers serve now: 1 unhealthy (Target.ResponseCodeMismatch")
    assert "in target group hand-1 on port 80" in warning


def test_a_spare_target_group_in_which_no_server_is_healthy_is_named(made: tuple[Sandbox, Any]) -> None:
    box, aws = made
    tags = {"sandbox:health:8080": "unhealthy"}
    bench = Bench(box, aws, box.auto_scaling_fleet(desired=3, template_tags=tags, health_check_type="EC2"))
    elb = bench.client("elbv2")
    green = elb.create_target_group(
        Name="green", Protocol="HTTP", Port=8080, VpcId=bench.built.vpc_id, HealthCheckIntervalSeconds=10
    )["TargetGroups"][0]["TargetGroupArn"]
    forward = {"TargetGroups": [{"TargetGroupArn": arn} for arn in (bench.built.target_group_arns[0], green)]}
    elb.modify_listener(
        ListenerArn=bench.built.listener_arns[0], DefaultActions=[{"Type": "forward", "ForwardConfig": forward}]
    )
    bench.client("autoscaling").attach_load_balancer_target_groups(AutoScalingGroupName="web", TargetGroupARNs=[green])
    box.jump(120)
    (warning,) = (warning for warning in bench.warnings() if "serve now" in warning)
    assert "web: 0 of 3 servers serve now: 3 unhealthy" in warning
    assert "in target group green on port 8080" in warning


# --- zones ------------------------------------------------------------------------------------------------------------


def test_a_group_that_launches_where_the_load_balancer_does_not_serve_is_refused(small: Bench) -> None:
    lose_zone(small)
    (problem,) = small.problems()
    assert "group web launches into us-east-1c, a zone that the load balancer of target group web-1 does not" in problem


def test_a_fleet_without_a_server_to_replace_needs_nothing(small: Bench) -> None:
    lose_zone(small)
    set_attribute(small, CROSS_ZONE, "false")
    (warning,) = small.warnings(launch_template=f"{small.built.template_id}:1")
    assert "web: 2 of 3 servers serve now" in warning


def test_a_reload_where_the_load_balancer_does_not_serve_is_refused(small: Bench) -> None:
    lose_zone(small)
    reload: dict[str, Any] = {"strategy": Strategy.RELOAD, "command": ("restart",), "on_failure": "stop"}
    (problem,) = small.problems(**reload)
    assert "are in us-east-1c" in problem


def test_servers_without_a_group_where_the_load_balancer_does_not_serve_are_refused(
    hand: test_standalone.Bench,
) -> None:
    lose_zone(hand)
    (problem,) = hand.problems()
    assert "are in us-east-1c" in problem
    assert hand.built.instance_ids[2] in problem


def test_the_last_server_of_a_zone_is_refused_with_cross_zone_off(small: Bench) -> None:
    set_attribute(small, CROSS_ZONE, "false")
    (problem,) = small.problems()
    assert "would leave (us-east-1a, us-east-1b, us-east-1c)" in problem
    assert "--launch-first" in problem
    assert small.prepare(launch_first=True).rollout.keeps_zones
    allowed = small.prepare(max_unavailable=1)
    assert not allowed.rollout.keeps_zones
    assert any("--max-unavailable 1 allows this" in warning for warning in allowed.warnings)


def test_a_reload_of_the_last_server_of_a_zone_is_refused_with_cross_zone_off(small: Bench) -> None:
    set_attribute(small, CROSS_ZONE, "false")
    (problem,) = small.problems(strategy=Strategy.RELOAD, command=("restart",), on_failure="stop")
    assert "would leave" in problem
    assert "--launch-first" not in problem


def test_zones_with_two_servers_are_kept_with_cross_zone_off(group: Bench) -> None:
    set_attribute(group, CROSS_ZONE, "false")
    prepared = group.prepare(concurrent=2)
    assert prepared.rollout.keeps_zones
    assert prepared.warnings == ()


def test_a_zonal_shift_refuses_a_rollout_that_would_replace_servers_there(
    small: Bench, hand: test_standalone.Bench
) -> None:
    small.sandbox.world.elb.shift("us-east-1a")
    for bench, way_out in ((small, "--launch-first"), (hand, "wait until the shift ends")):
        (problem,) = bench.problems()
        assert "a zonal shift keeps requests away from us-east-1a" in problem
        assert way_out in problem


def test_a_zonal_shift_is_a_warning_where_servers_are_launched_in_other_zones(small: Bench) -> None:
    small.sandbox.world.elb.shift("us-east-1a")
    warnings = small.warnings(launch_first=True)
    assert any("a zonal shift keeps requests away from us-east-1a" in warning for warning in warnings)
    assert any("1 healthy but without requests (a zonal shift is active)" in warning for warning in warnings)
    (problem,) = small.problems(launch_first=True, zones=Zones.ONE_BY_ONE)
    assert problem.endswith("wait until the shift ends")


# --- Network Load Balancers -------------------------------------------------------------------------------------------


def network_target_group(bench: test_standalone.Bench) -> str:
    """Register the servers behind a Network Load Balancer; return its ARN."""
    elb, fleet = bench.client("elbv2"), bench.built
    made = elb.create_load_balancer(Name="net", Type="network", Subnets=list(fleet.subnet_ids))
    balancer: str = made["LoadBalancers"][0]["LoadBalancerArn"]
    arn = elb.create_target_group(Name="net", Protocol="TCP", Port=80, VpcId=fleet.vpc_id)["TargetGroups"][0][
        "TargetGroupArn"
    ]
    forward = [{"Type": "forward", "TargetGroupArn": arn}]
    elb.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=80, DefaultActions=forward)
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": name} for name in fleet.instance_ids])
    bench.sandbox.jump(400)  # registration takes minutes
    return balancer


NETWORK = {"target_group": ("net", "hand-1")}


def test_a_network_load_balancer_keeps_requests_in_their_zone_by_default(hand: test_standalone.Bench) -> None:
    balancer = network_target_group(hand)
    prepared = hand.prepare(**NETWORK)
    assert not prepared.rollout.keeps_zones  # each zone has one server
    (warning,) = prepared.warnings
    assert "target group net has cross-zone load balancing off, which is the default of a Network" in warning
    assert hand.prepare(**NETWORK, launch_first=True).rollout.keeps_zones
    set_attribute(hand, CROSS_ZONE, "false")
    (problem,) = hand.problems(**NETWORK)
    assert "target group hand-1 has cross-zone load balancing off, so" in problem
    set_attribute(hand, CROSS_ZONE, "true")
    attributes = [{"Key": CROSS_ZONE, "Value": "true"}]
    hand.client("elbv2").modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=attributes)
    assert hand.prepare(**NETWORK).warnings == ()
    assert not hand.prepare(**NETWORK, launch_first=True).rollout.keeps_zones


def test_without_permission_a_network_load_balancer_is_assumed_to_have_its_default(
    hand: test_standalone.Bench,
) -> None:
    def refuse(service: str, operation: str, _: object) -> None:
        if operation == "DescribeLoadBalancerAttributes":
            raise denied

    network_target_group(hand)
    denied = ApiError("AccessDenied", "you may not", 403)
    hand.sandbox.on_call(refuse)
    prepared = hand.prepare(**NETWORK, launch_first=True)
    assert prepared.rollout.keeps_zones
    assert any("assumes the default of Network Load Balancers" in warning for warning in prepared.warnings)


# --- thresholds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "asked", "words"),
    [
        (f"{HEALTH}.unhealthy_state_routing.minimum_healthy_targets.count", "5", {"concurrent": 2}, "down to 4"),
        (f"{HEALTH}.dns_failover.minimum_healthy_targets.count", "6", {}, "down to 5"),
        (
            f"{HEALTH}.unhealthy_state_routing.minimum_healthy_targets.percentage",
            "80",
            {"concurrent": 2},
            "down to 4 of 6",
        ),
        (
            f"{HEALTH}.unhealthy_state_routing.minimum_healthy_targets.percentage",
            "60",
            {"strategy": Strategy.DOUBLE_HALF},
            "down to 6 of 12",
        ),
        (f"{HEALTH}.dns_failover.minimum_healthy_targets.percentage", "90", {}, "down to 5 of 6"),
    ],
)
def test_a_threshold_that_the_rollout_crosses_is_named(
    group: Bench, key: str, value: str, asked: dict[str, Any], words: str
) -> None:
    set_attribute(group, key, value)
    (warning,) = group.warnings(**asked)
    assert key in warning
    assert words in warning


@pytest.mark.parametrize(
    ("key", "value", "asked"),
    [
        (f"{HEALTH}.unhealthy_state_routing.minimum_healthy_targets.count", "5", {}),
        (f"{HEALTH}.unhealthy_state_routing.minimum_healthy_targets.count", "6", {"launch_first": True}),
        (f"{HEALTH}.dns_failover.minimum_healthy_targets.percentage", "80", {}),
        (f"{HEALTH}.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", {"concurrent": 3}),
    ],
)
def test_a_threshold_that_the_rollout_keeps_is_no_finding(
    group: Bench, key: str, value: str, asked: dict[str, Any]
) -> None:
    set_attribute(group, key, value)
    assert group.warnings(**asked) == []


def test_a_threshold_counts_in_each_zone_with_cross_zone_off(group: Bench) -> None:
    set_attribute(group, CROSS_ZONE, "false")
    set_attribute(group, f"{HEALTH}.unhealthy_state_routing.minimum_healthy_targets.count", "2")
    warnings = group.warnings()
    assert len(warnings) == 3
    assert "may go down to 1 in us-east-1a" in warnings[0]


def test_anomaly_mitigation_is_named(group: Bench) -> None:
    set_attribute(group, "load_balancing.algorithm.type", "weighted_random")
    set_attribute(group, "load_balancing.algorithm.anomaly_mitigation", "on")
    (warning,) = group.warnings()
    assert "anomaly mitigation" in warning


# --- tags -------------------------------------------------------------------------------------------------------------


def tags(count: int) -> list[dict[str, str]]:
    return [{"Key": f"cost:{number:02}", "Value": "x"} for number in range(count)]


def test_servers_without_room_for_tags_are_refused(hand: test_standalone.Bench) -> None:
    name = hand.built.instance_ids[0]
    hand.client("ec2").create_tags(Resources=[name], Tags=tags(48))
    problems = hand.problems()
    assert f"{name} have no room for the 3 tags of awsroll" in problems[0]
    assert f"the replacements of {name} would have too many tags" in problems[1]
    assert "Remove 4 tags" in problems[1]


def test_servers_with_just_enough_room_for_tags_are_fine(hand: test_standalone.Bench) -> None:
    name = hand.built.instance_ids[0]
    hand.client("ec2").create_tags(Resources=[name], Tags=tags(44))  # and `Name`
    assert hand.warnings() == []


def test_a_reloaded_server_needs_room_for_its_version(hand: test_standalone.Bench) -> None:
    hand.sandbox.jump(60)
    hand.client("ec2").create_tags(Resources=[hand.built.instance_ids[0]], Tags=tags(47))
    reload: dict[str, Any] = {"strategy": Strategy.RELOAD, "command": ("restart",), "on_failure": "stop"}
    (problem,) = hand.problems(launch_template="", **reload)
    assert "no room for the 4 tags of awsroll" in problem


def test_members_that_their_group_terminates_need_no_room(small: Bench) -> None:
    small.client("ec2").create_tags(Resources=[small.built.instance_ids[0]], Tags=tags(50))
    assert small.warnings() == []


def test_a_group_without_room_for_saved_settings_is_refused(small: Bench) -> None:
    more = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
    small.client("autoscaling").create_or_update_tags(Tags=[tag | more for tag in tags(47)])
    (problem,) = small.problems()
    assert "group web has no room for the" in problem


def test_a_target_group_without_room_is_a_warning_unless_its_delay_is_saved(small: Bench) -> None:
    arn = small.built.target_group_arns[0]
    small.client("elbv2").add_tags(ResourceArns=[arn], Tags=tags(50))
    (warning,) = small.warnings()
    assert "does not see this rollout" in warning
    assert small.problems(deregistration_delay=5)
    small.client("elbv2").remove_tags(ResourceArns=[arn], TagKeys=["cost:00"])
    small.client("elbv2").add_tags(ResourceArns=[arn], Tags=[{"Key": HELD_BY_TAG, "Value": "x"}])
    assert small.warnings() == []


# --- the cap on running servers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        ({"max_running": 2}, "would not have them at the end"),
        ({"max_running": "100%", "launch_first": True}, "a new server is launched first"),
        ({"max_running": 5, "strategy": Strategy.DOUBLE_HALF}, "6 servers must run at the same time"),
        ({"max_running": 4, "max_surge": "100%", "keep_old": True}, "6 servers must run at the same time"),
    ],
)
def test_a_cap_with_which_the_rollout_could_never_end_is_refused(
    hand: test_standalone.Bench, request_: dict[str, Any], part: str
) -> None:
    (problem,) = hand.problems(**request_)
    assert f"--max-running {request_['max_running']}" in problem
    assert part in problem


def test_a_group_needs_a_cap_above_its_size(small: Bench, hand: test_standalone.Bench) -> None:
    (problem,) = small.problems(max_running="100%")
    assert "a group launches the replacement of a server when the drain begins" in problem
    for bench in (small, hand):
        assert bench.prepare(max_running="200%").rollout.max_running == Amount(value=200, is_percentage=True)
    assert hand.prepare(max_running="100%").rollout.max_running == EVERYTHING


def test_a_cap_in_percent_of_an_empty_group_is_not_refused(made: tuple[Sandbox, Any]) -> None:
    box, aws = made
    empty = Bench(box, aws, box.auto_scaling_fleet(desired=1, min_size=0))
    empty.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    assert empty.prepare(max_running="200%").rollout.max_running == Amount(value=200, is_percentage=True)


def test_a_target_group_that_draining_servers_may_fill_is_a_warning(
    hand: test_standalone.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cap_checks, "TARGETS_PER_GROUP", 3)
    (warning,) = hand.warnings()
    assert "a target group has at most 3 targets by default" in warning
    assert hand.warnings(max_running="100%") == []


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.fixture
def leave_free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that shows subnets with this number of free addresses."""
    read = Ec2.subnets

    def leave(free: int) -> None:
        def subnets(self: Ec2, subnet_ids: Sequence[str]) -> list[dict[str, Any]]:
            return [subnet | {"AvailableIpAddressCount": free} for subnet in read(self, subnet_ids)]

        monkeypatch.setattr(Ec2, "subnets", subnets)

    return leave


LeaveFree = Callable[[int], None]


def test_a_surge_without_a_free_address_is_refused(
    small: Bench, hand: test_standalone.Bench, leave_free: LeaveFree
) -> None:
    leave_free(0)
    for bench, where in ((small, "the subnets of group web"), (hand, "subnet subnet-")):
        assert all(where in problem for problem in bench.problems(launch_first=True))
        assert all("free addresses" in warning for warning in bench.warnings())


def test_few_free_addresses_are_a_warning(small: Bench, leave_free: LeaveFree) -> None:
    leave_free(0)
    (warning,) = small.warnings(concurrent=2)
    assert "0 free addresses, but up to 2 new servers" in warning


def test_enough_free_addresses_are_no_finding(small: Bench, hand: test_standalone.Bench, leave_free: LeaveFree) -> None:
    leave_free(1)
    for bench in (small, hand):
        assert bench.warnings(launch_first=True) == []


def test_without_permission_the_subnets_are_a_warning(hand: test_standalone.Bench) -> None:
    def refuse(service: str, operation: str, _: object) -> None:
        if operation == "DescribeSubnets":
            raise denied

    denied = ApiError("UnauthorizedOperation", "you may not", 403)
    hand.sandbox.on_call(refuse)
    (warning,) = hand.warnings()
    assert "could not check the zones and free addresses" in warning


# --- platforms --------------------------------------------------------------------------------------------------------


def make_windows(bench: AnyBench) -> None:
    names = list(bench.built.instance_ids)
    bench.client("ec2").create_tags(Resources=names, Tags=[{"Key": "sandbox:platform", "Value": "Windows"}])
    bench.sandbox.jump(60)


@pytest.mark.parametrize(
    ("asked", "option"),
    [
        ({"command": ("iisreset",), "on_failure": "stop"}, "--command"),
        ({"document": "AWS-RunPowerShellScript", "rollback_command": ("iisreset",)}, "--rollback-command"),
        (
            {"command": ("iisreset",), "rollback_command": ("iisreset",)},
            "--command and --rollback-command",
        ),
    ],
)
def test_a_shell_script_on_windows_is_refused(small: Bench, asked: dict[str, Any], option: str) -> None:
    make_windows(small)
    (problem,) = small.problems(strategy=Strategy.RELOAD, **asked)
    assert "run Windows" in problem
    assert f"{option} runs as a shell script" in problem
    assert "--document" in problem


def test_a_document_for_windows_is_fine(small: Bench) -> None:
    make_windows(small)
    document: dict[str, Any] = {"document": "AWS-RunPowerShellScript", "parameter": {"commands": ["iisreset"]}}
    assert small.prepare(strategy=Strategy.RELOAD, on_failure="stop", **document).rollout.reload is not None


def test_a_hook_with_a_script_on_windows_is_refused(small: Bench) -> None:
    make_windows(small)
    (problem,) = small.problems(**test_standalone.script_at(test_standalone.HookPoint.AFTER_HEALTHY))
    assert "hook look" in problem
    assert "run Windows" in problem
