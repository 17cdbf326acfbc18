"""How long a drain lasts, by the kind of load balancer and by who deregisters."""

import pytest

from awsroll.core.classify.draining import delay_in_rollout, drain_seconds
from tests.support.builders import target_group

NETWORK = ["TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"]


@pytest.mark.parametrize("protocol", ["", "HTTP", "HTTPS"])
def test_a_target_group_of_an_application_load_balancer_drains_for_its_delay(protocol: str) -> None:
    group = target_group(protocol=protocol, managed=True)
    assert (delay_in_rollout(group), drain_seconds(group)) == (30, 30)
    assert (delay_in_rollout(group, 5), drain_seconds(group, 5)) == (5, 5)


@pytest.mark.parametrize("protocol", NETWORK)
def test_a_drain_behind_a_network_load_balancer_lasts_two_minutes_or_more(protocol: str) -> None:
    short, long = target_group(protocol=protocol), target_group(protocol=protocol, deregistration_delay_seconds=300)
    assert (drain_seconds(short), drain_seconds(long)) == (120, 300)
    assert drain_seconds(long, 5) == 120


@pytest.mark.parametrize("protocol", NETWORK)
def test_the_delay_is_raised_only_where_the_group_drains_or_the_request_changes_it(protocol: str) -> None:
    by_hand = target_group(protocol=protocol)
    managed = target_group(protocol=protocol, managed=True)
    assert (delay_in_rollout(by_hand), delay_in_rollout(managed)) == (30, 120)
    assert (delay_in_rollout(by_hand, 5), delay_in_rollout(managed, 5)) == (120, 120)
    assert delay_in_rollout(managed, 200) == 200
