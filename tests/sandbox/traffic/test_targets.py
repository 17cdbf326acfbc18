"""The target table: the target of the next request."""

import pytest

from awsroll.sandbox.traffic.target_table import SHIFTED, RoutingThreshold, TargetKey, TargetTable


def key(instance_id: str, *, group: str = "web", port: int = 80) -> TargetKey:
    return TargetKey(target_group_arn=group, instance_id=instance_id, port=port)


def table(states: dict[str, str], *, groups: tuple[str, ...] = ("web",)) -> TargetTable:
    """Build a table of targets in the first group."""
    built = TargetTable(groups)
    for instance_id, state in states.items():
        built.apply(key(instance_id, group=groups[0]), state)
    return built


def next_instances(of: TargetTable, count: int) -> list[str | None]:
    return [target.instance_id if (target := of.next_target()) else None for _ in range(count)]


def test_healthy_targets_take_turns() -> None:
    assert sorted(filter(None, next_instances(table({"a": "healthy", "b": "healthy"}), 6))) == ["a"] * 3 + ["b"] * 3


def test_only_healthy_targets_get_requests_while_there_is_one() -> None:
    states = {"a": "healthy", "b": "unhealthy", "c": "initial", "d": "draining", "e": "unused", "f": "unavailable"}
    assert set(next_instances(table(states), 12)) == {"a"}


def test_a_group_without_a_healthy_target_fails_open_to_the_registered_ones() -> None:
    states = {"a": "unhealthy", "b": "initial", "c": "draining", "d": "unused"}
    assert set(next_instances(table(states), 8)) == {"a", "b"}


@pytest.mark.parametrize(
    ("threshold", "chosen"),
    [
        (RoutingThreshold(), "ab"),
        (RoutingThreshold(count=2), "ab"),
        (RoutingThreshold(count=3), "abcd"),
        (RoutingThreshold(percentage=50), "ab"),
        (RoutingThreshold(percentage=51), "abcd"),
        (RoutingThreshold(count=3, percentage=10), "abcd"),
    ],
    ids=str,
)
def test_a_group_below_its_routing_threshold_fails_open(threshold: RoutingThreshold, chosen: str) -> None:
    built = table({"a": "healthy", "b": "healthy", "c": "unhealthy", "d": "initial", "e": "draining"})
    built.set_threshold("web", threshold)
    assert set(next_instances(built, 12)) == set(chosen)


def test_a_group_with_draining_targets_only_has_no_candidate() -> None:
    assert next_instances(table({"a": "draining", "b": "unused"}), 2) == [None, None]


def test_a_target_that_is_gone_is_forgotten() -> None:
    emptied = table({"a": "healthy"})
    emptied.apply(key("a"), "gone")
    assert emptied.next_target() is None
    assert emptied.serving_instances() == frozenset()


def test_a_state_unknown_today_is_not_healthy() -> None:
    assert set(next_instances(table({"a": "healthy", "b": "levitating"}), 4)) == {"a"}


def test_groups_take_turns_and_none_steps_in_for_an_empty_one() -> None:
    assert next_instances(table({"a": "healthy"}, groups=("web", "api")), 4) == ["a", None, "a", None]


def test_groups_that_are_not_followed_are_ignored() -> None:
    followed = table({"a": "healthy"})
    followed.apply(key("b", group="other"), "healthy")
    assert set(next_instances(followed, 4)) == {"a"}


def test_an_instance_serves_only_if_healthy_on_every_port() -> None:
    two_ports = table({"a": "healthy", "b": "healthy"})
    two_ports.apply(key("a", port=8080), "healthy")
    two_ports.apply(key("b", port=8080), "draining")
    assert two_ports.serving_instances() == {"a"}


def test_an_instance_serves_only_if_healthy_in_every_group() -> None:
    two_groups = table({"a": "healthy", "b": "healthy"}, groups=("web", "api"))
    two_groups.apply(key("a", group="api"), "healthy")
    assert two_groups.serving_instances() == {"a"}


def test_a_target_without_requests_by_a_zonal_shift_gets_none() -> None:
    table = TargetTable(["web"])
    here, there = (TargetKey(target_group_arn="web", instance_id=name, port=80) for name in ("i-1", "i-2"))
    table.apply(here, "healthy")
    table.apply(there, SHIFTED)
    assert {table.next_target() for _ in range(4)} == {here}
    assert table.serving_instances() == {"i-1"}
