"""The sums of waves: how many fleets run at a time, how many may fail, when a wave stops, and how it ended."""

import pytest

from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetEnding as Ending, FleetSpec, FleetsSpec, WaveSpec, worst
from awsroll.core.request.waves_file import fleets_of
from awsroll.errors import SpecError


def _wave(count: int, **limits: int | str) -> WaveSpec:
    fleets = tuple(FleetSpec(name=f"web-{n}", request=RolloutSpec(asg=f"web-{n}")) for n in range(count))
    return WaveSpec(name="all", fleets=fleets, **limits)


@pytest.mark.parametrize(
    ("concurrency", "fleets", "at_once"),
    [(None, 5, 5), (2, 5, 2), (9, 5, 5), ("50%", 5, 2), ("10%", 5, 1), ("100%", 5, 5)],
    ids=["all", "count", "more-than-there-are", "rounds-down", "one-at-the-least", "whole"],
)
def test_concurrency_is_a_count_or_a_percentage(concurrency: int | str | None, fleets: int, at_once: int) -> None:
    limits = {} if concurrency is None else {"concurrency": concurrency}

    assert _wave(fleets, **limits).at_once == at_once


@pytest.mark.parametrize(
    ("tolerated", "fleets", "may_fail"),
    [(0, 5, 0), (2, 5, 2), (9, 5, 5), ("19%", 5, 0), ("20%", 5, 1), ("39%", 5, 1), ("100%", 5, 5)],
    ids=["none", "count", "more-than-there-are", "rounds-to-none", "one", "rounds-down", "all"],
)
def test_tolerated_failures_round_down(tolerated: int | str, fleets: int, may_fail: int) -> None:
    assert _wave(fleets, tolerated_failures=tolerated).may_fail == may_fail


def test_as_many_begin_as_have_room_and_wait() -> None:
    limits = _wave(5, concurrency=2).limits

    assert limits.room([], waiting=5, running=0) == 2
    assert limits.room([], waiting=3, running=2) == 0
    assert limits.room([Ending.SUCCEEDED], waiting=3, running=1) == 1
    assert limits.room([Ending.SUCCEEDED] * 4, waiting=0, running=1) == 0


@pytest.mark.parametrize("ending", [Ending.ROLLED_BACK, Ending.PAUSED, Ending.STOPPED, Ending.REFUSED])
def test_one_failure_more_than_tolerated_begins_no_further_fleet(ending: Ending) -> None:
    limits = _wave(5, concurrency=1, tolerated_failures=1).limits

    assert limits.room([ending], waiting=4, running=0) == 1
    assert not limits.is_failed([ending])
    assert limits.room([ending, ending], waiting=3, running=0) == 0
    assert limits.is_failed([ending, ending])


@pytest.mark.parametrize("ending", [Ending.SUCCEEDED, Ending.INTERRUPTED, Ending.NOT_BEGUN])
def test_what_is_no_failure_fails_no_wave(ending: Ending) -> None:
    assert not _wave(3).limits.is_failed([ending] * 3)


@pytest.mark.parametrize(
    ("endings", "outcome"),
    [
        ([Ending.SUCCEEDED, Ending.SUCCEEDED], Outcome.SUCCEEDED),
        ([Ending.SUCCEEDED, Ending.ROLLED_BACK, Ending.NOT_BEGUN], Outcome.ROLLED_BACK),
        ([Ending.ROLLED_BACK, Ending.PAUSED], Outcome.PAUSED),
        ([Ending.PAUSED, Ending.STOPPED], Outcome.STOPPED),
        ([Ending.SUCCEEDED, Ending.REFUSED], Outcome.STOPPED),
        ([Ending.STOPPED, Ending.INTERRUPTED], Outcome.INTERRUPTED),
    ],
    ids=["all", "rolled-back", "paused", "stopped", "refused", "interrupted"],
)
def test_a_wave_ends_like_the_fleet_that_needs_attention_first(endings: list[Ending], outcome: Outcome) -> None:
    assert worst(endings) is outcome
    assert worst(reversed(endings)) is outcome


def test_being_stopped_before_all_were_begun_is_an_interruption() -> None:
    assert worst([Ending.ROLLED_BACK, Ending.NOT_BEGUN], interrupted=True) is Outcome.INTERRUPTED


def _fleet(**more: str) -> FleetSpec:
    return FleetSpec(**{"name": "web", "request": RolloutSpec(asg="web")} | more)


def test_a_contradictory_fleet_is_reported() -> None:
    assert _fleet(external_id="x").problems() == ("external-id needs a role: add role, or remove external-id",)


def test_a_reload_of_many_fleets_names_its_version() -> None:
    reload = RolloutSpec(asg="web", strategy=Strategy.RELOAD, command=("true",))

    (problem,) = FleetSpec(name="web", request=reload).problems()

    assert problem.startswith("a reload of many fleets needs app-version")


def test_the_account_is_that_of_the_role() -> None:
    assert _fleet(role="arn:aws-cn:iam::111122223333:role/team/deploy").account == "111122223333"
    assert _fleet().account == ""


def test_all_problems_are_reported_with_their_location() -> None:
    twice = _fleet(name="twice")
    waves = (
        WaveSpec(name="one", fleets=(twice, _fleet(name="other"))),
        WaveSpec(name="one", fleets=()),
        WaveSpec(name="two", fleets=(FleetSpec(name="twice", request=RolloutSpec()),)),
    )

    assert FleetsSpec(waves=waves).problems() == (
        "wave one: it has no fleets",
        *(f"wave two: fleet twice: {problem}" for problem in RolloutSpec().problems()),
        "there are 2 waves 'one': names must differ",
        "there are 2 fleets 'twice': set a different `name` for each",
        "fleets twice and other both include web: it can be in only one fleet",
    )


def test_a_name_that_is_too_long_to_show_is_shown_as_a_number() -> None:
    with pytest.raises(SpecError) as caught:
        fleets_of({"waves": [{"name": "w" * 5000, "fleets": [{"double-half": True}]}]}, over={})

    assert "wave 1, fleet 1 has an unknown key 'double-half'" in caught.value.problems[0]
    assert all(len(problem) < 300 for problem in caught.value.problems)


def test_the_same_name_in_another_region_or_account_is_another_fleet() -> None:
    role = "arn:aws:iam::111122223333:role/deploy"
    fleets = (_fleet(), _fleet(name="b", region="eu-west-1"), _fleet(name="c", region="eu-west-1", role=role))

    assert FleetsSpec(waves=(WaveSpec(name="all", fleets=fleets),)).problems() == ()


def test_no_waves_are_refused() -> None:
    assert FleetsSpec(waves=()).problems() == ("there are no waves: add at least one wave with fleets",)


def test_a_wave_has_defaults_and_a_reaction_of_its_own() -> None:
    spec = fleets_of(
        {
            "defaults": {"judge-alpha": "2%", "concurrent": 2},
            "waves": [
                {
                    "name": "canary",
                    "bake-time": "15m",
                    "alarm": ["errors"],
                    "on-failure": "rollback-all",
                    "defaults": {"judge-alpha": "0.5%", "region": "eu-west-1"},
                    "fleets": [{"asg": "web"}, {"asg": "api", "judge-alpha": "1%"}],
                },
                {"fleets": [{"asg": "last"}]},
            ],
        },
        over={},
    )
    canary, last = spec.waves

    assert [fleet.request.judge_alpha for fleet in spec.fleets] == ["0.5%", "1%", "2%"]
    assert [fleet.region for fleet in spec.fleets] == ["eu-west-1", "eu-west-1", ""]
    assert {fleet.request.concurrent for fleet in spec.fleets} == {2}
    assert (canary.limits.bake_seconds, canary.alarm, canary.on_failure) == (900, ("errors",), "rollback-all")
    assert (last.limits.bake_seconds, last.alarm, last.on_failure) == (0, (), "stop")


def test_a_wave_that_rolls_back_needs_a_way_back_for_each_fleet() -> None:
    reload = RolloutSpec(asg="web", strategy=Strategy.RELOAD, command=("true",), app_version="2")
    first = WaveSpec(name="first", fleets=(FleetSpec(name="web", request=reload),))
    back = WaveSpec(
        name="second", fleets=(_fleet(name="api", request=RolloutSpec(asg="api")),), on_failure="rollback-all"
    )

    assert FleetsSpec(waves=(first,)).problems() == ()
    assert FleetsSpec(waves=(first, back)).problems() == (
        "wave second: on-failure rollback-all needs rollback-command for fleet web: a reload has no other way back",
    )
