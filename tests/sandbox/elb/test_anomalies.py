"""Anomaly flags of targets: only if they are asked for, and with at least three healthy targets, as in AWS."""

from typing import Any

from tests.sandbox.bench import Bench, open_bench


def flags(bench: Bench, **request: Any) -> list[str]:
    found = bench.elb.describe_target_health(TargetGroupArn=bench.group, **request)["TargetHealthDescriptions"]
    return sorted(each.get("AnomalyDetection", {}).get("Result", "") for each in found)


def test_flags_come_with_the_health_of_targets_if_they_are_asked_for() -> None:
    with open_bench(servers=3) as bench:
        bench.ec2.create_tags(
            Resources=bench.fleet.instance_ids[:1], Tags=[{"Key": "sandbox:anomalous", "Value": "yes"}]
        )

        assert flags(bench) == ["", "", ""]
        assert flags(bench, Include=["AnomalyDetection"]) == ["anomalous", "normal", "normal"]


def test_there_are_no_flags_with_two_healthy_targets() -> None:
    with open_bench(servers=2) as bench:
        assert flags(bench, Include=["All"]) == ["", ""]
