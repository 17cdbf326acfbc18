"""The bake time of a judged rollout: the last old server stays for the judge to compare with."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.lifecycle import rollout_phase
from awsroll.core.model.amount import Amount
from awsroll.core.model.hook_calls import HookEvent, Reading
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.phases import RolloutPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Gates, Judging, OnFailure, ReloadCommand, Strategy
from awsroll.core.model.status import Outcome
from awsroll.testing.instances import FakeInstance
from tests.support.builders import NEW, OLD, RELOAD, auto_scaling, launch_first, one_at_a_time, rollout, standalone
from tests.support.drive import Driver, versions

BAKED = Gates(bake_seconds=300)
WAYS: dict[str, dict[str, Any]] = {
    "replace": one_at_a_time(),
    "launch-first": launch_first(3),
    "double-half": {"strategy": Strategy.DOUBLE_HALF},
    "reload": {
        "strategy": Strategy.RELOAD,
        "rollback_reload": ReloadCommand(app_version="app-2", commands=("deploy app-2",)),
    },
}
KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
NEWEST = (str(NEW), RELOAD.app_version)


def judged(
    kind: str = "standalone", *, servers: int = 6, gates: Gates = BAKED, rate: int = 50, **changes: Any
) -> Driver:
    fleet = KINDS[kind](outdated=servers)
    for instance in fleet.instances.all():
        if changes.get("strategy") is Strategy.RELOAD:
            instance.application_version = "app-2"
    hook = Hook(point=HookPoint.WHILE_JUDGING, name="errors", command=("count",), timeout_seconds=10)
    changes = {"on_failure": OnFailure.ROLLBACK} | changes
    driver = Driver(fleet, rollout(fleet, hooks=(hook,), gates=gates, **changes))
    answers(driver, lambda _: False, rate=rate)
    return driver


def answers(driver: Driver, is_bad: Callable[[FakeInstance], bool], *, rate: int = 50) -> None:
    """Let each server answer `rate` requests in each interval, and 3 of them badly if it is bad."""

    def count(event: HookEvent) -> list[Reading]:
        servers = [driver.fleet.instances[name] for name in event.instance_ids]
        return [Reading(instance_id=one.instance_id, bad=3 * is_bad(one), total=rate) for one in servers]

    driver.hooks.readings["errors"] = count


def until_baking(driver: Driver) -> Driver:
    while driver.status.gate.baking_since is None:
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))
    return driver


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_one_old_server_serves_until_the_bake_time_is_over(kind: str, way: str) -> None:
    driver = until_baking(judged(kind, **WAYS[way]))
    began = driver.fleet.clock.now()
    serving = versions(driver.fleet)
    assert rollout_phase(driver.status) is RolloutPhase.BAKING
    assert sum(serving[version] for version in serving if version in NEWEST) == 5
    assert sum(serving[version] for version in serving if version not in NEWEST) == (6 if way == "double-half" else 1)

    driver.wait(290)
    assert versions(driver.fleet) == serving

    status = driver.run()
    assert (status.outcome, status.warnings) == (Outcome.SUCCEEDED, ())
    assert list(versions(driver.fleet).values()) == [6]
    assert set(versions(driver.fleet)) < set(NEWEST)
    assert (driver.fleet.clock.now() - began).total_seconds() >= 300


@pytest.mark.parametrize(("kind", "way"), [*zip(["standalone"] * 4, WAYS, strict=False), ("auto-scaling", "replace")])
def test_a_version_that_turns_bad_in_the_bake_time_is_rolled_back_with_its_evidence(kind: str, way: str) -> None:
    driver = until_baking(judged(kind, **WAYS[way]))
    driver.wait(60)
    turned = driver.fleet.clock.now()
    answers(driver, lambda server: server.application_version in NEWEST)
    status = driver.run()

    assert status.outcome is Outcome.ROLLED_BACK
    assert not set(versions(driver.fleet)) & set(NEWEST)
    (failure,) = status.failures
    assert "worse than the old version by errors: bad requests: " in failure.cause
    assert 0 < (failure.at - turned).total_seconds() < 180


def test_an_outage_of_all_servers_in_the_bake_time_rolls_nothing_back() -> None:
    driver = until_baking(judged(servers=4, gates=replace(BAKED, judge=Judging(wait_seconds=10))))
    answers(driver, lambda _: True)
    status = driver.run()

    assert (status.outcome, status.failures) == (Outcome.SUCCEEDED, ())


def test_the_bake_time_goes_on_until_the_judge_can_tell_or_its_timeout_is_over() -> None:
    gates = replace(BAKED, judge=Judging(wait_seconds=600))
    driver = until_baking(judged(gates=gates, rate=1))
    driver.wait(310)
    assert driver.plans[-1].holds[0].reason is Reason.JUDGING
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    (warning,) = status.warnings
    assert warning.startswith("the bake time ended without a verdict: errors has too few requests to new servers (")


def test_an_old_server_that_fails_in_the_bake_time_is_replaced() -> None:
    driver = until_baking(judged())
    (old,) = [one for one in driver.fleet.instances.all() if one.application_version not in NEWEST and one.live]
    old.broken = True
    driver.fleet.instances.changed(old)
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    assert versions(driver.fleet) == {str(NEW): 6}


@pytest.mark.parametrize(
    "changes",
    [
        {"gates": Gates()},
        {"strategy": Strategy.DOUBLE_HALF, "keep_old": True},
        {"servers": 1, **launch_first(1)},
    ],
    ids=["without-bake-time", "keep-old", "one-server"],
)
def test_without_a_server_to_compare_with_the_bake_time_begins_at_the_end(changes: dict[str, Any]) -> None:
    driver = judged(**changes)
    status = driver.run()
    baking = [plan for plan in driver.plans if plan.status.gate.baking_since is not None]

    assert status.outcome is Outcome.SUCCEEDED
    assert bool(baking) is (changes.get("gates") != Gates())


@pytest.mark.parametrize("checkpoint", ["1", "5", "100%"])
def test_checkpoints_open_before_and_after_the_bake_time(checkpoint: str) -> None:
    gates = replace(BAKED, checkpoints=(Amount.parse(checkpoint),), delay_seconds=30)
    status = judged(gates=gates).run()

    assert (status.outcome, status.gate.passed, status.gate.baked) == (Outcome.SUCCEEDED, 1, True)


@pytest.mark.parametrize(("kind", "way"), [("standalone", "replace"), ("auto-scaling", "launch-first")])
def test_a_crash_after_any_decision_changes_nothing(kind: str, way: str) -> None:
    driver = judged(kind, servers=3, gates=Gates(bake_seconds=30), **WAYS[way])
    draw = random.Random(1)  # noqa: S311 - no secret
    for _ in range(1000):
        if driver.ended:
            break
        decided = driver.look()
        driver.save(decided)
        if draw.random() > 0.3:
            driver.execute(decided)
        driver.fleet.clock.sleep(driver.unhurried(decided))

    assert driver.status.outcome is Outcome.SUCCEEDED
    assert list(versions(driver.fleet).values()) == [3]


def test_servers_on_the_new_version_from_the_start_count() -> None:
    fleet = standalone(outdated=3, current=3)
    driver = judged()
    driver = Driver(fleet, replace(driver.rollout, target_groups=rollout(fleet).target_groups))
    answers(driver, lambda _: False)
    until_baking(driver)

    assert versions(driver.fleet) == {str(OLD): 1, str(NEW): 5}
    assert driver.run().outcome is Outcome.SUCCEEDED
