"""A fleet that the label of another store holds: the store is lost, and a person says so."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.tags import HELD_BY_TAG
from awsroll.driver.context import Context
from awsroll.errors import FleetError, FleetLockedError
from awsroll.fleets.label import Held
from awsroll.repairs.repair import Repaired, RepairTarget, repair
from awsroll.stores import LocalStore
from tests.crash.scenarios import Scenario
from tests.repair.wreck import Wreck, wreck

DOUBLE = Scenario(
    name="double",
    grouped=True,
    wanted={"strategy": Strategy.DOUBLE_HALF},
    shape={"min_size": 2, "max_size": 2},
)
LOST = "runner:/home/runner/.local/state/awsroll"


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Wreck]:
    with wreck(DOUBLE, tmp_path) as made:
        yield made


def put_label(found: Wreck, *, seconds: float = 500) -> None:
    held = Held(rollout_id="ci-1", place=LOST, until=found.sandbox.clock.now() + timedelta(seconds=seconds))
    tag = {"Key": HELD_BY_TAG, "Value": str(held), "ResourceId": "web", "ResourceType": "auto-scaling-group"}
    found.sandbox.session().client("autoscaling").create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": False}])


def take_over(found: Wreck, *, confirm: Callable[[Sequence[Any]], bool] = bool, take_over: bool = True) -> Repaired:
    context = Context(
        session=found.sandbox.session(), store=LocalStore(found.folder / "elsewhere"), clock=found.sandbox.clock
    )
    target = RepairTarget(asg="web", take_over=take_over)
    return repair(target, context, confirm=confirm, confirm_instance=lambda _: True)


def test_the_error_says_what_to_do_if_the_store_is_lost(found: Wreck) -> None:
    put_label(found)

    with pytest.raises(FleetLockedError) as refusal:
        take_over(found, take_over=False)

    assert f"group web is held by rollout ci-1 of the store {LOST} until" in str(refusal.value)
    assert "`awsroll resume ci-1`" in str(refusal.value)
    assert "`awsroll repair --asg web --take-over`" in str(refusal.value)


def test_a_label_is_taken_over_only_if_a_person_confirms_it(found: Wreck) -> None:
    put_label(found)
    before = found.sandbox.calls.copy()

    shown = take_over(found, confirm=lambda _: False)

    (label,) = shown.found
    assert (label.what, label.about, label.acts) == ("label", "web", True)
    assert f"held by rollout ci-1 of the store {LOST} until" in label.found
    assert "only if that store is lost and no process rolls this fleet" in label.remedy
    assert not shown.acted
    assert {name for name, number in found.sandbox.calls.items() if number != before.get(name)} <= {
        name for name in found.sandbox.calls if any(f":{verb}" in name for verb in ("Describe", "Get", "List"))
    }


def test_the_label_of_a_lost_store_is_removed_at_once(found: Wreck) -> None:
    put_label(found)

    taken = take_over(found)

    assert (taken.acted, taken.clean) == (True, True)
    assert found.settings_now() == found.found


def test_a_label_that_its_rollout_renews_meanwhile_is_kept(found: Wreck) -> None:
    put_label(found, seconds=300)

    def renewed(_: Sequence[Any]) -> bool:
        put_label(found, seconds=600)
        return True

    with pytest.raises(FleetError, match="has changed since it was shown; nothing was changed"):
        take_over(found, confirm=renewed)


def test_a_rollout_whose_store_is_lost_is_repaired_at_once(tmp_path: Path) -> None:
    with wreck(DOUBLE, tmp_path / "killed") as found:
        found.roll(DOUBLE, "after autoscaling:LaunchInstances")
        assert found.settings_now() != found.found
        begun = found.sandbox.clock.now()
        with pytest.raises(FleetLockedError, match="--take-over"):
            take_over(found, take_over=False)
        assert found.sandbox.clock.now() - begun < timedelta(seconds=30)

        taken = take_over(found)
        found.sandbox.jump(900)

        assert taken.acted
        assert found.settings_now() == found.found
        assert found.live() == found.serving() == set(found.fleet.instance_ids)


def test_an_expired_label_needs_no_take_over(found: Wreck) -> None:
    put_label(found, seconds=-1)

    taken = take_over(found, take_over=False)

    assert "but no process drives it" in taken.found[0].found
    assert taken.clean
