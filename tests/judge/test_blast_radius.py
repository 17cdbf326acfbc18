"""No bad version reaches more than its plan states. `python -m tests.judge.blast_radius` rolls thousands of them."""

from dataclasses import replace

import pytest

from awsroll.core.classify.blast_radius import Traffic, blast_radius
from awsroll.core.classify.capacity import Bounds, bounds
from awsroll.core.model.amount import Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Gates, OnFailure, Strategy
from tests.judge.bad_versions import KINDS, PLANS, made_from, stated
from tests.judge.blast_radius import exceeded, reached
from tests.support.builders import at_a_time, rollout, standalone, target_group

TEN = Traffic(rate=50, metrics=1, arrival_seconds=40, zones=(10,))
ONE_THEN_HALF = Gates(checkpoints=(Amount(value=1), Amount.parse("50%")))


def radius(traffic: Traffic = TEN, **changes: object) -> list[tuple[str, int, float]]:
    made, limits = _made(**changes)
    return [
        (part.gate, part.servers, round(part.share, 3))
        for part in blast_radius(made, limits, (target_group(),), traffic)
    ]


def seconds(traffic: Traffic = TEN, **changes: object) -> list[float | None]:
    made, limits = _made(**changes)
    return [part.seconds for part in blast_radius(made, limits, (target_group(),), traffic)]


def _made(**changes: object) -> tuple[Rollout, Bounds]:
    given = {"gates": ONE_THEN_HALF, "on_failure": OnFailure.ROLLBACK} | changes
    made = rollout(standalone(outdated=10), **given)
    return made, bounds(made, 10)


@pytest.mark.parametrize("plan", ["1 at a time, checkpoint 1", "launch first, checkpoint 1"])
def test_no_bad_version_reaches_more_than_stated(plan: str) -> None:
    seen = reached(plan, len(KINDS), processes=1)

    assert exceeded(plan, seen) == []
    assert {"the wrong port", "no boot"} <= {kind for kind, one in seen if one.servers == 0}
    assert {kind for kind, one in seen if one.part == 0} >= {"nothing but errors", "slow", "a crash at the start"}


def test_each_checkpoint_limits_servers_and_share() -> None:
    assert radius() == [("1", 1, 0.1), ("50%", 5, 0.5), ("", 10, 1.0)]


def test_double_half_keeps_all_old_servers_until_its_end() -> None:
    surge = {"max_unavailable": Amount(value=0), "max_surge": Amount.parse("100%")}

    assert radius(strategy=Strategy.DOUBLE_HALF, **surge) == [("1", 1, 0.091), ("50%", 5, 0.333), ("", 10, 1.0)]


def test_a_server_that_is_alone_in_its_zone_takes_all_requests_of_the_zone() -> None:
    assert radius(replace(TEN, zones=(1, 4, 5)), keeps_zones=True)[0] == ("1", 1, 0.333)


def test_the_time_ends_with_the_servers_that_must_wait_for_old_ones() -> None:
    one, half, rest = seconds(**at_a_time(2))

    assert one is not None
    assert half is not None
    assert rest is None
    assert half > one + 40


def test_without_judge_or_rollback_only_a_person_ends_it() -> None:
    assert seconds(replace(TEN, metrics=0)) == [None, None, None]
    assert seconds(on_failure=OnFailure.PAUSE) == [None, None, None]


def test_the_bake_time_ends_a_part_with_one_old_server_left() -> None:
    baked = replace(ONE_THEN_HALF, bake_seconds=600)
    hooks = (Hook(point=HookPoint.WHILE_JUDGING, name="errors", command=("count",)),)

    assert radius(gates=baked, hooks=hooks) == [("1", 1, 0.1), ("50%", 5, 0.5), ("bake time", 9, 0.9), ("", 10, 1.0)]
    assert seconds(gates=baked, hooks=hooks)[2] is not None
    assert [gate for gate, _, _ in radius(gates=baked)] == ["1", "50%", ""]


def test_stated_are_all_parts_of_each_plan() -> None:
    for plan in PLANS.values():
        assert len(stated(plan)) == len(made_from(plan)[1].gates.checkpoints) + 1
