"""LaunchInstances: synchronous, in one zone, idempotent by token, and raising the desired capacity."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.autoscaling.lab import NAME, Lab, open_lab, refusal_of


def launch(lab: Lab, count: int = 1, *, token: str = "token-1", **changes: Any) -> dict[str, Any]:
    request = {"AvailabilityZones": ["us-east-1b"]} if "SubnetIds" not in changes else {}
    return lab.call("launch_instances", RequestedCapacity=count, ClientToken=token, **(request | changes))


def test_launch_answers_ids_at_once_in_the_zone_asked_for_and_raises_desired() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        answer = launch(lab, 2)
        assert answer["Errors"] == []
        instances = answer["Instances"][0]
        assert (instances["AvailabilityZone"], instances["InstanceType"], instances["MarketType"]) == (
            "us-east-1b",
            "t3.micro",
            "OnDemand",
        )
        assert instances["SubnetId"] == lab.subnets["us-east-1b"]
        assert lab.ids("Pending") == instances["InstanceIds"]
        assert lab.sizes() == (1, 4, 10)


def test_launched_members_come_into_service_like_any_other() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        instance_id = launch(lab)["Instances"][0]["InstanceIds"][0]
        lab.jump(100)
        assert (lab.state(instance_id), lab.target(instance_id)) == ("InService", "healthy")
        assert lab.tags(instance_id)["aws:autoscaling:groupName"] == NAME
        assert lab.activities()[0]["Description"].endswith(instance_id)


def test_launch_uses_the_template_version_of_the_group_at_that_moment() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.call("update_auto_scaling_group", LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "2"})
        launch(lab)
        assert [each["LaunchTemplate"]["Version"] for each in lab.members()] == ["1", "2"]


def test_same_token_answers_the_same_ids_and_launches_nothing() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        first = launch(lab, 2)
        lab.jump(1000)
        second = launch(lab, 2)
        assert second["Instances"] == first["Instances"]
        assert len(lab.ids()) == 3
        assert lab.sizes() == (1, 3, 10)


def test_same_token_answers_the_same_ids_even_if_they_are_gone() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        first = launch(lab)
        lab.terminate(first["Instances"][0]["InstanceIds"][0], decrement=True)
        lab.jump(300)
        assert launch(lab)["Instances"] == first["Instances"]
        assert len(lab.ids()) == 1


def test_same_token_with_other_parameters_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        launch(lab)
        refusal = refusal_of(lambda: launch(lab, 2))
        assert refusal.startswith("IdempotentParameterMismatch: ")
        assert refusal_of(lambda: launch(lab, AvailabilityZones=["us-east-1c"])).startswith(
            "IdempotentParameterMismatch: "
        )
        assert lab.sizes() == (1, 2, 10)


def test_launch_above_the_maximum_is_refused_and_the_token_stays_free() -> None:
    with open_lab() as lab:
        lab.create(desired=2, MaxSize=3)
        assert refusal_of(lambda: launch(lab, 2)).startswith("ValidationError: ")
        assert lab.states() == ["InService"] * 2
        assert len(launch(lab, 1)["Instances"][0]["InstanceIds"]) == 1


def test_missing_capacity_is_answered_as_an_error_and_desired_stays() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.sandbox.ec2.capacity["us-east-1b"] = 0
        answer = launch(lab)
        assert answer["Instances"] == []
        error = answer["Errors"][0]
        assert (error["ErrorCode"], error["AvailabilityZone"]) == ("InsufficientInstanceCapacity", "us-east-1b")
        assert lab.sizes() == (1, 1, 10)
        assert lab.activities()[0]["StatusCode"] == "Failed"


def test_part_of_a_launch_can_fail() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.sandbox.ec2.capacity["us-east-1b"] = 1
        answer = launch(lab, 3)
        assert len(answer["Instances"][0]["InstanceIds"]) == 1
        assert len(answer["Errors"]) == 1
        assert lab.sizes() == (1, 2, 10)


def test_retry_strategy_raises_desired_by_all_and_lets_the_group_continue() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.sandbox.ec2.capacity["us-east-1b"] = 0
        launch(lab, RetryStrategy="retry-with-group-configuration")
        assert lab.sizes() == (1, 2, 10)
        lab.jump(100)
        assert lab.zones() == ["a", "c"]


def test_desired_stays_by_switch_and_the_surplus_is_scaled_in() -> None:
    with open_lab(launch_instances_raises_desired=False) as lab:
        lab.create(desired=2)
        launch(lab)
        assert lab.sizes() == (1, 2, 10)
        lab.jump(1)
        assert lab.states() == ["InService", "Pending", "Terminating"]


@pytest.mark.parametrize(
    ("changes", "refusal"),
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
def test_bad_request_is_refused_and_launches_nothing(changes: dict[str, Any], refusal: str) -> None:
    with open_lab() as lab:
        lab.create(desired=1, MaxSize=200)
        changes = dict(changes)
        count = changes.pop("count", 1)
        assert refusal in refusal_of(lambda: launch(lab, count, **changes))
        assert lab.states() == ["InService"]


def test_group_in_one_zone_needs_no_zone_in_the_request() -> None:
    with open_lab() as lab:
        lab.create(desired=1, VPCZoneIdentifier=lab.subnets["us-east-1c"])
        answer = launch(lab, AvailabilityZones=[])
        assert answer["Instances"][0]["AvailabilityZone"] == "us-east-1c"


def test_zone_can_be_named_by_its_id() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        zone_id = lab.members()[0]["AvailabilityZoneId"]
        answer = launch(lab, AvailabilityZones=[], AvailabilityZoneIds=[zone_id])
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
    with open_lab() as lab:
        spec = {"LaunchTemplateId": lab.template, "Version": "1"}
        policy = {"LaunchTemplate": {"LaunchTemplateSpecification": spec}, "InstancesDistribution": distribution}
        lab.create(desired=1, LaunchTemplate=None, MixedInstancesPolicy=policy)
        refusal = refusal_of(lambda: launch(lab))
        assert ("mix On-Demand and Spot" in refusal) is refused
        assert len(lab.ids()) == (1 if refused else 2)


def test_launch_suspended_refuses_the_call() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.suspend("Launch")
        assert "suspended" in refusal_of(lambda: launch(lab))
        assert lab.sizes() == (1, 1, 10)


def test_older_endpoint_does_not_know_the_operation() -> None:
    with open_lab(launch_instances_available=False) as lab:
        lab.create(desired=1)
        assert refusal_of(lambda: launch(lab)).startswith("InvalidAction: ")
        assert lab.sizes() == (1, 1, 10)


@pytest.mark.parametrize("token", ["awsroll-web-2.4-1", "x" * 65, "a b"], ids=["dots", "65-characters", "space"])
def test_a_token_that_does_not_fit_the_pattern_is_refused(token: str) -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        assert refusal_of(lambda: launch(lab, token=token)).startswith("ValidationError: ")
        assert lab.sizes() == (1, 1, 10)


def test_a_token_is_forgotten_after_eight_hours() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        first = launch(lab)
        lab.jump(8 * 3600 - 60)
        assert launch(lab)["Instances"] == first["Instances"]
        lab.jump(60)
        assert launch(lab)["Instances"] != first["Instances"]
        assert lab.sizes() == (1, 3, 10)


def test_an_unfinished_launch_answers_without_instances_and_its_token_tells_them_later() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        lab.sandbox.faults.add("unfinished autoscaling:LaunchInstances times=1")
        first = launch(lab)
        assert (first["Instances"], first["Errors"]) == ([], [])
        assert lab.sizes() == (1, 2, 10)
        assert len(launch(lab)["Instances"][0]["InstanceIds"]) == 1
        assert lab.sizes() == (1, 2, 10)
