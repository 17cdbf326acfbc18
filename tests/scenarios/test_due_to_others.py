"""What AWS or other people cause does not roll the version back: the rollout waits, and then pauses for a person."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.observation import Observation, Target, TargetState
from awsroll.core.model.rollout_choices import OnFailure
from awsroll.core.model.status import Outcome
from awsroll.core.observe.verdict import LEAST_ENDED_BY_OTHERS
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import LIMITS, NEW, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions

BACK: dict[str, Any] = {"on_failure": OnFailure.ROLLBACK, **launch_first(1)}
MAKERS = pytest.mark.parametrize("make", [standalone, auto_scaling])
KEPT_AWAY = {
    "the load balancer fails": (TargetState.UNHEALTHY, "Elb.InternalError"),
    "its zone is disabled": (TargetState.UNUSED, "Target.NotInUse"),
}


def show_new(fleet: FakeFleet, state: TargetState, reason: str) -> Callable[[], None]:
    """Show the targets of new servers in this state; return a function that ends this."""
    observe = fleet.observe

    def changed(target: Target) -> Target:
        return replace(target, state=state, reason=reason) if target.state is TargetState.HEALTHY else target

    def shown(*asked: Any) -> Observation:
        seen = observe(*asked)
        instances = (
            replace(one, targets=tuple(map(changed, one.targets))) if fleet.instances[one.instance_id].is_new else one
            for one in seen.instances
        )
        return replace(seen, instances=tuple(instances))

    def end() -> None:
        fleet.observe = observe  # type: ignore[method-assign]

    fleet.observe = shown  # type: ignore[method-assign]
    return end


@MAKERS
@pytest.mark.parametrize("why", KEPT_AWAY)
def test_a_load_balancer_that_keeps_requests_away_for_long_pauses_the_rollout(make: Any, why: str) -> None:
    fleet = make(outdated=2)
    end = show_new(fleet, *KEPT_AWAY[why])
    driver = Driver(fleet, rollout(fleet, **BACK))

    assert driver.run().outcome is Outcome.PAUSED
    assert "no progress" in driver.status.reason
    assert not driver.status.rolling_back

    end()
    driver.resume()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2}


def kill_new(fleet: FakeFleet) -> None:
    for one in fleet.instances.all():
        if one.is_new and one.live:
            fleet.somebody.kills(one.instance_id)


@MAKERS
def test_servers_that_aws_ends_again_and_again_pause_the_rollout(make: Any) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, **BACK))
    for _ in range(300):
        if driver.status.outcome is Outcome.PAUSED:
            break
        fleet.clock.sleep(max(1, driver.step().requeue_seconds))
        kill_new(fleet)

    assert driver.status.outcome is Outcome.PAUSED
    assert not driver.status.rolling_back
    assert len(driver.status.failures) == LEAST_ENDED_BY_OTHERS + 1

    driver.resume()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 3}


def test_a_member_that_someone_holds_in_standby_for_long_pauses_the_rollout() -> None:
    fleet = auto_scaling(outdated=3)
    driver = Driver(fleet, rollout(fleet, limits=replace(LIMITS, skipped_seconds=3600), **BACK))
    fleet.somebody.puts_in_standby("i-0002")

    assert driver.run().outcome is Outcome.PAUSED
    assert "i-0002" in driver.status.reason
    assert not driver.status.rolling_back

    fleet.somebody.takes_out_of_standby("i-0002")
    driver.resume()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 3}


def test_a_member_that_stays_in_standby_is_waited_for_again_after_each_resume() -> None:
    fleet = auto_scaling(outdated=2)
    driver = Driver(fleet, rollout(fleet, limits=replace(LIMITS, skipped_seconds=600), **BACK))
    fleet.somebody.puts_in_standby("i-0002")
    driver.run()
    paused_at = fleet.clock.now()
    driver.resume()

    assert driver.run().outcome is Outcome.PAUSED
    assert (fleet.clock.now() - paused_at).total_seconds() >= 600
