"""A drain probe ends the drain of a standalone server early, and never earlier than it may."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model import actions as act
from awsroll.core.model.amount import Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from tests.support.builders import LIMITS, NEW, rollout, standalone, target_group
from tests.support.drive import Driver, versions

PROBE = Hook(point=HookPoint.WHILE_DRAINING, name="drain-probe", script=("count",), timeout_seconds=3720)
FLOOR, DELAY = 15, 300
HOW: dict[str, dict[str, Any]] = {
    "replace": {},
    "two-at-a-time": {"max_unavailable": Amount(value=2)},
    "one-after-the-other": {"max_running": Amount(value=100, is_percentage=True)},
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
    "reload": {"strategy": Strategy.RELOAD},
}


def probed(how: str = "replace", *, open_for: float, answers_after: float | None, **changes: Any) -> Driver:
    """Return a rollout whose probe answers some time after a drain has begun; None: it never answers."""
    group = target_group(deregistration_delay_seconds=DELAY, **changes)
    fleet = standalone(outdated=3, target_groups=(group,))
    fleet.targets.connection_seconds = open_for
    limits = replace(LIMITS, drain_seconds=DELAY + 60)
    driver = Driver(fleet, rollout(fleet, hooks=(PROBE,), limits=limits, **HOW[how]))
    driver.hooks.seconds["drain-probe"] = 10_000 if answers_after is None else answers_after
    return driver


def drains(driver: Driver) -> list[float]:
    """Return how long each server of the first version drained before it was terminated or reloaded."""
    begun, ended = {}, {}
    for entry in driver.fleet.world.journal:
        if entry.name == "target.deregistered":
            begun[entry.instance_id] = entry.at
        if entry.name in ("instance.shutting-down", "command.started"):
            ended[entry.instance_id] = entry.at
    return [(ended[name] - begun[name]).total_seconds() for name in begun if name in ended]


@pytest.mark.parametrize("how", HOW)
def test_a_probe_ends_each_drain_when_no_connection_is_open(how: str) -> None:
    driver = probed(how, open_for=20, answers_after=25)
    status = driver.run()

    assert (status.outcome, status.failures, status.warnings) == (Outcome.SUCCEEDED, (), ())
    assert len(drains(driver)) == 3
    assert all(25 <= seconds <= 35 for seconds in drains(driver))
    saved = status.counters.drain_seconds_saved
    assert saved == pytest.approx(sum(DELAY - seconds for seconds in drains(driver)), abs=1)
    if how != "reload":
        assert versions(driver.fleet) == {str(NEW): 3}


@pytest.mark.parametrize("how", HOW)
def test_no_drain_is_shorter_than_the_floor(how: str) -> None:
    driver = probed(how, open_for=FLOOR, answers_after=0)
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    assert all(FLOOR <= seconds <= FLOOR + 5 for seconds in drains(driver))


@pytest.mark.parametrize("how", HOW)
def test_a_probe_that_fails_shortens_no_drain(how: str) -> None:
    driver = probed(how, open_for=DELAY, answers_after=5)
    driver.hooks.fail("drain-probe", times=99)
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    assert status.warnings == ("the drain probe drain-probe failed: exit code 1. Such a drain takes its whole delay",)
    assert all(seconds >= DELAY for seconds in drains(driver))
    assert status.counters.drain_seconds_saved == 0


def test_a_probe_that_never_answers_shortens_no_drain_and_is_no_failure() -> None:
    driver = probed(open_for=DELAY, answers_after=None)
    status = driver.run()

    assert (status.outcome, status.warnings) == (Outcome.SUCCEEDED, ())
    assert all(DELAY <= seconds <= DELAY + 5 for seconds in drains(driver))


def test_no_drain_ends_while_a_network_load_balancer_can_send_new_flows() -> None:
    driver = probed(open_for=20, answers_after=25, protocol="TCP")
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    assert all(120 <= seconds <= 125 for seconds in drains(driver))


def test_a_server_that_someone_registers_again_drains_for_its_whole_delay() -> None:
    driver = probed("one-after-the-other", open_for=DELAY, answers_after=5)
    decided = driver.run_until(act.DeregisterTargets)
    (name,) = (action.instance_id for action in decided.actions)
    driver.wait(10)
    assert driver.status.servers[name].quiet_at is not None
    (key,) = driver.status.servers[name].targets
    driver.fleet.targets.register(name, key)
    driver.wait(5)
    driver.fleet.targets.deregister(name, key)
    driver.hooks.seconds["drain-probe"] = 10_000
    driver.run()

    assert driver.status.outcome is Outcome.SUCCEEDED
    assert all(seconds >= DELAY for seconds in drains(driver))


def test_a_kept_server_is_out_of_traffic_for_its_whole_delay() -> None:
    driver = probed("double-half", open_for=DELAY, answers_after=5)
    driver.rollout = replace(driver.rollout, keep_old=True)
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    assert status.counters.drain_seconds_saved == 0


@pytest.mark.parametrize("how", HOW)
def test_a_rollout_that_loses_its_probes_at_each_step_still_ends(how: str) -> None:
    driver = probed(how, open_for=20, answers_after=25)
    for _ in range(3000):
        if driver.ended:
            break
        driver.hooks.crash()
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))

    assert driver.status.outcome is Outcome.SUCCEEDED
