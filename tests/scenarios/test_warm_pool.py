"""A group with a warm pool: the rollout deletes the pool first, and restores it at each end."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.actions import DeleteWarmPool, ForgetSavedSettings, PutWarmPool, SaveSettings, TerminateInGroup
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.model.warm_pool import WarmPool
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.group import GroupSettings
from tests.support.builders import NEW, OLD, auto_scaling, launch_first, rollout
from tests.support.drive import Driver, drive, versions

POOL = WarmPool(minimum=2, prepared=6, state="Stopped", reuses=True)


def _fleet(*, outdated: int = 3, current: int = 0, **settings: Any) -> FakeFleet:
    return auto_scaling(outdated=outdated, current=current, warm_pool=POOL, warm=[OLD, OLD], **settings)


def _settings(fleet: FakeFleet) -> GroupSettings:
    assert fleet.group is not None
    return fleet.group.settings


@pytest.mark.parametrize("strategy", [Strategy.REPLACE, Strategy.DOUBLE_HALF])
def test_the_pool_is_deleted_during_the_rollout_and_created_again_from_the_new_version(strategy: Strategy) -> None:
    fleet = _fleet()
    driver = Driver(fleet, rollout(fleet, strategy=strategy, purges_warm_pool=True))

    driver.run_until(DeleteWarmPool)
    assert ("web", "warm-pool") in fleet.memory, "its settings are saved on the group before it is deleted"
    assert not driver.done(TerminateInGroup)
    driver.run()

    assert driver.status.outcome is Outcome.SUCCEEDED
    assert _settings(fleet).warm_pool == POOL
    assert _settings(fleet).warm == [NEW, NEW]
    assert fleet.memory == {}
    assert versions(fleet) == {str(NEW): 3}
    assert len(driver.done(DeleteWarmPool)) == len(driver.done(PutWarmPool)) == 1
    assert driver.status.counters.replaced == 3, "no old server has come out of the pool"


def test_without_purging_old_servers_come_out_of_the_pool() -> None:
    fleet = _fleet()
    driver = drive(fleet, rollout(fleet))

    assert driver.status.counters.replaced == 5, "the fake does what a purge is for"


def test_after_a_stop_the_pool_is_created_again_from_the_old_version() -> None:
    fleet = _fleet(version="$Latest", maximum=4)
    fleet.fail_launches(100)
    driver = drive(fleet, rollout(fleet, purges_warm_pool=True, **launch_first()))

    assert driver.status.outcome is Outcome.STOPPED
    assert _settings(fleet).warm_pool == POOL
    assert _settings(fleet).warm == [OLD, OLD]


def test_a_pool_on_the_old_version_is_purged_although_its_fleet_is_on_the_new_version() -> None:
    fleet = _fleet(outdated=0, current=3)
    assert drive(fleet, rollout(fleet, purges_warm_pool=True)).status.outcome is Outcome.SUCCEEDED
    assert _settings(fleet).warm == [NEW, NEW]


def test_a_pool_that_is_on_the_new_version_with_its_fleet_is_left_alone() -> None:
    fleet = auto_scaling(outdated=0, current=3, version="3", warm_pool=POOL, warm=[NEW, NEW])
    driver = drive(fleet, rollout(fleet, purges_warm_pool=True))

    assert driver.status.outcome is Outcome.SUCCEEDED
    assert not driver.done(DeleteWarmPool)


@pytest.mark.parametrize("wanted", [SaveSettings, DeleteWarmPool, PutWarmPool, ForgetSavedSettings])
@pytest.mark.parametrize("after", [False, True], ids=["before-the-calls", "after-the-calls"])
def test_a_crash_at_any_of_its_steps_is_harmless(wanted: type[Any], after: bool) -> None:
    fleet = _fleet()
    driver = Driver(fleet, rollout(fleet, purges_warm_pool=True))
    while True:
        decided = driver.look()
        driver.save(decided)
        if any(isinstance(action, wanted) for action in decided.actions):
            break
        driver.execute(decided)
        fleet.clock.sleep(decided.requeue_seconds)
    if after:
        fleet.execute(driver.rollout, decided.actions)  # the process dies before it learns the answer

    driver.run()

    assert driver.status.outcome is Outcome.SUCCEEDED
    assert _settings(fleet).warm_pool == POOL
    assert fleet.memory == {}


def test_a_pool_created_by_someone_else_is_kept() -> None:
    fleet = _fleet()
    driver = Driver(fleet, rollout(fleet, purges_warm_pool=True))
    driver.run_until(TerminateInGroup)
    other = replace(POOL, minimum=0, reuses=False)
    fleet.somebody.puts_warm_pool(other)

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert _settings(fleet).warm_pool == other
    assert not driver.done(PutWarmPool)


def test_without_the_permission_to_delete_the_pool_the_rollout_pauses_and_changes_nothing() -> None:
    fleet = _fleet()
    fleet.faults.deny(DeleteWarmPool)
    driver = Driver(fleet, rollout(fleet, purges_warm_pool=True))

    assert driver.run().outcome is Outcome.PAUSED
    assert versions(fleet) == {str(OLD): 3}
    assert _settings(fleet).warm_pool == POOL


def test_the_settings_of_a_pool_are_read_back_as_they_were_written() -> None:
    for pool in (POOL, WarmPool(), WarmPool(prepared=0, state="Hibernated")):
        assert WarmPool.parse(str(pool)) == pool
    with pytest.raises(ValueError, match="not the settings of a warm pool: 'min=2'"):
        WarmPool.parse("min=2")
