"""Failed new servers that are kept for inspection: out of traffic and of the fleet, never more than asked for."""

from typing import Any

import pytest

from awsroll.core.model.actions import DetachFromGroup, TagInstances
from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import InstanceState
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import OnFailure, Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.tags import KEEP_UNTIL_TAG
from awsroll.testing.instances import Misbehaviour
from tests.support.builders import NEW, OLD, auto_scaling, rollout, standalone
from tests.support.drive import Driver

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
HOW: dict[str, dict[str, Any]] = {
    "replace": {"max_unavailable": Amount(value=2)},
    "launch-first": {"max_unavailable": Amount(value=0), "max_surge": Amount(value=2)},
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
}
KEEPING: dict[str, Any] = {"keep_failed": 1, "keep_failed_seconds": 3600.0, "on_failure": OnFailure.ROLLBACK}


@pytest.fixture(params=KINDS, name="make")
def _make(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


@pytest.fixture(params=HOW, name="how")
def _how(request: pytest.FixtureRequest) -> dict[str, Any]:
    return HOW[request.param]


def sick(make: Any, harm: Misbehaviour = Misbehaviour.NEVER_HEALTHY, **asked: Any) -> tuple[Any, Driver]:
    fleet = make(outdated=4)
    fleet.instances.bad_versions[str(NEW)] = harm
    return fleet, Driver(fleet, rollout(fleet, **{**KEEPING, **asked}))


def kept(fleet: Any) -> set[str]:
    return {one.instance_id for one in fleet.instances.all() if one.live and KEEP_UNTIL_TAG in one.tags}


def test_one_failed_server_is_kept_and_the_rollback_completes(make: Any, how: dict[str, Any]) -> None:
    fleet, driver = sick(make, **how)
    status = driver.run()
    assert status.outcome is Outcome.ROLLED_BACK
    fleet.clock.sleep(600)
    fleet.world.catch_up()
    (name,) = kept(fleet)
    (noted,) = status.kept_failed
    assert noted.instance_id == name
    assert fleet.instances[name].application_version == str(NEW)
    assert fleet.instances[name].tags[KEEP_UNTIL_TAG] == noted.until.isoformat(timespec="seconds")
    assert not fleet.targets.of(name), "it is registered nowhere"
    others = [one for one in fleet.instances.all() if one.live and one.instance_id != name]
    assert [one.application_version for one in others] == [str(OLD)] * 4


def test_a_failure_that_is_retried_is_kept_too(make: Any) -> None:
    fleet, driver = sick(make, max_unavailable=Amount(value=1), max_failures=2, keep_failed=2)
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert len(kept(fleet)) == 2


def test_nothing_is_kept_unless_asked_for(make: Any, how: dict[str, Any]) -> None:
    fleet, driver = sick(make, keep_failed=0, **how)
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert not kept(fleet)
    assert not driver.done(DetachFromGroup)


def test_a_cap_on_running_servers_counts_kept_ones(make: Any) -> None:
    fleet, driver = sick(make, max_unavailable=Amount(value=1), max_running=Amount(value=5), keep_failed=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert len(kept(fleet)) == 1
    assert fleet.safety.highest_running <= 5


def test_a_server_that_ended_by_itself_is_not_kept(make: Any) -> None:
    fleet, driver = sick(make, harm=Misbehaviour.DIES, max_unavailable=Amount(value=1))
    status = driver.run()
    assert status.outcome is Outcome.ROLLED_BACK
    assert not kept(fleet)
    assert not status.set_aside


@pytest.mark.parametrize("refused", [TagInstances, DetachFromGroup])
def test_a_refusal_terminates_the_server_with_a_warning(refused: type) -> None:
    fleet, driver = sick(auto_scaling, max_unavailable=Amount(value=1))
    driver.run_until(TagInstances) if refused is DetachFromGroup else None
    fleet.faults.deny(refused)
    status = driver.run()
    assert status.outcome is Outcome.ROLLED_BACK
    assert any("not kept for inspection" in warning for warning in status.warnings)
    assert not status.kept_failed
    live = {one.application_version for one in fleet.instances.all() if one.state is InstanceState.RUNNING}
    assert live == {str(OLD)}


def test_the_tag_comes_before_the_server_leaves_its_group() -> None:
    _, driver = sick(auto_scaling, max_unavailable=Amount(value=1))
    driver.run()
    types = [type(result.action) for result in driver.results]
    assert types.index(TagInstances) < types.index(DetachFromGroup)
    assert {action.reason for action in driver.done(DetachFromGroup)} == {Reason.KEPT_FOR_INSPECTION}


@pytest.mark.parametrize("steps", [3, 12, 20, 26, 32, 45])
def test_an_abort_at_any_moment_keeps_no_more_than_asked_for(make: Any, steps: int) -> None:
    fleet, driver = sick(make, max_unavailable=Amount(value=1))
    for _ in range(steps):
        if driver.ended:
            break
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.status = driver.stopped()
    driver.run()
    assert len(kept(fleet)) <= 1
