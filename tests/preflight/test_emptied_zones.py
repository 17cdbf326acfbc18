"""The checks of `--zones one-by-one` name the zones that their turn would leave without a healthy server."""

from typing import Any

import pytest

from awsroll.core.model.rollout_choices import Zones
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError
from awsroll.preflight.preparation import Prepared
from tests.support.builders import NEW, auto_scaling

LEAVES = "--zones one-by-one leaves {} without a healthy server during its turn"


def prepared(servers: int, **request: Any) -> Prepared:
    """Prepare a rollout of a group in three zones. Servers beyond a multiple of three are in the first zones."""
    fleet = auto_scaling(outdated=servers, maximum=servers + 3)
    return fleet.prepare_rollout(
        RolloutSpec(asg="web", launch_template=str(NEW), zones=Zones.ONE_BY_ONE, **request), findings=None
    )


def test_the_smallest_zone_comes_first() -> None:
    gates = prepared(7, zone_bake=600).rollout.gates
    assert gates.by_zone
    assert gates.zones == ("zone-b", "zone-c", "zone-a")
    assert gates.delay_seconds == 600


def test_a_zone_with_a_single_server_is_refused_by_name() -> None:
    with pytest.raises(FleetError) as refused:
        prepared(5)
    assert f"{LEAVES.format('zone-c')}, because a single server serves there" in str(refused.value)


@pytest.mark.parametrize(
    ("servers", "request_", "emptied"),
    [
        (5, {"max_unavailable": 1}, "zone-c"),
        (5, {"max_unavailable": 2}, "zone-c, zone-a, zone-b"),
        (6, {"max_unavailable": "100%"}, "zone-a, zone-b, zone-c"),
    ],
)
def test_max_unavailable_allows_it_with_a_warning_that_names_the_zones(
    servers: int, request_: dict[str, Any], emptied: str
) -> None:
    assert any(warning.startswith(LEAVES.format(emptied)) for warning in prepared(servers, **request_).warnings)


@pytest.mark.parametrize(
    ("servers", "request_"),
    [(6, {}), (6, {"concurrent": 2}), (6, {"max_unavailable": "50%"}), (3, {"launch_first": True})],
)
def test_a_zone_that_keeps_a_healthy_server_is_not_named(servers: int, request_: dict[str, Any]) -> None:
    assert not [warning for warning in prepared(servers, **request_).warnings if "healthy server" in warning]
