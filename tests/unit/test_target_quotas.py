"""A rollout that registers more targets than the default of a quota allows is announced before it starts."""

from dataclasses import replace

import pytest

from awsroll.core.model.amount import EVERYTHING, Amount
from awsroll.core.model.observation import FleetKind, Instance, Target, TargetKey, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts
from awsroll.preflight.routing_facts import Routing
from awsroll.preflight.target_quota_checks import check_target_quotas
from tests.support.builders import NEW, WEB, target_group

DOUBLE_HALF = {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0), "max_surge": EVERYTHING}
REPLACE = {"max_unavailable": Amount.parse("10%"), "max_surge": Amount(value=0)}
ROUTING = Routing(arn=WEB, name="web")
NETWORK = replace(ROUTING, behind_network_load_balancer=True)


def fleet(servers: int, routing: Routing, ports: tuple[int, ...] = (80,)) -> FleetFacts:
    targets = tuple(Target(key=TargetKey(target_group=WEB, port=port), state=TargetState.HEALTHY) for port in ports)
    return FleetFacts(
        kind=FleetKind.STANDALONE,
        name="web",
        target_groups=(target_group(),),
        instances=tuple(
            Instance(instance_id=f"i-{number}", zone=f"zone-{number % 2}", targets=targets) for number in range(servers)
        ),
        routing=(routing,),
    )


def warnings(facts: FleetFacts, asked: dict[str, object]) -> list[str]:
    rollout = Rollout(
        rollout_id="web",
        kind=FleetKind.STANDALONE,
        fleet="web",
        target_groups=(WEB,),
        template=NEW,
        **asked,  # type: ignore[arg-type]
    )
    findings = Findings()
    check_target_quotas(rollout, facts, findings)
    return [finding.message for finding in findings.warnings()]


def test_more_targets_than_a_target_group_takes_by_default_are_named_with_the_quota() -> None:
    (warning,) = warnings(fleet(501, ROUTING), DOUBLE_HALF)

    assert "has 501 targets, and the rollout registers up to 1002 at a time" in warning
    assert "the quota 'Targets per Target Group per Region' is 1000" in warning


@pytest.mark.parametrize(
    ("servers", "routing", "ports", "asked"),
    [
        (500, ROUTING, (80,), DOUBLE_HALF),
        (999, ROUTING, (80,), REPLACE),
        (1500, ROUTING, (80,), REPLACE),  # the account's quota was raised, and nothing is added
        (250, NETWORK, (80,), DOUBLE_HALF),
        (500, replace(NETWORK, per_zone=True), (80,), DOUBLE_HALF),
    ],
)
def test_a_rollout_within_the_defaults_is_no_finding(
    servers: int, routing: Routing, ports: tuple[int, ...], asked: dict[str, object]
) -> None:
    assert warnings(fleet(servers, routing, ports), asked) == []


def test_each_port_of_a_server_and_the_targets_of_others_count() -> None:
    (warning,) = warnings(fleet(200, replace(ROUTING, other_targets=300), ports=(80, 81)), DOUBLE_HALF)

    assert "has 700 targets, and the rollout registers up to 1100 at a time" in warning


def test_the_fullest_zone_of_a_network_load_balancer_counts_if_cross_zone_load_balancing_is_off() -> None:
    facts = fleet(700, replace(NETWORK, per_zone=True))
    in_group, in_zone = warnings(facts, DOUBLE_HALF)

    assert "Targets per Target Group per Region" in in_group
    assert "350 targets in zone-0, and the rollout registers up to 700 at a time" in in_zone
    assert "'Targets per Availability Zone per Network Load Balancer' is 500" in in_zone


def test_all_zones_of_a_network_load_balancer_share_the_quota_with_cross_zone_load_balancing() -> None:
    (warning,) = warnings(fleet(300, NETWORK), DOUBLE_HALF)

    assert "300 targets in all zones, and the rollout registers up to 600 at a time" in warning
