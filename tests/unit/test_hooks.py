"""Hooks in the request, in plans and in the record: the exact plan of each observation."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model import actions as act
from awsroll.core.model.hook_calls import HookCall, HookSeen, HookState
from awsroll.core.model.hooks import Hook, HookPoint, HookSpec, named, problems_of
from awsroll.core.model.observation import FleetKind
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode
from awsroll.core.model.status_parts import Failure
from awsroll.core.planner import plan
from awsroll.core.request.spec import RolloutSpec
from tests.support.looks import NEW, ON_WEB, instance, later, look, rollout, status
from tests.support.status import changed

CHECK = Hook(point=HookPoint.BEFORE_DEREGISTER, name="check", command=("true",))
CALL = HookCall(name="check", number=1, subject="i-1", since=later(60))
OLD_ONES = (instance("i-1"), instance("i-2"))


def hooked(*hooks: Hook, **more: Any) -> Rollout:
    return rollout(FleetKind.STANDALONE, hooks=hooks, **more)


def chosen(**more: Any) -> Any:
    """Return a status in which i-1 leaves, a minute after the start."""
    flight = Server(phase=ServerPhase.DRAINING, since=later(0), targets=(ON_WEB,))
    made = status("i-1", "i-2", retiring=("i-1",), servers={"i-1": flight}, observed_at=later(50))
    return changed(made, **more)


def test_a_run_is_announced_before_it_is_started() -> None:
    decided = plan(hooked(CHECK), look(*OLD_ONES, at=60), chosen())
    assert (decided.actions, decided.status.hooks.announced) == ((), (CALL,))
    (run,) = decided.hooks
    assert (run.hook, run.call) == (CHECK, CALL)
    assert (run.event.point, run.event.instance_ids, run.event.phase) == (CHECK.point, ("i-1",), "rolling")
    assert [hold.reason for hold in decided.holds] == [Reason.RUNNING_HOOK]


def test_an_announced_run_that_no_observation_shows_is_started_again_as_the_same_run() -> None:
    first = plan(hooked(CHECK), look(*OLD_ONES, at=60), chosen())
    again = plan(hooked(CHECK), look(*OLD_ONES, at=63), first.status)
    assert [run.call for run in again.hooks] == [CALL]
    assert again.status.hooks.announced == (CALL,)


def test_nothing_is_started_during_a_run_and_the_clocks_stop() -> None:
    running = (HookSeen(number=1, state=HookState.RUNNING),)
    before = chosen(announced_hooks=(CALL,), progress_at=later(20))
    decided = plan(hooked(CHECK), look(*OLD_ONES, at=60, hooks=running), before)
    assert (decided.actions, decided.hooks) == ((), ())
    assert decided.status.servers["i-1"].since == later(10)
    assert decided.status.progress_at == later(30)


def test_a_server_leaves_when_its_hook_has_passed() -> None:
    passed = (HookSeen(number=1, state=HookState.SUCCEEDED),)
    one = instance("i-1", rollout="web-1", role="retiring")
    decided = plan(hooked(CHECK), look(one, OLD_ONES[1], at=60, hooks=passed), chosen(announced_hooks=(CALL,)))
    assert decided.actions == (act.DeregisterTargets(instance_id="i-1", targets=(ON_WEB,), reason=Reason.OUTDATED),)
    assert (decided.status.hooks.announced, decided.status.hooks.passed) == ((), ("check i-1",))


def test_a_failed_hook_is_a_failure_of_its_server() -> None:
    failed = (HookSeen(number=1, state=HookState.FAILED, detail="exit code 1"),)
    decided = plan(hooked(CHECK), look(*OLD_ONES, at=60, hooks=failed), chosen(announced_hooks=(CALL,)))
    cause = "hook check failed at before_deregister: exit code 1"
    assert decided.status.failures == (Failure(instance_id="i-1", cause=cause, at=later(60)),)
    assert (decided.status.mode, decided.status.reason) == (Mode.ENDED, f"i-1: {cause}")


@pytest.mark.parametrize("mode", [Mode.STOPPING, Mode.ROLLING])
def test_in_a_rollback_a_failed_hook_is_a_warning_and_has_passed(mode: Mode) -> None:
    new = instance("i-3", NEW, rollout="web-1", role="retiring")
    flight = Server(phase=ServerPhase.DRAINING, since=later(0), targets=(ON_WEB,))
    before = status(
        "i-1",
        "i-2",
        mode=mode,
        rolling_back=mode is Mode.ROLLING,
        retiring=("i-3",),
        failed=("i-3",),
        servers={"i-3": flight},
        announced_hooks=(replace(CALL, subject="i-3"),),
        observed_at=later(50),
    )
    failed = (HookSeen(number=1, state=HookState.FAILED),)
    decided = plan(hooked(CHECK), look(*OLD_ONES, new, at=60, hooks=failed), before)
    assert decided.status.failures == ()
    assert decided.status.warnings == ("i-3: hook check failed at before_deregister",)
    assert decided.actions == (act.DeregisterTargets(instance_id="i-3", targets=(ON_WEB,), reason=Reason.OUTDATED),)


def test_passed_hooks_are_forgotten_with_their_server() -> None:
    before = chosen(passed_hooks=("check i-1", "check i-9", "start"))
    decided = plan(hooked(CHECK), look(*OLD_ONES, at=60), before)
    assert decided.status.hooks.passed == ("check i-1", "start")


def test_names_are_made_up_of_the_point() -> None:
    specs = [
        HookSpec(point=HookPoint.AFTER_DRAIN, function="f"),
        HookSpec(point=HookPoint.AFTER_DRAIN, function="g", name="after_drain-2"),
        HookSpec(point=HookPoint.AFTER_DRAIN, function="h", timeout=5),
    ]
    assert [(one.name, one.timeout_seconds) for one in named(specs)] == [
        ("after_drain", 300),
        ("after_drain-2", 300),
        ("after_drain-3", 5),
    ]


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        pytest.param({}, "it has nothing to run; pass exactly one of command, function, script", id="nothing"),
        pytest.param(
            {"command": ("x",), "function": "f"}, "it has command and function; pass exactly one", id="two-kinds"
        ),
        pytest.param({"command": ("",)}, "the command has no program", id="no-program"),
        pytest.param(
            {"point": HookPoint.AT_CHECKPOINT, "script": ("x",)}, "at_checkpoint has no server", id="script-nowhere"
        ),
    ],
)
def test_reports_each_problem_of_a_hook(hook: dict[str, Any], problem: str) -> None:
    (found,) = problems_of([HookSpec(**{"point": HookPoint.AFTER_DRAIN, **hook})])
    assert problem in found


def test_names_are_given_once() -> None:
    twice = [HookSpec(point=one, function="f", name="check") for one in (HookPoint.AFTER_DRAIN, HookPoint.ON_FAILURE)]
    assert problems_of(twice) == ["hook check: two hooks have this name"]


def test_a_reload_has_no_launches_to_hook() -> None:
    hooks = (HookSpec(point=HookPoint.AFTER_LAUNCH, function="f"),)
    spec = RolloutSpec(asg="web", strategy=Strategy.RELOAD, command=("x",), rollback_command=("y",), hooks=hooks)
    assert spec.problems() == ("hook after_launch: reload launches no servers",)
