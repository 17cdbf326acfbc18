from dataclasses import replace

from awsroll.core.classify.view import View
from awsroll.core.decide.victims import order
from awsroll.core.model.observation import Instance, TargetState
from tests.support.looks import ZONES, instance, later, look, rollout, status


def _in_zone(name: str, zone: str, **more: object) -> Instance:
    return replace(instance(name, **more), zone=zone)  # type: ignore[arg-type]


def _order(*fleet: Instance) -> list[str]:
    view = View(rollout(), look(*fleet), status(*(one.instance_id for one in fleet)))
    return [one.instance_id for one in order(view, fleet)]


def test_unhealthy_instances_leave_first() -> None:
    fleet = (instance("i-1"), instance("i-2", state=TargetState.UNHEALTHY), instance("i-3"))

    assert _order(*fleet) == ["i-2", "i-1", "i-3"]


def test_the_next_instance_comes_from_the_zone_with_the_most_instances() -> None:
    a, b, c = ZONES
    fleet = (_in_zone("i-1", a), _in_zone("i-2", b), _in_zone("i-3", b), _in_zone("i-4", b), _in_zone("i-5", c))

    assert _order(*fleet) == ["i-2", "i-3", "i-1", "i-4", "i-5"]


def test_the_oldest_leaves_first_within_a_zone() -> None:
    young = replace(instance("i-1"), launched_at=later(60))

    assert _order(young, instance("i-2")) == ["i-2", "i-1"]
