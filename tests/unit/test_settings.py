"""Settings of others: what is changed, in which order, what stands in the ledger, and how each is put back."""

from dataclasses import replace

import pytest

from awsroll.core.classify.capacity import Bounds
from awsroll.core.classify.view import View
from awsroll.core.decide.restore import restore
from awsroll.core.decide.settings import prepare
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Reason
from awsroll.core.model.observation import FleetKind, Group, Observation
from awsroll.core.model.status import Desired
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


def _all_told(*names: str) -> frozenset[tuple[str, str]]:
    return frozenset(("web", name) for name in names)


def _look(seen: Group, **more: object) -> Observation:
    return group_look(*(member(f"i-{number}") for number in range(4)), seen=seen, **more)


# --- while rolling --------------------------------------------------------------------------------------------------


def test_old_values_stand_in_the_ledger_and_as_tags_before_anything_is_changed() -> None:
    decided, actions = prepare(View(ROLLOUT, _look(FOUND), status()), BOUNDS)

    told = (("process:AZRebalance", "running"), ("process:ReplaceUnhealthy", "running"), ("version", "lt-web:$Latest"))
    assert actions == (act.SaveSettings(resource="web", settings=told),)
    assert decided.settings.found == dict(told)
    assert decided.settings.set == {
        "process:AZRebalance": "suspended",
        "process:ReplaceUnhealthy": "suspended",
        "version": "lt-web:2",
    }


def test_processes_are_suspended_first_then_the_group_is_set() -> None:
    told = _all_told("process:AZRebalance", "process:ReplaceUnhealthy", "process:AlarmNotification", "version")
    surging = rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="2")
    saved_settings = told | _all_told("max-size")

    _, first = prepare(View(surging, _look(FOUND, saved_settings=saved_settings), status()), SURGE)
    quiet = replace(FOUND, suspended=frozenset({"AZRebalance", "ReplaceUnhealthy", "AlarmNotification"}))
    kept, second = prepare(View(surging, _look(quiet, saved_settings=saved_settings), status()), SURGE)

    names = ("AZRebalance", "AlarmNotification", "ReplaceUnhealthy")
    assert first == (act.SuspendProcesses(group="web", processes=tuple(sorted(names)), reason=Reason.PREPARING),)
    assert second == (act.UpdateGroup(group="web", maximum=6, template=NEW, version="2", reason=Reason.PREPARING),)
    assert kept.settings.found == {"max-size": "4", "version": "lt-web:$Latest"}


def test_a_group_that_is_as_the_rollout_needs_it_is_left_alone() -> None:
    before = status()

    assert prepare(View(ROLLOUT, _look(group()), before), BOUNDS) == (before, ())


def test_the_first_value_found_stays_the_one_to_go_back_to() -> None:
    kept = status(found_settings={"version": "lt-web:$Latest"}, given_settings={"version": "lt-web:2"})
    decided, _ = prepare(View(ROLLOUT, _look(group(version="1", template=OLD)), kept), BOUNDS)

    assert decided.settings.found == {"version": "lt-web:$Latest"}


def test_the_value_before_stays_known_until_a_look_shows_the_last() -> None:
    kept = status(found_settings={"max-size": "4"}, given_settings={"max-size": "5"}, changed_at=T0)
    told, surging = _all_told("max-size"), rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="2")
    again, actions = prepare(View(surging, _look(group(maximum=5), saved_settings=told), kept), SURGE)
    shown, nothing = prepare(View(surging, _look(group(maximum=6), saved_settings=told), again), SURGE)

    assert actions == (act.UpdateGroup(group="web", maximum=6, reason=Reason.PREPARING),)
    assert (again.settings.set, again.settings.changed_at) == ({"max-size": "5 6"}, T0)
    assert (shown.settings.set, shown.settings.changed_at, nothing) == ({"max-size": "6"}, None, ())


def test_a_value_that_was_announced_and_is_not_wanted_after_all_is_not_taken_to_stand() -> None:
    kept = status(
        found_settings={"version": "lt-web:1"}, given_settings={"version": "lt-web:2 lt-web:1"}, changed_at=T0
    )
    decided, actions = prepare(View(ROLLOUT, _look(group()), kept), BOUNDS)

    assert actions == ()
    assert decided.settings.set == {"version": "lt-web:1 lt-web:2"}
    _, putting_back = restore(View(ROLLOUT, _look(group()), decided))
    assert putting_back == (act.UpdateGroup(group="web", template=OLD, version="1", reason=Reason.RESTORING),)


def test_a_reload_lowers_the_minimum_for_its_standby_moves_and_sets_no_version() -> None:
    seen = group(desired=4, minimum=4, version="$Latest")
    told = _all_told("min-size")
    decided, actions = prepare(
        View(reload_rollout(FleetKind.AUTO_SCALING), _look(seen, saved_settings=told), status()), BOUNDS
    )

    assert actions == (act.UpdateGroup(group="web", minimum=3, reason=Reason.PREPARING),)
    assert decided.settings.found == {"min-size": "4"}


def test_a_group_without_a_known_template_is_remembered_by_its_literal_setting() -> None:
    decided, _ = prepare(View(ROLLOUT, _look(replace(group(), template=None, version="")), status()), BOUNDS)

    assert decided.settings.found == {"version": ":"}


def test_the_delay_of_each_target_group_is_set_where_it_differs() -> None:
    ours = rollout(deregistration_delay_seconds=5)
    other = replace(WEB, arn="arn:api", deregistration_delay_seconds=5)
    seen = look(target_groups=(WEB, other), saved_settings=frozenset({(WEB.arn, "deregistration-delay")}))
    decided, actions = prepare(View(ours, seen, status()), BOUNDS)

    assert actions == (act.SetDeregistrationDelay(target_group=WEB.arn, seconds=5, reason=Reason.PREPARING),)
    assert (decided.settings.found, decided.settings.set) == ({DELAY: "30"}, {DELAY: "5"})


DESIRED_FOUR = Desired(goal=4, expected=4, previous=4, moved_at=T0)
SURGING = rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="2")


def test_what_desired_should_be_again_is_remembered_before_it_is_moved() -> None:
    decided, actions = prepare(View(SURGING, _look(group()), status(desired=DESIRED_FOUR)), SURGE)

    assert actions == (act.SaveSettings(resource="web", settings=(("desired-capacity", "4"),)),)
    assert decided.settings.found == {"desired-capacity": "4"}
    assert decided.settings.set == {}


def test_a_desired_capacity_that_somebody_sets_meanwhile_is_remembered_instead() -> None:
    other_desired = replace(DESIRED_FOUR, goal=6)
    kept = status(desired=other_desired, found_settings={"desired-capacity": "4"})
    seen = _look(group(), saved_settings=_all_told("desired-capacity"))
    decided, actions = prepare(View(SURGING, seen, kept), SURGE)

    assert actions == (act.SaveSettings(resource="web", settings=(("desired-capacity", "6"),)),)
    assert decided.settings.changed_at == T0
    assert prepare(View(SURGING, seen, decided), SURGE) == (changed(decided, changed_at=None), ())


def test_a_rollout_that_never_moves_desired_remembers_none() -> None:
    kept = status(desired=DESIRED_FOUR)

    assert prepare(View(ROLLOUT, _look(group()), kept), BOUNDS) == (kept, ())


def test_a_template_version_that_somebody_sets_meanwhile_is_pinned_again_and_told_once() -> None:
    kept = status(found_settings={"version": "lt-web:$Latest"}, given_settings={"version": "lt-web:2"})
    seen = _look(group(template=replace(NEW, number=9), version="9"), saved_settings=_all_told("version"))
    decided, actions = prepare(View(ROLLOUT, seen, kept), BOUNDS)

    assert actions == (act.UpdateGroup(group="web", template=NEW, version="2", reason=Reason.PREPARING),)
    told = (
        "someone else set the launch template of web to lt-web:9 during the rollout. "
        "awsroll pinned it to lt-web:2 again. Set lt-web:9 again after the rollout if you need it"
    )
    assert decided.warnings == (told,)
    assert prepare(View(ROLLOUT, seen, decided), BOUNDS)[0].warnings == decided.warnings


# --- a warm pool ----------------------------------------------------------------------------------------------------

PURGING = replace(ROLLOUT, purges_warm_pool=True)


def _pooled(*versions: str, pool: WarmPool = POOL) -> Group:
    return replace(group(), warm_pool=pool, warm_versions=versions)


def test_a_warm_pool_is_remembered_then_deleted() -> None:
    decided, told = prepare(View(PURGING, _look(_pooled("lt-web:1")), status()), BOUNDS)
    seen = _look(_pooled("lt-web:1"), saved_settings=_all_told("warm-pool"))
    _, deleted = prepare(View(PURGING, seen, decided), BOUNDS)

    assert told == (act.SaveSettings(resource="web", settings=(("warm-pool", str(POOL)),)),)
    assert (decided.settings.found, decided.settings.set) == ({"warm-pool": str(POOL)}, {"warm-pool": "none"})
    assert deleted == (act.DeleteWarmPool(group="web", pool=POOL, reason=Reason.PREPARING),)


def test_a_warm_pool_stays_unless_the_request_purges_it() -> None:
    assert prepare(View(ROLLOUT, _look(_pooled("lt-web:1")), status()), BOUNDS)[1] == ()


@pytest.mark.parametrize(
    ("versions", "goes"),
    [
        pytest.param(("lt-web:2", "lt-web:2"), False, id="all-new"),
        pytest.param((), False, id="empty"),
        pytest.param(("lt-web:1", "lt-web:2"), True, id="one-old"),
        pytest.param(("",), True, id="one-unknown"),
    ],
)
def test_beside_a_fleet_on_the_goal_only_a_pool_that_is_not_goes(versions: tuple[str, ...], *, goes: bool) -> None:
    seen = group_look(*(member(f"i-{number}", NEW) for number in range(4)), seen=_pooled(*versions))

    assert bool(prepare(View(PURGING, seen, status()), BOUNDS)[1]) is goes


def test_a_pool_that_somebody_made_meanwhile_is_left_alone() -> None:
    kept = status(found_settings={"warm-pool": str(POOL)}, given_settings={"warm-pool": "none"})
    his = _pooled("lt-web:1", pool=WarmPool(minimum=1))

    assert prepare(View(PURGING, _look(his), kept), BOUNDS)[1] == ()
    assert restore(View(PURGING, _look(his), kept)) == (changed(kept, found_settings={}, given_settings={}), ())
