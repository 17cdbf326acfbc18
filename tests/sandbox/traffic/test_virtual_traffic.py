"""Traffic in virtual time: which server gets how many requests, and how many of them fail."""

from collections.abc import Iterator
from typing import Any

import pytest

from awsroll.sandbox.inprocess import Sandbox
from awsroll.sandbox.ready_fleets import Fleet
from awsroll.sandbox.traffic import VirtualTraffic
from awsroll.testing.clock import VirtualClock

RATE = 20


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock=VirtualClock()) as entered:
        yield entered


@pytest.fixture
def fleet(sandbox: Sandbox) -> Fleet:
    return sandbox.standalone_fleet(servers=2)


def count(sandbox: Sandbox, fleet: Fleet, traffic: VirtualTraffic, seconds: float) -> dict[str, dict[str, int]]:
    """Move the clock, and return the requests of the servers in this time."""
    since = sandbox.world.now().timestamp()
    sandbox.jump(seconds)
    event = {"since": since, "until": since + seconds, "instance_ids": list(fleet.instance_ids)}
    return traffic.answer(event)


def load(sandbox: Sandbox, fleet: Fleet) -> VirtualTraffic:
    return VirtualTraffic(sandbox.world, target_groups=fleet.target_group_arns, requests_per_second=RATE)


def tag(sandbox: Sandbox, instance_id: str, **tags: str) -> None:
    given = [{"Key": f"sandbox:{key.replace('_', '-')}", "Value": value} for key, value in tags.items()]
    sandbox.session().client("ec2").create_tags(Resources=[instance_id], Tags=given)


def test_requests_are_spread_evenly_and_none_fails(sandbox: Sandbox, fleet: Fleet) -> None:
    with load(sandbox, fleet) as traffic:
        counts = count(sandbox, fleet, traffic, 10)

    assert counts == {name: {"bad": 0, "total": 100} for name in fleet.instance_ids}


def test_each_request_is_in_exactly_one_of_the_intervals(sandbox: Sandbox, fleet: Fleet) -> None:
    with load(sandbox, fleet) as traffic:
        parts = [count(sandbox, fleet, traffic, seconds) for seconds in (0.4, 2.3, 5.1, 0.1, 12.1)]

    assert sum(each["total"] for part in parts for each in part.values()) == 20 * RATE


def test_a_server_fails_its_share_of_requests_until_the_tag_changes(sandbox: Sandbox, fleet: Fleet) -> None:
    good, failing = fleet.instance_ids
    with load(sandbox, fleet) as traffic:
        tag(sandbox, failing, error_percent="20")
        first = count(sandbox, fleet, traffic, 60)
        tag(sandbox, failing, error_percent="0")
        second = count(sandbox, fleet, traffic, 60)

    assert first[good]["bad"] == second[failing]["bad"] == 0
    assert 0.1 < first[failing]["bad"] / first[failing]["total"] < 0.3


def test_an_unhealthy_server_fails_requests_until_the_load_balancer_notices(sandbox: Sandbox, fleet: Fleet) -> None:
    _, failing = fleet.instance_ids
    with load(sandbox, fleet) as traffic:
        tag(sandbox, failing, health="unhealthy")
        counts: list[dict[str, Any]] = [count(sandbox, fleet, traffic, 120) for _ in range(2)]

    assert counts[0][failing]["bad"] == counts[0][failing]["total"] > 0
    assert failing not in counts[1]


def test_a_server_that_drains_gets_no_request(sandbox: Sandbox, fleet: Fleet) -> None:
    kept, drained = fleet.instance_ids
    with load(sandbox, fleet) as traffic:
        targets = [{"Id": drained, "Port": 80}]
        sandbox.session().client("elbv2").deregister_targets(TargetGroupArn=fleet.target_group_arns[0], Targets=targets)
        counts = count(sandbox, fleet, traffic, 10)

    assert counts == {kept: {"bad": 0, "total": 10 * RATE}}
