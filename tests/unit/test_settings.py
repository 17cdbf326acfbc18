"""The settings that a rollout changes: which, in which order, and how the old values are saved."""

from dataclasses import replace

import pytest

from awsroll.core.classify.capacity import Bounds
from awsroll.core.classify.view import View
from awsroll.core.decide.restore import restore
from awsroll.core.decide.settings import prepare
from awsroll.core.model import actions as act
from awsroll.core.model.observation import FleetKind, Group, Observation
from awsroll.core.model.reasons import Reason
from awsroll.core.model.status_parts import Desired
from awsroll.core.model.warm_pool import WarmPool
from awsroll.testing.clock import T0
from tests.support.looks import NEW, OLD, WEB, group, group_look, look, member, reload_rollout, rollout, status
from tests.support.status import changed

POOL = WarmPool(minimum=2, reuses=True)
BOUNDS = Bounds(desired=4, max_unavailable=1, max_surge=0)
SURGE = Bounds(desired=4, max_unavailable=0, max_surge=2)
DELAY = f"deregistration-delay={WEB.arn}"
ROLLOUT = rollout(FleetKind.AUTO_SCALING)
FOUND = group(suspended=frozenset(), template=OLD, version="$Latest", maximum=4)


def _saved(*names: str) -> frozenset[tuple[str, str]]:
    return frozenset(("web", name) for name in names)


def _observation(seen: Group, **more: object) -> Observation:
    return group_look(*(member(f"i-{number}") for number in range(4)), seen=seen, **more)


# --- while rolling --------------------------------------------------------------------------------------------------


def test_old_values_are_saved_in_the_record_and_in_tags_before_a_change() -> None:
    decided, actions = prepare(View(ROLLOUT, _observation(FOUND), status()), BOUNDS)

    saved = (("process:AZRebalance", "running"), ("process:ReplaceUnhealthy", "running"), ("version", "lt-web:$Latest"))
    assert actions == (act.SaveSettings(resource="web", settings=saved),)
    assert decided.settings.found == dict(saved)
    assert decided.settings.set == {
        "process:AZRebalance": "suspended",
        "process:ReplaceUnhealthy": "suspended",
        "version": "lt-web:2",
    }


def test_processes_are_suspended_first_then_the_group_is_set() -> None:
    saved = _saved("process:AZRebalance", "process:ReplaceUnhealthy", "process:AlarmNotification", "version")
    surging = rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="2")
    saved_settings = saved | _saved("max-size")

    _, first = prepare(View(surging, _observation(FOUND, saved_settings=saved_settings), status()), SURGE)
    quiet = replace(FOUND, suspended=frozenset({"AZRebalance", "ReplaceUnhealthy", "AlarmNotification"}))
    kept, second = prepare(View(surging, _observation(quiet, saved_settings=saved_settings), status()), SURGE)

    names = ("AZRebalance", "AlarmNotification", "ReplaceUnhealthy")
    assert first == (act.SuspendProcesses(group="web", processes=tuple(sorted(names)), reason=Reason.PREPARING),)
    assert second == (act.UpdateGroup(group="web", maximum=6, template=NEW, version="2", reason=Reason.PREPARING),)
    assert kept.settings.found == {"max-size": "4", "version": "lt-web:$Latest"}


def test_a_group_that_is_as_the_rollout_needs_it_is_left_alone() -> None:
    before = status()

    assert prepare(View(ROLLOUT, _observation(group()), before), BOUNDS) == (before, ())


def test_the_first_observed_value_is_the_value_to_restore() -> None:
    kept = status(found_settings={"version": "lt-web:$Latest"}, given_settings={"version": "lt-web:2"})
    decided, _ = prepare(View(ROLLOUT, _observation(group(version="1", template=OLD)), kept), BOUNDS)

    assert decided.settings.found == {"version": "lt-web:$Latest"}


def test_the_earlier_value_stays_known_until_an_observation_shows_the_last() -> None:
    kept = status(found_settings={"max-size": "4"}, given_settings={"max-size": "5"}, changed_at=T0)
    saved, surging = _saved("max-size"), rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="2")
    again, actions = prepare(View(surging, _observation(group(maximum=5), saved_settings=saved), kept), SURGE)
    shown, nothing = prepare(View(surging, _observation(group(maximum=6), saved_settings=saved), again), SURGE)

    assert actions == (act.UpdateGroup(group="web", maximum=6, reason=Reason.PREPARING),)
    assert (again.settings.set, again.settings.changed_at) == ({"max-size": "5 6"}, T0)
    assert (shown.settings.set, shown.settings.changed_at, nothing) == ({"max-size": "6"}, None, ())


def test_an_announced_value_that_was_never_set_is_dropped() -> None:
    kept = status(
        found_settings={"version": "lt-web:1"}, given_settings={"version": "lt-web:2 lt-web:1"}, changed_at=T0
    )
    decided, actions = prepare(View(ROLLOUT, _observation(group()), kept), BOUNDS)

    assert actions == ()
    assert decided.settings.set == {"version": "lt-web:1 lt-web:2"}
    _, restored = restore(View(ROLLOUT, _observation(group()), decided))
    assert restored == (act.UpdateGroup(group="web", template=OLD, version="1", reason=Reason.RESTORING),)


def test_a_reload_lowers_the_minimum_for_its_standby_moves_and_sets_no_version() -> None:
    seen = group(desired=4, minimum=4, version="$Latest")
    saved = _saved("min-size")
    decided, actions = prepare(
        View(reload_rollout(FleetKind.AUTO_SCALING), _observation(seen, saved_settings=saved), status()), BOUNDS
    )

    assert actions == (act.UpdateGroup(group="web", minimum=3, reason=Reason.PREPARING),)
    assert decided.settings.found == {"min-size": "4"}


def test_a_group_without_a_known_template_is_saved_by_its_literal_setting() -> None:
    decided, _ = prepare(View(ROLLOUT, _observation(replace(group(), template=None, version="")), status()), BOUNDS)

    assert decided.settings.found == {"version": ":"}


def test_the_delay_of_each_target_group_is_set_where_it_differs() -> None:
    ours = rollout(deregistration_delay_seconds=5)
    other = replace(WEB, arn="arn:api", deregistration_delay_seconds=5)
    seen = look(target_groups=(WEB, other), saved_settings=frozenset({(WEB.arn, "deregistration-delay")}))
    decided, actions = prepare(View(ours, seen, status()), BOUNDS)

    assert actions == (act.SetDeregistrationDelay(target_group=WEB.arn, seconds=5, reason=Reason.PREPARING),)
    assert (decided.settings.found, decided.settings.set) == ({DELAY: "30"}, {DELAY: "5"})


def test_the_health_checks_of_each_target_group_are_set_with_one_call_after_the_delay() -> None:
    ours = rollout(deregistration_delay_seconds=5, health_check_interval_seconds=6, health_check_threshold=2)
    delayed = replace(WEB, deregistration_delay_seconds=5)
    names = ("deregistration-delay", "health-check-interval", "health-check-threshold")
    saved = frozenset((WEB.arn, name) for name in names)
    _, first = prepare(View(ours, look(target_groups=(WEB,), saved_settings=saved), status()), BOUNDS)
    decided, then = prepare(View(ours, look(target_groups=(delayed,), saved_settings=saved), status()), BOUNDS)

    assert first == (act.SetDeregistrationDelay(target_group=WEB.arn, seconds=5, reason=Reason.PREPARING),)
    both = {"interval_seconds": 6, "healthy_threshold": 2}
    assert then == (act.SetHealthChecks(target_group=WEB.arn, **both, reason=Reason.PREPARING),)
    assert decided.settings.found == {f"{names[1]}={WEB.arn}": "10", f"{names[2]}={WEB.arn}": "5"}


def test_an_interval_that_someone_else_sets_during_the_rollout_replaces_the_saved_one() -> None:
    interval = f"health-check-interval={WEB.arn}"
    ours, theirs = rollout(health_check_interval_seconds=6), replace(WEB, health_interval_seconds=20)
    seen = look(target_groups=(theirs,), saved_settings=frozenset({(WEB.arn, "health-check-interval")}))
    kept = status(found_settings={interval: "10"}, given_settings={interval: "6"})
    decided, actions = prepare(View(ours, seen, kept), BOUNDS)

    assert actions == (act.SaveSettings(resource=WEB.arn, settings=(("health-check-interval", "20"),)),)
    assert decided.settings.found == {interval: "20"}


DESIRED_FOUR = Desired(goal=4, expected=4, previous=4, moved_at=T0)
SURGING = rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="2")


def test_the_desired_capacity_is_saved_before_it_is_changed() -> None:
    decided, actions = prepare(View(SURGING, _observation(group()), status(desired=DESIRED_FOUR)), SURGE)

    assert actions == (act.SaveSettings(resource="web", settings=(("desired-capacity", "4"),)),)
    assert decided.settings.found == {"desired-capacity": "4"}
    assert decided.settings.set == {}


def test_a_desired_capacity_set_by_someone_else_is_saved_instead() -> None:
    other_desired = replace(DESIRED_FOUR, goal=6)
    kept = status(desired=other_desired, found_settings={"desired-capacity": "4"})
    seen = _observation(group(), saved_settings=_saved("desired-capacity"))
    decided, actions = prepare(View(SURGING, seen, kept), SURGE)

    assert actions == (act.SaveSettings(resource="web", settings=(("desired-capacity", "6"),)),)
    assert decided.settings.changed_at == T0
    assert prepare(View(SURGING, seen, decided), SURGE) == (changed(decided, changed_at=None), ())


def test_a_rollout_that_never_changes_desired_saves_none() -> None:
    kept = status(desired=DESIRED_FOUR)

    assert prepare(View(ROLLOUT, _observation(group()), kept), BOUNDS) == (kept, ())


def test_a_template_version_set_by_someone_else_is_pinned_again_with_one_warning() -> None:
    kept = status(found_settings={"version": "lt-web:$Latest"}, given_settings={"version": "lt-web:2"})
    seen = _observation(group(template=replace(NEW, number=9), version="9"), saved_settings=_saved("version"))
    decided, actions = prepare(View(ROLLOUT, seen, kept), BOUNDS)

    assert actions == (act.UpdateGroup(group="web", template=NEW, version="2", reason=Reason.PREPARING),)
    warning = (
        "someone else set the launch template of web to lt-web:9 during the rollout. "
        "awsroll pinned it to lt-web:2 again. Set lt-web:9 again after the rollout if you need it"
    )
    assert decided.warnings == (warning,)
    assert prepare(View(ROLLOUT, seen, decided), BOUNDS)[0].warnings == decided.warnings


# --- a warm pool ----------------------------------------------------------------------------------------------------

PURGING = replace(ROLLOUT, purges_warm_pool=True)


def _pooled(*versions: str, pool: WarmPool = POOL) -> Group:
    return replace(group(), warm_pool=pool, warm_versions=versions)


def test_a_warm_pool_is_saved_then_deleted() -> None:
    decided, saved = prepare(View(PURGING, _observation(_pooled("lt-web:1")), status()), BOUNDS)
    seen = _observation(_pooled("lt-web:1"), saved_settings=_saved("warm-pool"))
    _, deleted = prepare(View(PURGING, seen, decided), BOUNDS)

    assert saved == (act.SaveSettings(resource="web", settings=(("warm-pool", str(POOL)),)),)
    assert (decided.settings.found, decided.settings.set) == ({"warm-pool": str(POOL)}, {"warm-pool": "none"})
    assert deleted == (act.DeleteWarmPool(group="web", pool=POOL, reason=Reason.PREPARING),)


def test_a_warm_pool_stays_unless_the_request_purges_it() -> None:
    assert prepare(View(ROLLOUT, _observation(_pooled("lt-web:1")), status()), BOUNDS)[1] == ()


@pytest.mark.parametrize(
    ("versions", "goes"),
    [
        pytest.param(("lt-web:2", "lt-web:2"), False, id="all-new"),
        pytest.param((), False, id="empty"),
        pytest.param(("lt-web:1", "lt-web:2"), True, id="one-old"),
        pytest.param(("",), True, id="one-unknown"),
    ],
)
def test_a_pool_of_a_current_fleet_is_deleted_only_if_it_is_outdated(versions: tuple[str, ...], *, goes: bool) -> None:
    seen = group_look(*(member(f"i-{number}", NEW) for number in range(4)), seen=_pooled(*versions))

    assert bool(prepare(View(PURGING, seen, status()), BOUNDS)[1]) is goes


def test_a_pool_made_by_someone_else_is_kept() -> None:
    kept = status(found_settings={"warm-pool": str(POOL)}, given_settings={"warm-pool": "none"})
    other_pool = _pooled("lt-web:1", pool=WarmPool(minimum=1))

    assert prepare(View(PURGING, _observation(other_pool), kept), BOUNDS)[1] == ()
    assert restore(View(PURGING, _observation(other_pool), kept)) == (
        changed(kept, found_settings={}, given_settings={}),
        (),
    )
