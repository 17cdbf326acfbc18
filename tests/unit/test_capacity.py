from dataclasses import replace

import pytest

from awsroll.core.classify.capacity import bounds, measure, vacancies
from awsroll.core.classify.view import View
from awsroll.core.model.amount import Amount
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import FleetKind, InstanceState, Lifecycle, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.testing.clock import T0
from tests.support.looks import NEW, ON_WEB, ended, group, group_look, instance, look, member, rollout, status
from tests.support.status import changed


@pytest.mark.parametrize(
    ("unavailable", "surge", "desired", "floor", "ceiling"),
    [
        pytest.param("2", "0", 10, 8, 10, id="two-at-a-time"),
        pytest.param("0", "2", 10, 10, 12, id="launch-first"),
        pytest.param("0", "100%", 5, 5, 10, id="double-half"),
        pytest.param("25%", "25%", 6, 5, 8, id="percentages-round-away-from-danger"),
        pytest.param("10%", "0", 4, 3, 4, id="both-zero-by-rounding-means-one-unavailable"),
        pytest.param("5", "0", 3, 0, 3, id="never-below-nothing"),
        pytest.param("1", "0", 0, 0, 0, id="an-empty-fleet"),
    ],
)
def test_bounds(unavailable: str, surge: str, desired: int, floor: int, ceiling: int) -> None:
    limits = bounds(rollout(unavailable=unavailable, surge=surge), desired)

    assert (limits.floor, limits.ceiling) == (floor, ceiling)


def test_counts_a_fleet_at_rest() -> None:
    names = [f"i-{n}" for n in range(4)]
    capacity = measure(View(rollout(), look(*map(instance, names)), status(*names)))

    assert (capacity.live, capacity.serving, capacity.room, capacity.in_flight, capacity.launches_allowed) == (
        4,
        4,
        1,
        0,
        0,
    )


def test_a_leaving_server_does_not_count_as_capacity() -> None:
    kept = status("i-1", "i-2", "i-3", retiring=("i-1",))
    capacity = measure(View(rollout(), look(instance("i-1"), instance("i-2"), instance("i-3")), kept))

    assert (capacity.serving, capacity.room, capacity.in_flight) == (2, 0, 1)


def test_a_healthy_new_instance_counts_only_when_it_was_verified() -> None:
    launch = Launch(number=1, token="t", at=T0, replaces="i-1", instance_ids=("i-9",), settled=True)
    kept = status("i-1", launches=(launch,))
    fleet = look(ended(instance("i-1")), instance("i-9", NEW))

    assert measure(View(rollout(), fleet, kept)).serving == 0
    assert measure(View(rollout(), fleet, changed(kept, serving=("i-9",)))).serving == 1


def test_a_launch_without_an_answer_counts_as_live() -> None:
    launch = Launch(number=1, token="t", at=T0, replaces="i-1")
    capacity = measure(View(rollout(), look(ended(instance("i-1"))), status("i-1", launches=(launch,))))

    assert (capacity.live, capacity.launches_allowed, capacity.in_flight) == (1, 0, 1)


def test_an_ended_instance_leaves_its_slot_vacant_until_a_replacement_is_launched() -> None:
    fleet = look(ended(instance("i-1")), instance("i-2"))
    launch = Launch(number=1, token="t", at=T0, replaces="i-1")

    assert vacancies(View(rollout(), fleet, status("i-1", "i-2"))) == ("i-1",)
    assert vacancies(View(rollout(), fleet, status("i-1", "i-2", launches=(launch,)))) == ()


def test_instances_that_the_group_has_yet_to_launch_are_inbound() -> None:
    capacity = measure(
        View(
            rollout(FleetKind.AUTO_SCALING),
            group_look(member("i-1"), member("i-2"), seen=group(desired=3)),
            replace(status(), desired=None),
        )
    )

    assert (capacity.inbound, capacity.live, capacity.in_flight) == (1, 3, 1)


@pytest.mark.parametrize("state", [state for state in TargetState if state is not TargetState.HEALTHY])
def test_only_a_healthy_target_serves(state: TargetState) -> None:
    assert measure(View(rollout(), look(instance("i-1", state=state)), status("i-1"))).serving == 0


def test_an_unknown_instance_state_is_live_but_does_not_serve() -> None:
    capacity = measure(View(rollout(), look(instance("i-1", state=None)), status("i-1")))
    strange = look(replace(instance("i-1"), state=InstanceState.UNKNOWN))

    assert capacity.serving == 0
    assert measure(View(rollout(), strange, status("i-1"))).serving == 0
    assert measure(View(rollout(), strange, status("i-1"))).live == 1


def _draining(name: str = "i-1", **more: object) -> Status:
    made = Server(phase=ServerPhase.DRAINING, since=T0, targets=(ON_WEB,), deregistered_at=T0)
    return status("i-1", "i-2", "i-3", servers={name: replace(made, **more)})  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [TargetState.DRAINING, None], ids=["draining", "drained"])
def test_a_server_on_its_way_out_is_not_live_and_its_place_is_free(state: TargetState | None) -> None:
    fleet = look(instance("i-1", state=state), instance("i-2"), instance("i-3"))
    capacity = measure(View(rollout(), fleet, _draining()))

    assert (capacity.live, capacity.running, capacity.launches_allowed, capacity.in_flight) == (2, 3, 1, 1)


def test_a_server_that_is_still_registered_is_live_although_its_deregistration_was_announced() -> None:
    fleet = look(instance("i-1"), instance("i-2"), instance("i-3"))
    announced = _draining(deregistered_at=None, deregistering_at=T0)

    assert measure(View(rollout(), fleet, announced)).launches_allowed == 0


def test_a_cap_counts_the_draining_server() -> None:
    fleet = look(instance("i-1", state=TargetState.DRAINING), instance("i-2"), instance("i-3"))
    allowed = {
        cap: measure(View(rollout(max_running=Amount.parse(cap)), fleet, _draining())).launches_allowed
        for cap in ("3", "100%", "4")
    }

    assert allowed == {"3": 0, "100%": 0, "4": 1}


def test_a_server_that_will_be_kept_stays_live_while_it_drains() -> None:
    fleet = look(instance("i-1", state=TargetState.DRAINING), instance("i-2"), instance("i-3"))

    assert measure(View(rollout(keep_old=True), fleet, _draining())).live == 3


def test_a_member_that_its_group_terminates_runs_and_is_not_live() -> None:
    ending = member("i-1", lifecycle=Lifecycle.TERMINATING)
    capacity = measure(
        View(rollout(FleetKind.AUTO_SCALING), group_look(ending, member("i-2"), seen=group(desired=1)), status())
    )

    assert (capacity.live, capacity.running) == (1, 2)
