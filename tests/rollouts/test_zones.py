"""Zones during a rollout: a shift, a load balancer that keeps the requests of a zone in the zone, and log alarms."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.status import Outcome
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=True, servers=6, zones=3, max_size=12)


def _serving_by_zone(rolling: Rolling) -> "Counter[str]":
    elb, ec2 = rolling.sandbox.world.elb, rolling.sandbox.world.ec2
    targets = elb.targets(rolling.fleet.target_group_arns[0])
    return Counter(
        ec2.instance(target.instance_id).zone for target in targets if target.state == "healthy" and not target.shifted
    )


def _lowest(rolling: Rolling, measure: Callable[[], int]) -> list[int]:
    """Return a list that gets the lowest value at the calls of the rollout."""
    lowest = [measure()]

    def note(*_: Any) -> None:
        lowest[0] = min(lowest[0], measure())

    rolling.sandbox.on_call(note)
    return lowest


def test_each_zone_keeps_a_serving_server_with_cross_zone_off(rolling: Rolling) -> None:
    rolling.sandbox.session().client("elbv2").modify_target_group_attributes(
        TargetGroupArn=rolling.fleet.target_group_arns[0],
        Attributes=[{"Key": "load_balancing.cross_zone.enabled", "Value": "false"}],
    )
    zones = tuple(_serving_by_zone(rolling))
    lowest = _lowest(rolling, lambda: min(_serving_by_zone(rolling)[zone] for zone in zones))

    report = rolling.roll(concurrent=4)

    assert report.succeeded, report.reason
    assert lowest == [1]
    assert rolling.serving_versions() == {"v2": 6}


def test_a_rollout_launches_no_server_into_a_shifted_zone(rolling: Rolling) -> None:
    rolling.sandbox.world.elb.shift("us-east-1a")
    lowest = _lowest(rolling, lambda: _serving_by_zone(rolling).total())
    launched: set[str] = set()

    def note(_service: str, operation: str, parameters: Any) -> None:
        if operation == "LaunchInstances":
            subnets = rolling.sandbox.session().client("ec2").describe_subnets(SubnetIds=parameters["SubnetIds"])
            launched.update(subnet["AvailabilityZone"] for subnet in subnets["Subnets"])

    rolling.sandbox.on_call(note)
    report = rolling.roll(launch_first=True)

    assert report.succeeded, report.reason
    assert launched == {"us-east-1b", "us-east-1c"}
    assert lowest[0] >= 4


def test_an_alarm_on_logs_turns_a_rollout_back(rolling: Rolling) -> None:
    cloudwatch = rolling.sandbox.session().client("cloudwatch")
    cloudwatch.put_log_alarm(
        AlarmName="errors",
        ScheduledQueryConfiguration={
            "QueryString": "filter level = 'error'",
            "ScheduledQueryRoleARN": "arn:aws:iam::123456789012:role/logs",
            "ScheduleConfiguration": {"ScheduleExpression": "rate(5 minutes)", "StartTimeOffset": 300},
            "AggregationExpression": "count(*)",
        },
        QueryResultsToEvaluate=1,
        QueryResultsToAlarm=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )

    def fire(_service: str, operation: str, _parameters: Any) -> None:
        if operation == "TerminateInstanceInAutoScalingGroup":
            cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="a test")

    rolling.sandbox.on_call(fire, when="after")
    report = rolling.roll(alarm=("errors",))

    assert report.status is Outcome.ROLLED_BACK
    assert "errors" in report.reason
    assert rolling.serving_versions() == {"v1": 6}
