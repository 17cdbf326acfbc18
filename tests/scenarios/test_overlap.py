"""A replacement is launched when the drain of the old server begins, unless running servers are capped."""

from datetime import datetime

import pytest

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import DeregisterTargets, LaunchInstance, RegisterTargets, TerminateInstance
from awsroll.core.model.amount import EVERYTHING, Amount
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout_choices import OnFailure
from awsroll.core.model.status import Outcome, UserRequests
from awsroll.testing.faults import Fault
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.world import Physics
from tests.support.builders import (
    NEW,
    OLD,
    at_a_time,
    auto_scaling,
    launch_first,
    rollout,
    standalone,
    target_group,
)
from tests.support.drive import Driver, drive, versions
from tests.support.status import changed

SLOW_DRAIN = target_group(deregistration_delay_seconds=100)
AT_DEFAULTS = target_group(deregistration_delay_seconds=300, health_interval_seconds=30, healthy_threshold=5)


def times(fleet: FakeFleet, name: str) -> list[datetime]:
    return [entry.at for entry in fleet.world.journal if entry.name == name]


def overlapping(**how: object) -> Driver:
    """Return a rollout whose first replacement serves while its predecessor drains."""
    fleet = standalone(outdated=3, target_groups=(SLOW_DRAIN,))
    driver = Driver(fleet, rollout(fleet, **how))
    driver.run_until(RegisterTargets)
    driver.wait(30)
    assert driver.status.serving
    assert fleet.targets.of("i-0001"), "the old server still drains"
    return driver


def test_the_replacement_is_launched_when_the_drain_begins() -> None:
    fleet = standalone(outdated=3)
    driver = drive(fleet, rollout(fleet))

    assert driver.status.outcome is Outcome.SUCCEEDED
    assert (fleet.safety.highest_live, fleet.safety.lowest_serving) == (3, 2)
    assert fleet.safety.highest_running > 3
    assert driver.status.counters.highest_live == 3
    assert driver.status.counters.highest_running == fleet.safety.highest_running
    assert times(fleet, "instance.launched")[0] < times(fleet, "target.drained")[0]


def test_with_a_cap_of_everything_an_old_server_is_gone_before_its_replacement_is_launched() -> None:
    fleet = standalone(outdated=3)
    driver = drive(fleet, rollout(fleet, max_running=EVERYTHING))

    assert driver.status.outcome is Outcome.SUCCEEDED
    assert fleet.safety.highest_running == 3
    kinds = [type(action) for action in (one.action for one in driver.results)]
    order = [kind for kind in kinds if kind in (DeregisterTargets, TerminateInstance, LaunchInstance)]
    assert order == [DeregisterTargets, TerminateInstance, LaunchInstance] * 3


@pytest.mark.parametrize("kind", ["standalone", "auto-scaling"])
@pytest.mark.parametrize("how", [at_a_time(3), launch_first(3)], ids=["terminate-first", "launch-first"])
def test_a_cap_counts_draining_servers_and_leaves_progress(kind: str, how: dict[str, Amount]) -> None:
    fleet = standalone(outdated=6) if kind == "standalone" else auto_scaling(outdated=6)
    driver = drive(fleet, rollout(fleet, max_running=Amount(value=7), **how))

    assert (driver.status.outcome, versions(fleet)) == (Outcome.SUCCEEDED, {str(NEW): 6})
    assert fleet.safety.highest_running == 7


def test_the_drains_of_twenty_servers_cost_the_time_of_one() -> None:
    physics = Physics(boot=60, application=0)
    fleet = standalone(outdated=20, target_groups=(AT_DEFAULTS,), physics=physics)
    driver = drive(fleet, rollout(fleet, **at_a_time(4)))

    assert driver.status.outcome is Outcome.SUCCEEDED
    assert fleet.safety.highest_live == 20
    assert fleet.clock.monotonic() <= 5 * (60 + 30) + 300 + 60


def test_a_rollback_during_the_overlap_returns_the_old_server_within_the_ceiling() -> None:
    driver = overlapping(**at_a_time(2), on_failure=OnFailure.ROLLBACK)
    fleet, status = driver.fleet, driver.status
    driver.status = changed(status, user_requests=UserRequests(rollback=True))
    driver.run()

    assert (driver.status.outcome, versions(fleet)) == (Outcome.ROLLED_BACK, {str(OLD): 3})
    assert fleet.instances["i-0001"].live, "its drain was not its end"
    assert (fleet.safety.highest_live, fleet.safety.lowest_serving) == (3, 1)


def test_a_stop_during_the_overlap_keeps_one_server_in_each_place() -> None:
    driver = overlapping()
    driver.status = driver.stopped()
    driver.run()

    assert driver.status.outcome is Outcome.STOPPED
    assert sum(versions(driver.fleet).values()) == 3
    assert len(driver.fleet.safety.serving()) == 3


def test_a_replacement_that_dies_while_its_predecessor_drains_is_replaced_at_once() -> None:
    driver = overlapping(max_failures=1)
    (new,) = driver.status.serving
    driver.fleet.somebody.kills(new)
    driver.run_until(LaunchInstance)

    assert driver.fleet.targets.of("i-0001"), "the old server still drains"
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_an_old_server_that_dies_during_its_drain_changes_nothing() -> None:
    driver = overlapping()
    driver.fleet.somebody.kills("i-0001")
    driver.run()

    assert (driver.status.outcome, versions(driver.fleet)) == (Outcome.SUCCEEDED, {str(NEW): 3})
    assert len(driver.done(LaunchInstance)) == 3


def test_a_crash_between_drain_and_launch_launches_once() -> None:
    fleet = standalone(outdated=2, target_groups=(SLOW_DRAIN,))
    driver = Driver(fleet, rollout(fleet))
    driver.run_until(DeregisterTargets)
    decided = driver.look()
    assert [type(action) for action in decided.actions] == [LaunchInstance]
    driver.save(decided)  # the process dies before the call
    driver.run()

    assert (driver.status.outcome, versions(fleet)) == (Outcome.SUCCEEDED, {str(NEW): 2})
    assert len(fleet.instances.all()) == 4


def test_a_server_in_its_drain_is_shown_as_draining() -> None:
    driver = overlapping()
    assert driver.status.servers["i-0001"].phase is ServerPhase.DRAINING


def test_a_target_group_that_is_full_of_draining_servers_delays_the_registration() -> None:
    fleet = standalone(outdated=3, target_groups=(SLOW_DRAIN,))
    full = {"answer": Answer.REFUSED, "code": "TooManyTargets"}
    for number in (1, 2, 3):
        fleet.faults.plan(Fault(action=RegisterTargets, nth=number, **full))
    driver = drive(fleet, rollout(fleet))

    assert (driver.status.outcome, driver.status.failures) == (Outcome.SUCCEEDED, ())
    assert versions(fleet) == {str(NEW): 3}
