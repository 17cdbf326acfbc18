"""LaunchInstances: synchronous, one zone, idempotent by token, raising the desired capacity."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.autoscaling.lab import NAME, Lab, lab, refusal_of


def launch(it: Lab, count: int = 1, *, token: str = "token-1", **changes: Any) -> dict[str, Any]:
    request = {"AvailabilityZones": ["us-east-1b"]} if "SubnetIds" not in changes else {}
    return it.call("launch_instances", RequestedCapacity=count, ClientToken=token, **(request | changes))


def test_launch_answers_ids_at_once_in_the_zone_asked_for_and_raises_desired() -> None:
    with lab() as it:
        it.create(desired=2)
        answer = launch(it, 2)
        assert answer["Errors"] == []
        found = answer["Instances"][0]
        assert (found["AvailabilityZone"], found["InstanceType"], found["MarketType"]) == (
            "us-east-1b",
            "t3.micro",
            "OnDemand",
        )
        assert found["SubnetId"] == it.subnets["us-east-1b"]
        assert it.ids("Pending") == found["InstanceIds"]
        assert it.sizes() == (1, 4, 10)


def test_launched_members_come_into_service_like_any_other() -> None:
    with lab() as it:
        it.create(desired=1)
        found = launch(it)["Instances"][0]["InstanceIds"][0]
        it.jump(100)
        assert (it.state(found), it.target(found)) == ("InService", "healthy")
        assert it.tags(found)["aws:autoscaling:groupName"] == NAME
        assert it.activities()[0]["Description"].endswith(found)


def test_launch_uses_the_template_version_of_the_group_at_that_moment() -> None:
    with lab() as it:
        it.create(desired=1)
        it.call("update_auto_scaling_group", LaunchTemplate={"LaunchTemplateId": it.template, "Version": "2"})
        launch(it)
        assert [each["LaunchTemplate"]["Version"] for each in it.members()] == ["1", "2"]


def test_same_token_answers_the_same_ids_and_launches_nothing() -> None:
    with lab() as it:
        it.create(desired=1)
        first = launch(it, 2)
        it.jump(1000)
        second = launch(it, 2)
        assert second["Instances"] == first["Instances"]
        assert len(it.ids()) == 3
        assert it.sizes() == (1, 3, 10)


def test_same_token_answers_the_same_ids_even_if_they_are_gone() -> None:
    with lab() as it:
        it.create(desired=1)
        first = launch(it)
        it.terminate(first["Instances"][0]["InstanceIds"][0], decrement=True)
        it.jump(300)
        assert launch(it)["Instances"] == first["Instances"]
        assert len(it.ids()) == 1


def test_same_token_with_other_parameters_is_refused() -> None:
    with lab() as it:
        it.create(desired=1)
        launch(it)
        said = refusal_of(lambda: launch(it, 2))
        assert said.startswith("IdempotentParameterMismatch: ")
        assert refusal_of(lambda: launch(it, AvailabilityZones=["us-east-1c"])).startswith(
            "IdempotentParameterMismatch: "
        )
        assert it.sizes() == (1, 2, 10)


def test_launch_above_the_maximum_is_refused_and_the_token_stays_free() -> None:
    with lab() as it:
        it.create(desired=2, MaxSize=3)
        assert refusal_of(lambda: launch(it, 2)).startswith("ValidationError: ")
        assert it.states() == ["InService"] * 2
        assert len(launch(it, 1)["Instances"][0]["InstanceIds"]) == 1


def test_missing_capacity_is_answered_as_an_error_and_desired_stays() -> None:
    with lab() as it:
        it.create(desired=1)
        it.sandbox.ec2.capacity["us-east-1b"] = 0
        answer = launch(it)
        assert answer["Instances"] == []
        error = answer["Errors"][0]
        assert (error["ErrorCode"], error["AvailabilityZone"]) == ("InsufficientInstanceCapacity", "us-east-1b")
        assert it.sizes() == (1, 1, 10)
        assert it.activities()[0]["StatusCode"] == "Failed"


def test_part_of_a_launch_can_fail() -> None:
    with lab() as it:
        it.create(desired=1)
        it.sandbox.ec2.capacity["us-east-1b"] = 1
        answer = launch(it, 3)
        assert len(answer["Instances"][0]["InstanceIds"]) == 1
        assert len(answer["Errors"]) == 1
        assert it.sizes() == (1, 2, 10)


def test_retry_strategy_raises_desired_by_all_and_lets_the_group_go_on() -> None:
    with lab() as it:
        it.create(desired=1)
        it.sandbox.ec2.capacity["us-east-1b"] = 0
        launch(it, RetryStrategy="retry-with-group-configuration")
        assert it.sizes() == (1, 2, 10)
        it.jump(100)
        assert it.zones() == ["a", "c"]


def test_desired_stays_when_switched_so_and_the_surplus_is_scaled_in() -> None:
    with lab(launch_instances_raises_desired=False) as it:
        it.create(desired=2)
        launch(it)
        assert it.sizes() == (1, 2, 10)
        it.jump(1)
        assert it.states() == ["InService", "Pending", "Terminating"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"AvailabilityZones": []}, "is required for a group with several"),
        ({"AvailabilityZones": ["us-east-1a", "us-east-1b"]}, "Exactly one"),
        ({"AvailabilityZones": ["us-east-1f"]}, "not part of the Auto Scaling group"),
        ({"SubnetIds": ["subnet-1", "subnet-2"]}, "Exactly one"),
        ({"SubnetIds": ["subnet-1"]}, "not part of the Auto Scaling group"),
        ({"AvailabilityZoneIds": ["use1-az1"]}, "cannot both be given"),
        ({"count": 101}, "between 1 and 100"),
    ],
    ids=["no-zone", "two-zones", "strange-zone", "two-subnets", "strange-subnet", "zones-twice", "too-many"],
)
def test_bad_request_is_refused_and_launches_nothing(changes: dict[str, Any], said: str) -> None:
    with lab() as it:
        it.create(desired=1, MaxSize=200)
        changes = dict(changes)
        count = changes.pop("count", 1)
        assert said in refusal_of(lambda: launch(it, count, **changes))
        assert it.states() == ["InService"]


def test_group_in_one_zone_needs_no_zone_in_the_request() -> None:
    with lab() as it:
        it.create(desired=1, VPCZoneIdentifier=it.subnets["us-east-1c"])
        answer = launch(it, AvailabilityZones=[])
        assert answer["Instances"][0]["AvailabilityZone"] == "us-east-1c"


def test_zone_can_be_named_by_its_id() -> None:
    with lab() as it:
        it.create(desired=1)
        zone_id = it.members()[0]["AvailabilityZoneId"]
        answer = launch(it, AvailabilityZones=[], AvailabilityZoneIds=[zone_id])
        assert answer["Instances"][0]["AvailabilityZone"] == "us-east-1a"


@pytest.mark.parametrize(
    ("distribution", "refused"),
    [
        ({"OnDemandPercentageAboveBaseCapacity": 50}, True),
        ({"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 0}, True),
        ({"OnDemandPercentageAboveBaseCapacity": 100}, False),
    ],
    ids=["half", "base-and-spot", "on-demand-only"],
)
def test_group_that_mixes_on_demand_and_spot_is_refused(distribution: dict[str, int], refused: bool) -> None:
    with lab() as it:
        spec = {"LaunchTemplateId": it.template, "Version": "1"}
        policy = {"LaunchTemplate": {"LaunchTemplateSpecification": spec}, "InstancesDistribution": distribution}
        it.create(desired=1, LaunchTemplate=None, MixedInstancesPolicy=policy)
        said = refusal_of(lambda: launch(it))
        assert ("mix On-Demand and Spot" in said) is refused
        assert len(it.ids()) == (1 if refused else 2)


def test_launch_suspended_refuses_the_call() -> None:
    with lab() as it:
        it.create(desired=1)
        it.suspend("Launch")
        assert "suspended" in refusal_of(lambda: launch(it))
        assert it.sizes() == (1, 1, 10)


def test_older_endpoint_does_not_know_the_operation() -> None:
    with lab(launch_instances_available=False) as it:
        it.create(desired=1)
        assert refusal_of(lambda: launch(it)).startswith("InvalidAction: ")
        assert it.sizes() == (1, 1, 10)
