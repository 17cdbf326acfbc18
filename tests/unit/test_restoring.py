"""How each setting is restored, in which order, and which values are kept."""

from dataclasses import replace

import pytest

from awsroll.core.classify.view import View
from awsroll.core.decide.restore import restore
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import FleetKind, Group, Lifecycle, Observation
from awsroll.core.model.reasons import Reason
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.warm_pool import WarmPool
from awsroll.testing.clock import T0
from tests.support.looks import NEW, OLD, WEB, group, group_look, look, member, rollout, status
from tests.support.status import changed

POOL = WarmPool(minimum=2, reuses=True)
DELAY = f"deregistration-delay={WEB.arn}"
ROLLOUT = rollout(FleetKind.AUTO_SCALING)


def _saved(*names: str) -> frozenset[tuple[str, str]]:
    return frozenset(("web", name) for name in names)


def _observation(seen: Group, **more: object) -> Observation:
    return group_look(*(member(f"i-{number}") for number in range(4)), seen=seen, **more)


def _restored(seen: Group, *, mode: Mode = Mode.COMPLETING, **kept: object) -> tuple[Status, tuple[Action, ...]]:
    return restore(View(ROLLOUT, _observation(seen), status(mode=mode, **kept)))


def test_bounds_and_version_are_restored_before_the_pool_and_the_processes_last() -> None:
    saved_settings = {
        "process:AZRebalance": "running",
        "max-size": "4",
        "version": "lt-web:$Latest",
        "warm-pool": str(POOL),
    }
    applied = {
        "process:AZRebalance": "suspended",
        "max-size": "6",
        "version": "lt-web:2",
        "warm-pool": "none",
    }
    rolling = group(maximum=6, suspended=frozenset({"AZRebalance"}))
    bounded = replace(rolling, maximum=4)
    pooled = replace(bounded, warm_pool=POOL)
    whole = replace(pooled, suspended=frozenset())

    steps = [
        _restored(one, found_settings=saved_settings, given_settings=applied)[1] for one in (rolling, bounded, pooled)
    ]
    end, nothing = _restored(whole, found_settings=saved_settings, given_settings=applied)

    assert steps == [
        (act.UpdateGroup(group="web", maximum=4, reason=Reason.RESTORING),),
        (act.PutWarmPool(group="web", pool=POOL, reason=Reason.RESTORING),),
        (act.ResumeProcesses(group="web", processes=("AZRebalance",), reason=Reason.RESTORING),),
    ]
    assert (end.settings.found, end.settings.set, nothing) == ({}, {}, ())


def test_the_tag_of_a_minimum_that_waits_for_members_in_standby_stays() -> None:
    kept = status(mode=Mode.STOPPING, found_settings={"max-size": "4"}, given_settings={"max-size": "6"})
    away = member("i-1", lifecycle=Lifecycle.STANDBY, rollout="web-0", role="reloading")
    saved = _saved("max-size", "min-size")
    seen = group_look(away, seen=group(maximum=4), saved_settings=saved)

    assert restore(View(ROLLOUT, seen, kept))[1] == (act.ForgetSavedSettings(resource="web", settings=("max-size",)),)


def test_tags_are_removed_when_all_is_restored_and_then_the_saved_settings_are_cleared() -> None:
    kept = status(mode=Mode.COMPLETING, found_settings={"max-size": "4"}, given_settings={"max-size": "6"})
    seen = _observation(group(maximum=4), saved_settings=frozenset({("web", "max-size"), ("web", "version")}))

    assert restore(View(ROLLOUT, seen, kept)) == (
        kept,
        (act.ForgetSavedSettings(resource="web", settings=("max-size", "version")),),
    )


def test_no_bound_is_restored_if_that_would_end_or_launch_instances() -> None:
    kept = {"found_settings": {"max-size": "4", "min-size": "4"}, "given_settings": {"max-size": "8", "min-size": "3"}}

    _, crowded = _restored(group(desired=6, maximum=8, minimum=4), **kept)
    _, sparse = _restored(group(desired=3, maximum=4, minimum=3), **kept)

    assert crowded == (act.UpdateGroup(group="web", maximum=6, reason=Reason.RESTORING),)
    assert sparse == ()


@pytest.mark.parametrize("shown", ["6", "8"], ids=["the-last-call-was-not-made", "it-was"])
def test_a_setting_that_was_given_two_values_is_restored_from_either(shown: str) -> None:
    kept = {
        "found_settings": {"max-size": "4", "version": "lt-web:$Latest"},
        "given_settings": {"max-size": "6 8", "version": "lt-web:2 lt-web:1"},
    }
    _, actions = _restored(group(maximum=int(shown)), mode=Mode.STOPPING, **kept)

    assert actions == (act.UpdateGroup(group="web", maximum=4, template=OLD, version="1", reason=Reason.RESTORING),)


def test_values_set_by_someone_else_are_kept() -> None:
    kept = {
        "found_settings": {"max-size": "4", "version": "lt-web:1"},
        "given_settings": {"max-size": "6", "version": "lt-web:2"},
    }
    changed_by_others = group(maximum=9, template=replace(NEW, number=7), version="7")

    status_after, actions = _restored(changed_by_others, **kept)

    assert (status_after.settings.found, actions) == ({}, ())


@pytest.mark.parametrize(
    ("mode", "winner"),
    [(Mode.COMPLETING, None), (Mode.STOPPING, OLD)],
    ids=["success-keeps-the-goal", "stop-goes-back"],
)
def test_the_final_version_is_pinned_by_number(mode: Mode, winner: object) -> None:
    kept = {"found_settings": {"version": "lt-web:$Latest"}, "given_settings": {"version": "lt-web:2"}}
    _, actions = _restored(group(), mode=mode, **kept)

    assert [getattr(one, "template", None) for one in actions] == ([] if winner is None else [winner])


def test_without_a_known_baseline_the_literal_setting_is_restored() -> None:
    nameless = replace(ROLLOUT, baseline=(), baseline_template=None)
    kept = status(
        mode=Mode.STOPPING, found_settings={"version": "lt-web:$Latest"}, given_settings={"version": "lt-web:2"}
    )
    _, actions = restore(View(nameless, _observation(group()), kept))

    template = replace(NEW, number=0)
    assert actions == (act.UpdateGroup(group="web", template=template, version="$Latest", reason=Reason.RESTORING),)


@pytest.mark.parametrize(
    ("now", "writes"), [(5, True), (30, False), (60, False)], ids=["as-we-set-it", "back-already", "somebody-elses"]
)
def test_a_delay_is_restored_only_if_no_one_else_has_set_it(now: int, *, writes: bool) -> None:
    seen = look(target_groups=(replace(WEB, deregistration_delay_seconds=now),))
    _, actions = restore(View(rollout(), seen, status(found_settings={DELAY: "30"}, given_settings={DELAY: "5"})))

    delay = act.SetDeregistrationDelay(target_group=WEB.arn, seconds=30, reason=Reason.RESTORING)
    assert actions == ((delay,) if writes else ())


@pytest.mark.parametrize(
    ("now", "writes"), [(6, True), (10, False), (20, False)], ids=["as-we-set-it", "back-already", "somebody-elses"]
)
def test_an_interval_is_restored_only_if_no_one_else_has_set_it(now: int, *, writes: bool) -> None:
    interval = f"health-check-interval={WEB.arn}"
    seen = look(target_groups=(replace(WEB, health_interval_seconds=now),))
    kept = status(found_settings={interval: "10"}, given_settings={interval: "6"})
    _, actions = restore(View(rollout(), seen, kept))

    checks = act.SetHealthChecks(target_group=WEB.arn, interval_seconds=10, reason=Reason.RESTORING)
    assert actions == ((checks,) if writes else ())


DOUBT = {"found_settings": {"max-size": "4", "process:AZRebalance": "running"}, "mode": Mode.STOPPING}
GIVEN = {"max-size": "6", "process:AZRebalance": "suspended"}


@pytest.mark.parametrize(
    ("suspended", "known"), [(True, True), (False, False)], ids=["all-as-they-were-set", "one-does-not-show-yet"]
)
def test_an_observation_that_shows_every_change_is_no_longer_in_doubt(*, suspended: bool, known: bool) -> None:
    seen = group(maximum=6, suspended=frozenset({"AZRebalance"} if suspended else ()))
    after, actions = _restored(seen, given_settings=GIVEN, changed_at=T0, **DOUBT)

    assert actions == (act.UpdateGroup(group="web", maximum=4, reason=Reason.RESTORING),)
    assert after.settings.changed_at == (None if known else T0)


def test_tags_stay_while_an_observation_may_be_older_than_the_last_change() -> None:
    kept = status(given_settings=GIVEN, changed_at=T0, **DOUBT)
    saved = _saved("max-size", "process:AZRebalance")
    untouched = group(maximum=4, suspended=frozenset())

    def after(seconds: float) -> tuple[Status, tuple[Action, ...]]:
        return restore(View(ROLLOUT, group_look(at=seconds, seen=untouched, saved_settings=saved), kept))

    assert after(14) == (kept, ())
    assert after(15) == (
        changed(kept, changed_at=None),
        (act.ForgetSavedSettings(resource="web", settings=("max-size", "process:AZRebalance")),),
    )


def test_settings_of_a_group_that_is_not_observed_are_not_touched() -> None:
    kept = status(found_settings={"max-size": "4"}, given_settings={"max-size": "6"})

    assert restore(View(rollout(), look(), kept))[1] == ()


def test_nothing_changed_is_nothing_to_restore() -> None:
    before = status()

    assert restore(View(ROLLOUT, _observation(group()), before)) == (before, ())
