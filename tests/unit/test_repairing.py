"""The repair of a fleet without a record: its version, its capacity, and the servers that leave or return."""

from dataclasses import replace

import pytest

from awsroll.core.classify.view import View
from awsroll.core.model.observation import (
    FleetKind,
    Group,
    Instance,
    InstanceState,
    Lifecycle,
    Target,
    TargetKey,
    TargetState,
    TemplateVersion,
)
from awsroll.core.model.status import Mode
from awsroll.core.repair.leftovers import leftovers
from awsroll.core.repair.reconstruct import ObservedFleet, reconstruct
from tests.support.looks import NEW, OLD, ON_WEB, WEB, group, group_look, instance, look, member, rollout

DRAFT = rollout(FleetKind.AUTO_SCALING, template=None, baseline_template=None)
BY_HAND = rollout(template=None, baseline_template=None)
API = TargetKey(target_group="arn:api", port=8080)
MIDDLE = group(desired=4, maximum=4)  # a double-half of two that has launched its two


def _seen(found: Group, *members: Instance, alias: TemplateVersion | None = None, **saved_tags: str) -> ObservedFleet:
    tags = {("web", name.replace("_", "-")): value for name, value in saved_tags.items()}
    return ObservedFleet(rollout=DRAFT, observation=group_look(*members, seen=found), saved_tags=tags, alias=alias)


def _old(count: int) -> tuple[Instance, ...]:
    return tuple(member(f"i-old{number}") for number in range(count))


def _new(count: int) -> tuple[Instance, ...]:
    return tuple(member(f"i-new{number}", NEW) for number in range(count))


def _saved_tags(seen: ObservedFleet) -> list[str]:
    made, kept = reconstruct(seen)
    return [str(one) for one in leftovers(View(made, seen.observation, kept), labels={})]


# --- a group --------------------------------------------------------------------------------------------------------


def test_the_new_half_of_a_killed_double_half_is_the_surplus() -> None:
    seen = _seen(MIDDLE, *_old(2), *_new(2), desired_capacity="2", max_size="2", version="lt-web:1")
    made, kept = reconstruct(seen)
    found = leftovers(View(made, seen.observation, kept), labels={})

    assert [(one.what, one.about, one.remedy) for one in found] == [
        ("surplus", "i-new0", "the group retires it, by its id"),
        ("surplus", "i-new1", "the group retires it, by its id"),
        ("desired", "web", "set to 2 when the group has at most 2 members"),
        ("setting", "web", "set to 2"),
        ("setting", "web", "set to lt-web:1"),
    ]
    assert (kept.mode, made.template, made.baseline_template) == (Mode.STOPPING, NEW, OLD)


def test_a_desired_capacity_below_the_saved_value_was_set_by_someone_else_and_stays() -> None:
    _, kept = reconstruct(_seen(group(desired=2), *_old(2), desired_capacity="5"))

    assert kept.desired is not None
    assert kept.desired.goal == 2


def test_without_a_saved_desired_capacity_no_server_is_surplus() -> None:
    assert _saved_tags(_seen(MIDDLE, *_old(2), *_new(2))) == []


@pytest.mark.parametrize(
    ("members", "saved_tags", "alias", "expected"),
    [
        pytest.param((*_old(1), *_new(1)), "lt-web:1", None, OLD, id="a-number-is-taken-as-it-is"),
        pytest.param((*_old(1), *_new(3)), "lt-web:$Latest", NEW, OLD, id="an-alias-is-what-old-members-run"),
        pytest.param((), "lt-web:$Default", OLD, OLD, id="an-alias-that-no-member-explains-is-resolved"),
        pytest.param(_new(2), "lt-web:1", None, NEW, id="what-every-member-runs-stays"),
    ],
)
def test_the_version_that_the_group_gets(
    members: tuple[Instance, ...], saved_tags: str, alias: TemplateVersion | None, expected: TemplateVersion
) -> None:
    made, _ = reconstruct(_seen(MIDDLE, *members, alias=alias, version=saved_tags))

    assert made.baseline_template == expected


def test_a_rollout_that_died_at_a_gate_had_the_other_version_as_its_target() -> None:
    waiting = replace(MIDDLE, template=OLD, version="1")
    made, _ = reconstruct(_seen(waiting, *_old(2), *_new(1), version="lt-web:1"))

    assert (made.template, made.baseline_template) == (NEW, OLD)


def test_only_processes_saved_as_running_are_resumed() -> None:
    found = replace(MIDDLE, suspended=frozenset({"AZRebalance", "ScheduledActions"}))
    tags = {("web", "process:AZRebalance"): "running", ("web", "process:ScheduledActions"): "suspended"}
    seen = ObservedFleet(rollout=DRAFT, observation=group_look(*_old(4), seen=found), saved_tags=tags)

    assert _saved_tags(seen) == ["process AZRebalance of group web is suspended, it was running: set to running"]


def test_max_is_not_set_below_what_the_group_should_have() -> None:
    seen = _seen(group(desired=6, maximum=8), *_old(6), max_size="4")

    assert _saved_tags(seen) == ["max size of group web is 8, it was 4: set to 6"]


def test_a_member_that_the_rollout_put_in_standby_is_shown_and_left() -> None:
    away = member("i-1", lifecycle=Lifecycle.STANDBY, rollout="web-1", role="reloading")
    his = member("i-2", lifecycle=Lifecycle.STANDBY)
    seen = _seen(group(desired=1), away, his, *_old(1), desired_capacity="2")
    made, kept = reconstruct(seen)
    (left, desired) = leftovers(View(made, seen.observation, kept), labels={})

    assert (left.what, left.about, left.acts) == ("standby", "i-1", False)
    assert "aws autoscaling exit-standby --auto-scaling-group-name web --instance-ids i-1" in left.remedy
    assert desired.remedy == "not changed, its tag is removed"


def test_a_minimum_that_counts_members_in_standby_waits_for_them() -> None:
    away = member("i-1", lifecycle=Lifecycle.STANDBY, rollout="web-1", role="reloading")
    _, kept = reconstruct(_seen(group(desired=1, minimum=1), away, *_old(1), min_size="2", max_size="4"))

    assert kept.settings.found == {"max-size": "4"}


def test_a_member_deregistered_by_us_from_a_port_the_group_does_not_manage_comes_back() -> None:
    draft = replace(DRAFT, extra_targets=(API,))
    other = replace(WEB, arn="arn:api", name="api", port=8080)
    on_api = Target(key=API, state=TargetState.HEALTHY)
    whole = replace(member("i-1"), targets=(*member("i-1").targets, on_api))
    half = member("i-2", role="retiring", rollout="web-1")
    observation = replace(
        group_look(whole, half, seen=group(desired=2)), target_groups=(replace(WEB, managed=True), other)
    )
    made, kept = reconstruct(ObservedFleet(rollout=draft, observation=observation, saved_tags={}))
    (found,) = leftovers(View(made, observation, kept), labels={})

    assert kept.returning == ("i-2",)
    assert (found.what, found.remedy) == ("half-registered", "registered on target group api port 8080")


# --- instances registered by hand -----------------------------------------------------------------------------------


def _by_hand(*instances: Instance) -> ObservedFleet:
    return ObservedFleet(rollout=BY_HAND, observation=look(*instances), saved_tags={})


def _launched(name: str, replaces: str, state: TargetState | None = None, **more: object) -> Instance:
    tags = (("awsroll:fleet", "web"), ("awsroll:replaces", replaces))
    return instance(name, NEW, state, rollout="web-1", role="replacement", tags=tags, **more)


def _retired(name: str) -> Instance:
    return instance(name, OLD, None, rollout="web-1", role="retiring")


def test_a_launched_server_whose_predecessor_still_serves_is_an_orphan() -> None:
    seen = _by_hand(instance("i-1"), instance("i-2"), _launched("i-3", "i-1"))

    assert _saved_tags(seen) == [
        "i-3 (lt-web:2) was launched by rollout web-1 and is not registered: terminated (surplus)"
    ]


def test_a_launched_server_whose_predecessor_is_gone_takes_its_slot() -> None:
    seen = _by_hand(instance("i-2"), _launched("i-3", "i-1"))
    _, kept = reconstruct(seen)

    assert kept.returning == ("i-3",)
    assert [place.targets for place in kept.slots] == [(ON_WEB,), (ON_WEB,)]
    assert _saved_tags(seen) == ["i-3 (lt-web:2) is not registered everywhere: registered on target group web port 80"]


def test_one_of_two_servers_launched_for_the_same_slot_takes_it() -> None:
    _, kept = reconstruct(_by_hand(instance("i-2"), _launched("i-3", "i-1"), _launched("i-4", "i-1")))

    assert kept.returning == ("i-3",)
    assert [launch.instance_ids for launch in kept.launches] == [("i-4",)]


def test_an_old_server_that_was_taken_out_returns_while_no_server_serves_in_its_slot() -> None:
    _, kept = reconstruct(_by_hand(_retired("i-1"), instance("i-2"), _launched("i-3", "i-1")))

    assert kept.returning == ("i-1",)
    assert [launch.instance_ids for launch in kept.launches] == [("i-3",)]


def test_an_old_server_whose_successor_serves_is_left_to_a_person() -> None:
    seen = _by_hand(_retired("i-1"), instance("i-2"), _launched("i-3", "i-1", TargetState.HEALTHY))

    (saved_tags,) = _saved_tags(seen)
    assert saved_tags.startswith(
        "i-1 (lt-web:1) was taken out of traffic by rollout web-1, and i-3 replaces it: not changed"
    )
    assert "`aws ec2 terminate-instances --instance-ids i-1`" in saved_tags


def test_a_server_that_serves_beside_its_predecessor_is_left_to_a_person() -> None:
    (saved_tags,) = _saved_tags(_by_hand(instance("i-1"), _launched("i-3", "i-1", TargetState.HEALTHY)))

    assert saved_tags.startswith(
        "i-3 (lt-web:2) was launched to replace i-1 (lt-web:1), and both serve: both stay in traffic"
    )


def test_a_slot_without_a_launch_is_left_to_a_person() -> None:
    gone = replace(_retired("i-1"), state=InstanceState.TERMINATED)
    (saved_tags,) = _saved_tags(_by_hand(gone, instance("i-2")))

    assert saved_tags == (
        "i-1 (lt-web:1) was terminated by rollout web-1, and no replacement was launched: not changed, one server is "
        "missing; launch one from lt-web:1 and register it"
    )


def test_a_slot_that_was_handed_over_is_not_vacant() -> None:
    first, second = (replace(one, state=InstanceState.TERMINATED) for one in (_retired("i-1"), _launched("i-2", "i-1")))
    serving = _launched("i-3", "i-1", TargetState.HEALTHY)

    assert _saved_tags(_by_hand(first, replace(second, role="retiring"), serving)) == []


def test_a_half_registered_server_is_registered_where_most_are() -> None:
    both = (Target(key=ON_WEB, state=TargetState.HEALTHY), Target(key=API, state=TargetState.HEALTHY))
    usual = [replace(instance(name), targets=both) for name in ("i-1", "i-2")]
    half = _launched("i-3", "i-0", TargetState.HEALTHY)
    _, kept = reconstruct(_by_hand(*usual, half))

    assert kept.returning == ("i-3",)
    assert kept.slots[-1].targets == tuple(sorted((ON_WEB, API)))


def test_servers_without_awsroll_tags_are_left_as_they_are() -> None:
    assert (
        _saved_tags(_by_hand(instance("i-1"), instance("i-2", OLD, None), instance("i-3", NEW, None, role="other")))
        == []
    )


def test_a_server_that_has_ended_is_no_leftover() -> None:
    gone = replace(_launched("i-3", "i-1"), state=InstanceState.TERMINATED)

    assert _saved_tags(_by_hand(instance("i-1"), gone)) == []
