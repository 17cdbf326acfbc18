"""The API of zonal shifts: from a client in process, and over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from awsroll.sandbox import Sandbox, SandboxServer, serve
from awsroll.testing.clock import VirtualClock


@contextmanager
def in_process() -> Iterator[Sandbox]:
    with Sandbox(clock=VirtualClock()) as sandbox:
        yield sandbox


@contextmanager
def over_http() -> Iterator[SandboxServer]:
    with serve(clock=VirtualClock()) as server:
        yield server


WAYS = pytest.mark.parametrize("world", [in_process, over_http])


class Bench:
    """A fleet in two zones, behind a load balancer that may be shifted."""

    def __init__(self, world: Any, *, enabled: bool = True) -> None:
        self.world, session = world, world.session()
        self.arc, self.elb = session.client("arc-zonal-shift"), session.client("elbv2")
        self.fleet = world.standalone_fleet(servers=2, zones=2)
        (balancer,) = self.elb.describe_load_balancers()["LoadBalancers"]
        self.balancer = balancer["LoadBalancerArn"]
        (zone,) = session.client("ec2").describe_availability_zones(ZoneNames=["us-east-1a"])["AvailabilityZones"]
        self.zone_id = zone["ZoneId"]
        if enabled:
            attributes = [{"Key": "zonal_shift.config.enabled", "Value": "true"}]
            self.elb.modify_load_balancer_attributes(LoadBalancerArn=self.balancer, Attributes=attributes)

    def start(self, **changes: Any) -> dict[str, Any]:
        wanted = {"resourceIdentifier": self.balancer, "awayFrom": self.zone_id, "expiresIn": "10m", "comment": "test"}
        started: dict[str, Any] = self.arc.start_zonal_shift(**{**wanted, **changes})
        return started

    def overrides(self) -> list[str]:
        health = self.elb.describe_target_health(TargetGroupArn=self.fleet.target_group_arns[0], Include=["All"])
        return sorted(each["AdministrativeOverride"]["State"] for each in health["TargetHealthDescriptions"])

    def refused(self, **changes: Any) -> str:
        with pytest.raises(ClientError) as caught:
            self.start(**changes)
        return str(caught.value.response["Error"]["Code"])


@WAYS
def test_a_shift_is_started_shown_and_cancelled(world: Any) -> None:
    with world() as sandbox:
        bench = Bench(sandbox)
        started = bench.start()
        assert (started["status"], started["awayFrom"]) == ("ACTIVE", bench.zone_id)
        assert bench.overrides() == ["no_override", "zonal_shift_active"]
        (listed,) = bench.arc.list_zonal_shifts(status="ACTIVE")["items"]
        assert listed["zonalShiftId"] == started["zonalShiftId"]
        resource = bench.arc.get_managed_resource(resourceIdentifier=bench.balancer)
        assert sorted(resource["appliedWeights"].values()) == [0.0, 1.0]
        (managed,) = bench.arc.list_managed_resources()["items"]
        assert managed["arn"] == bench.balancer
        assert bench.refused() == "ConflictException"
        cancelled = bench.arc.cancel_zonal_shift(zonalShiftId=started["zonalShiftId"])
        assert cancelled["status"] == "CANCELED"
        assert bench.overrides() == ["no_override", "no_override"]
        assert bench.arc.list_zonal_shifts(status="ACTIVE")["items"] == []


def test_a_shift_ends_when_it_expires() -> None:
    with in_process() as sandbox:
        bench = Bench(sandbox)
        bench.start(expiresIn="5m")
        sandbox.jump(299)
        assert "zonal_shift_active" in bench.overrides()
        sandbox.jump(2)
        assert "zonal_shift_active" not in bench.overrides()
        assert [each["status"] for each in bench.arc.list_zonal_shifts()["items"]] == ["EXPIRED"]


def test_a_shift_concerns_its_load_balancer_alone() -> None:
    with in_process() as sandbox:
        bench = Bench(sandbox)
        other = sandbox.standalone_fleet(name="other", servers=1, zones=1)
        bench.start()
        health = bench.elb.describe_target_health(TargetGroupArn=other.target_group_arns[0])
        states = [each["AdministrativeOverride"]["State"] for each in health["TargetHealthDescriptions"]]
        assert states == ["no_override"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"awayFrom": "use1-az9"}, "ValidationException"),
        ({"expiresIn": "73h"}, "ValidationException"),
        ({"expiresIn": "soon"}, "ValidationException"),
        (
            {"resourceIdentifier": "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/x"},
            "ResourceNotFoundException",
        ),
    ],
)
def test_a_shift_that_is_not_possible_is_refused(changes: dict[str, str], code: str) -> None:
    with in_process() as sandbox:
        assert Bench(sandbox).refused(**changes) == code


def test_a_load_balancer_that_is_not_enabled_cannot_be_shifted() -> None:
    with in_process() as sandbox:
        bench = Bench(sandbox, enabled=False)
        assert bench.refused() == "ResourceNotFoundException"
        assert bench.arc.list_managed_resources()["items"] == []
