"""What the preflight says about Network Load Balancers, and the deadlines that it gives them."""

from collections.abc import Iterator
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight import Prepared, prepare
from awsroll.preflight.iam_policy import policy_for
from awsroll.sandbox import Sandbox
from tests.support.amazon import sandbox

TERMINATION = "deregistration_delay.connection_termination.enabled"


class Bench:
    """A group behind an Application and a Network Load Balancer."""

    def __init__(self, made: Sandbox, aws: Any) -> None:
        self.sandbox, self.aws = made, aws
        self.built = made.auto_scaling_fleet(desired=2, zones=2)
        self.elb = made.session().client("elbv2")
        balancer = self.elb.create_load_balancer(Name="flows", Type="network", Subnets=list(self.built.subnet_ids))
        self.balancer = balancer["LoadBalancers"][0]["LoadBalancerArn"]
        group = self.elb.create_target_group(
            Name="flows", Protocol="TCP", Port=80, VpcId=self.built.vpc_id, HealthCheckProtocol="TCP"
        )
        self.arn = group["TargetGroups"][0]["TargetGroupArn"]
        self.set("deregistration_delay.timeout_seconds", "10")
        actions = [{"Type": "forward", "TargetGroupArn": self.arn}]
        self.elb.create_listener(LoadBalancerArn=self.balancer, Protocol="TCP", Port=80, DefaultActions=actions)
        made.session().client("autoscaling").attach_load_balancer_target_groups(
            AutoScalingGroupName="web", TargetGroupARNs=[self.arn]
        )
        made.jump(400)

    def set(self, key: str, value: str) -> None:
        self.elb.modify_target_group_attributes(TargetGroupArn=self.arn, Attributes=[{"Key": key, "Value": value}])

    def prepare(self, **changes: Any) -> Prepared:
        return prepare(RolloutSpec(**{"asg": "web", **changes}), self.aws)

    def said(self, severity: str, **changes: Any) -> str:
        return "\n".join(one.message for one in self.prepare(**changes).findings if one.severity == severity)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with sandbox() as (made, aws):
        yield Bench(made, aws)


def test_a_network_load_balancer_is_named_with_the_delay_that_awsroll_sets(bench: Bench) -> None:
    said = bench.said("note")
    assert "target group flows (TCP) belongs to a Network Load Balancer" in said
    assert "Each drain takes 120 s" in said
    assert "changes its deregistration delay from 10 s to 120 s" in said


def test_a_delay_that_is_long_enough_is_not_changed(bench: Bench) -> None:
    bench.set("deregistration_delay.timeout_seconds", "300")
    said = bench.said("note")
    assert "Each drain takes 300 s" in said
    assert "changes its deregistration delay" not in said


def test_connections_that_outlast_the_delay_are_reported(bench: Bench) -> None:
    reload = {"strategy": Strategy.RELOAD, "command": ("deploy",)}
    assert "last longer than 120 s are cut at the end" in bench.said("note")
    assert "reach a server while its command runs" in bench.said("warn", **reload)
    bench.set(TERMINATION, "true")
    assert "last longer" not in bench.said("note")
    assert "reach a server" not in bench.said("warn", **reload)


def test_deadlines_leave_time_for_new_flows_and_for_a_slow_registration(bench: Bench) -> None:
    limits = bench.prepare().rollout.limits
    assert limits.drain_seconds == 120 + 60
    bench.elb.modify_target_group(TargetGroupArn=bench.arn, HealthCheckIntervalSeconds=30, HealthyThresholdCount=10)
    assert bench.prepare().rollout.limits.healthy_seconds >= 300 + 11 * 30


def test_the_policy_allows_to_raise_the_delay_only_where_awsroll_raises_it(bench: Bench) -> None:
    def allows() -> bool:
        statements = policy_for(RolloutSpec(asg="web"), bench.aws)["Statement"]
        return any(statement["Sid"] == "SetDeregistrationDelay" for statement in statements)

    assert allows()
    bench.set("deregistration_delay.timeout_seconds", "300")
    assert not allows()


@pytest.mark.parametrize(("delay", "is_held"), [("10", True), ("120", True), ("300", False)])
def test_a_rollout_that_may_raise_the_delay_holds_the_target_groups(bench: Bench, delay: str, *, is_held: bool) -> None:
    bench.set("deregistration_delay.timeout_seconds", delay)
    rollout = bench.prepare().rollout
    assert rollout.held_target_groups == (rollout.target_groups if is_held else ())
