"""Hooks at every point, on both kinds of fleet: they run in order and never block a rollback."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model import actions as act
from awsroll.core.model.amount import Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.rollout_choices import Gates, OnFailure, Strategy
from awsroll.core.model.status import Outcome
from tests.support.builders import LIMITS, NEW, OLD, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
HOW: dict[str, dict[str, Any]] = {
    "replace": {},
    "two-at-a-time": {"max_unavailable": Amount(value=2)},
    "launch-first": launch_first(1),
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
    "keep-old": {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0), "keep_old": True},
    "reload": {"strategy": Strategy.RELOAD},
}
ROLLOUT_POINTS = (HookPoint.BEFORE_ROLLOUT, HookPoint.AT_CHECKPOINT, HookPoint.AFTER_ROLLOUT)
# The points at which a failed hook is a failure; test_judging.py has the counts of the judge.
FATAL = [point for point in HookPoint if point not in (HookPoint.ON_FAILURE, HookPoint.WHILE_JUDGING)]


@pytest.fixture(params=KINDS, name="kind")
def _kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=HOW, name="how")
def _how(request: pytest.FixtureRequest) -> str:
    return request.param


def hooks(*points: HookPoint, timeout: float = 300) -> tuple[Hook, ...]:
    return tuple(Hook(point=one, name=str(one), command=("true",), timeout_seconds=timeout) for one in points)


def instance_points(kind: str, how: str) -> tuple[HookPoint, ...]:
    """Return the points at which each server of the rollout has hooks."""
    grouped, reloads = kind == "auto-scaling", how == "reload"
    found = [HookPoint.BEFORE_DEREGISTER, HookPoint.AFTER_HEALTHY]
    found += [] if reloads else [HookPoint.AFTER_LAUNCH]
    found += [] if grouped else [HookPoint.BEFORE_REGISTER]
    found += [HookPoint.AFTER_DRAIN] if not grouped or how in ("reload", "keep-old") else []
    return tuple(found)


def hooked(kind: str, how: str, *points: HookPoint, **changes: Any) -> Driver:
    fleet = KINDS[kind](outdated=3)
    timeout = changes.pop("timeout", 300)
    return Driver(fleet, rollout(fleet, hooks=hooks(*points, timeout=timeout), **{**HOW[how], **changes}))


def counts(driver: Driver) -> Counter[HookPoint]:
    return Counter(event.point for event in driver.hooks.events)


def test_every_hook_of_every_strategy_runs_once_for_each_server(kind: str, how: str) -> None:
    points = instance_points(kind, how)
    gates = Gates(checkpoints=(Amount(value=1),), bake_seconds=60)
    driver = hooked(kind, how, *ROLLOUT_POINTS, *points, gates=gates)
    driver.hooks.seconds = dict.fromkeys(HookPoint, 20)
    status = driver.run()
    assert (status.outcome, status.failures, status.warnings) == (Outcome.SUCCEEDED, (), ())
    assert counts(driver) == dict.fromkeys(ROLLOUT_POINTS, 1) | dict.fromkeys(points, 3)
    per_server = Counter((event.point, event.instance_ids) for event in driver.hooks.events)
    assert set(per_server.values()) == {1}
    assert status.hooks.announced == ()


def test_the_record_drops_the_hooks_of_finished_servers(kind: str, how: str) -> None:
    driver = hooked(kind, how, HookPoint.BEFORE_ROLLOUT, HookPoint.BEFORE_DEREGISTER)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert driver.status.hooks.passed == ("before_rollout",)


def test_nothing_is_changed_before_the_first_hook_has_succeeded(kind: str, how: str) -> None:
    driver = hooked(kind, how, HookPoint.BEFORE_ROLLOUT)
    driver.hooks.seconds["before_rollout"] = 250
    driver.wait(240)
    assert (driver.results, driver.status.settings.found) == ([], {})
    assert driver.run().outcome is Outcome.SUCCEEDED
    (event,) = driver.hooks.events
    old = tuple(sorted(one.instance_id for one in driver.fleet.instances.all() if not one.is_new))
    assert (event.instance_ids, event.phase, event.from_version, event.to_version) == (
        old,
        "rolling",
        str(OLD),
        driver.rollout.to_version,
    )


@pytest.mark.parametrize(
    ("point", "before"),
    [
        pytest.param(
            HookPoint.BEFORE_DEREGISTER,
            (act.DeregisterTargets, act.TerminateInGroup, act.EnterStandby),
            id="before-deregister",
        ),
        pytest.param(HookPoint.AFTER_DRAIN, (act.TerminateInstance, act.SendCommand), id="after-drain"),
        pytest.param(HookPoint.BEFORE_REGISTER, (act.RegisterTargets,), id="before-register"),
    ],
)
def test_a_server_continues_only_when_its_hook_has_succeeded(
    kind: str, how: str, point: HookPoint, before: tuple[type[act.Action], ...]
) -> None:
    if point not in instance_points(kind, how) or (kind == "auto-scaling" and how == "keep-old"):
        return
    driver = hooked(kind, how, point, max_unavailable=Amount(value=0 if "max_surge" in HOW[how] else 1))
    driver.hooks.seconds[point] = 250
    while not driver.hooks.events:
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))
    done = len(driver.results)
    driver.wait(240)
    (name,) = driver.hooks.events[0].instance_ids
    for result in driver.results[done:]:
        about = {getattr(result.action, "instance_id", ""), *getattr(result.action, "instance_ids", ())}
        assert not (isinstance(result.action, before) and name in about)
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_a_healthy_server_counts_only_when_its_hook_has_succeeded(kind: str, how: str) -> None:
    driver = hooked(kind, how, HookPoint.AFTER_HEALTHY)
    driver.hooks.seconds["after_healthy"] = 250
    while not driver.hooks.events:
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))
    (name,) = driver.hooks.events[0].instance_ids
    driver.wait(240)
    assert name not in driver.status.serving
    driver.wait(20)
    assert name in driver.status.serving
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_a_gate_opens_only_when_its_hook_has_succeeded(kind: str, how: str) -> None:
    driver = hooked(kind, how, HookPoint.AT_CHECKPOINT, gates=Gates(checkpoints=(Amount(value=1), Amount(value=2))))
    driver.hooks.seconds["at_checkpoint"] = 250
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert [event.checkpoint for event in driver.hooks.events] == [1, 2]
    assert len(driver.hooks.events[0].instance_ids) == 1


def test_the_settings_are_restored_only_after_the_last_hook(kind: str) -> None:
    driver = hooked(kind, "keep-old", HookPoint.AFTER_ROLLOUT, gates=Gates(bake_seconds=60))
    driver.hooks.seconds["after_rollout"] = 250
    while not driver.hooks.events:
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))
    assert (driver.status.gate.baked, len(driver.status.kept)) == (True, 3)
    driver.wait(240)
    assert len(driver.status.kept) == 3  # a failure now can still return them to service at once
    assert driver.run().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("point", FATAL)
def test_a_failed_hook_rolls_the_fleet_back_and_does_not_hold_it_up(kind: str, how: str, point: HookPoint) -> None:
    if how == "reload" or (point.is_of_an_instance and point not in instance_points(kind, how)):
        return
    gates = Gates(checkpoints=(Amount(value=1),))
    every = (*ROLLOUT_POINTS, *instance_points(kind, how), HookPoint.ON_FAILURE)
    driver = hooked(kind, how, *every, gates=gates, on_failure=OnFailure.ROLLBACK)
    driver.hooks.fail(point, times=100)
    driver.hooks.seconds = dict.fromkeys(HookPoint, 20)
    status = driver.run()
    assert status.outcome is Outcome.ROLLED_BACK, status
    assert f"hook {point} failed at {point}: exit code 1" in status.reason
    assert versions(driver.fleet) == {str(OLD): 3}
    assert counts(driver)[HookPoint.ON_FAILURE] == 1
    failure = next(event for event in driver.hooks.events if event.point is HookPoint.ON_FAILURE)
    assert (failure.phase, failure.reason) == ("rolling-back", status.reason)


@pytest.mark.parametrize("point", FATAL)
def test_a_failed_hook_stops_the_rollout_if_configured(kind: str, how: str, point: HookPoint) -> None:
    if point.is_of_an_instance and point not in instance_points(kind, how):
        return
    every = (*ROLLOUT_POINTS, *instance_points(kind, how), HookPoint.ON_FAILURE)
    driver = hooked(kind, how, *every, gates=Gates(checkpoints=(Amount(value=1),)))
    driver.hooks.fail(point, times=100)
    status = driver.run()
    assert status.outcome is Outcome.STOPPED
    assert f"hook {point} failed at {point}: exit code 1" in status.reason
    assert counts(driver)[HookPoint.ON_FAILURE] == 1


def test_a_hook_that_fails_once_is_tried_again_as_often_as_failures_are_allowed(kind: str, how: str) -> None:
    for point in instance_points(kind, how):
        driver = hooked(kind, how, point, max_failures=2)
        driver.hooks.fail(point, times=2)
        status = driver.run()
        assert status.outcome is Outcome.SUCCEEDED, point
        assert len(status.failures) == 2


def test_a_failed_hook_of_a_pausing_rollout_is_run_again_by_resume(kind: str, how: str) -> None:
    for point in (*ROLLOUT_POINTS, *instance_points(kind, how)):
        driver = hooked(kind, how, point, on_failure=OnFailure.PAUSE, gates=Gates(checkpoints=(Amount(value=1),)))
        driver.hooks.fail(point)
        assert driver.run().outcome is Outcome.PAUSED
        driver.resume()
        assert driver.run().outcome is Outcome.SUCCEEDED
        assert counts(driver)[point] == (2 if point in ROLLOUT_POINTS else 4)


def test_the_time_of_hooks_counts_against_no_deadline(kind: str, how: str) -> None:
    points = (*ROLLOUT_POINTS, *instance_points(kind, how))
    limits = replace(LIMITS, launch_seconds=60, healthy_seconds=60, progress_seconds=160)
    driver = hooked(kind, how, *points, gates=Gates(checkpoints=(Amount(value=1),)), timeout=900, limits=limits)
    driver.hooks.seconds = dict.fromkeys(HookPoint, 170)
    status = driver.run()
    assert (status.outcome, status.failures) == (Outcome.SUCCEEDED, ())


def test_a_hook_that_takes_too_long_has_failed(kind: str) -> None:
    driver = hooked(kind, "replace", HookPoint.AFTER_HEALTHY, timeout=40)
    driver.hooks.seconds["after_healthy"] = 5000
    status = driver.run()
    assert status.outcome is Outcome.STOPPED
    assert status.reason.endswith("hook after_healthy failed at after_healthy: not finished within 40 s")


def test_a_run_whose_end_was_not_observed_is_started_again(kind: str, how: str) -> None:
    points = (*ROLLOUT_POINTS, *instance_points(kind, how))
    driver = hooked(kind, how, *points, gates=Gates(checkpoints=(Amount(value=1),)))
    driver.hooks.seconds = dict.fromkeys(HookPoint, 20)
    runs = set()
    for _ in range(2000):
        if driver.ended:
            break
        decided = driver.look()
        driver.save(decided)
        new = {run.call.number for run in decided.hooks} - runs
        runs |= new
        if new:
            driver.hooks.crash()
            continue  # the process dies between the announcement and the start
        driver.execute(decided)
        driver.fleet.clock.sleep(driver.unhurried(decided))
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert {event.run for event in driver.hooks.events} == runs
    assert driver.status.counters.hooks == len(runs) == 3 + 3 * len(instance_points(kind, how))


def test_a_run_for_a_server_that_no_longer_leaves_is_ended(kind: str) -> None:
    driver = hooked(kind, "replace", HookPoint.BEFORE_DEREGISTER)
    driver.hooks.seconds["before_deregister"] = 250
    driver.wait(50)
    driver.status = driver.stopped()
    status = driver.run()
    driver.look()
    assert (status.outcome, status.hooks.announced, driver.hooks.ended) == (Outcome.STOPPED, (), [1])
    assert driver.done(act.DeregisterTargets) == driver.done(act.TerminateInGroup) == []
    assert versions(driver.fleet) == {str(OLD): 3}


def test_the_end_waits_for_the_hook_that_reports_the_failure(kind: str) -> None:
    driver = hooked(kind, "replace", HookPoint.ON_FAILURE, HookPoint.BEFORE_ROLLOUT)
    driver.hooks.seconds["on_failure"] = 250
    driver.hooks.fail("before_rollout")
    driver.hooks.fail("on_failure")
    begun = driver.fleet.clock.monotonic()
    status = driver.run()
    assert driver.fleet.clock.monotonic() - begun >= 250
    assert status.outcome is Outcome.STOPPED
    assert status.warnings[-1] == "hook on_failure failed at on_failure: exit code 1"


def test_two_hooks_at_one_point_run_one_after_the_other(kind: str) -> None:
    fleet = KINDS[kind](outdated=1)
    two = tuple(Hook(point=HookPoint.AFTER_HEALTHY, name=name, command=("true",)) for name in ("second", "first"))
    driver = Driver(fleet, rollout(fleet, hooks=two))
    driver.hooks.seconds = {"second": 60, "first": 60}
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert [event.hook for event in driver.hooks.events] == ["second", "first"]


def test_servers_that_were_new_before_the_rollout_have_no_hooks(kind: str) -> None:
    fleet = KINDS[kind](outdated=1, current=2)
    fleet.targets.connection_seconds = 0
    driver = Driver(fleet, rollout(fleet, hooks=hooks(*HookPoint)))
    assert driver.run().outcome is Outcome.SUCCEEDED
    found = {one.instance_id for one in fleet.instances.all() if one.template == NEW and not one.is_new}
    assert not any(found & set(event.instance_ids) for event in driver.hooks.events if event.point.is_of_an_instance)
