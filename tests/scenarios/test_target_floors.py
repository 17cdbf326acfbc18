"""No target group serves with fewer servers than the floor because of awsroll, each judged by itself.

A server with several target groups leaves them one after the other. Until it has left the last one it takes requests
there, so it is not terminated while others are lost. The fake AWS checks each target group after every action.
"""

from typing import Any

import pytest

from awsroll.core.model.actions import DeregisterTargets, RegisterTargets
from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import TargetKey
from awsroll.core.model.rollout_choices import Gates, OnFailure
from awsroll.core.model.status import Outcome
from awsroll.testing.faults import When
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import Misbehaviour
from tests.support.builders import (
    API,
    NEW,
    OLD,
    WEB,
    at_a_time,
    auto_scaling,
    launch_first,
    rollout,
    standalone,
    target_group,
)
from tests.support.drive import Driver, versions

EXTRA = (TargetKey(target_group=API, port=80),)
SECOND_PORT = TargetKey(target_group=WEB, port=81)
BOTH = (TargetKey(target_group=WEB, port=80), *EXTRA)


def group_of_four(**settings: Any) -> FakeFleet:
    groups = (target_group(managed=True), target_group(API))
    return auto_scaling(outdated=4, target_groups=groups, extra=EXTRA, maximum=8, **settings)


def left_by(driver: Driver) -> list[str]:
    """Run until old servers leave a target group; return their ids."""
    actions = driver.run_until(DeregisterTargets).actions
    return [one.instance_id for one in actions if isinstance(one, DeregisterTargets)]


def old(fleet: FakeFleet) -> set[str]:
    return {one.instance_id for one in fleet.instances.all() if not one.is_new}


def kill_new(fleet: FakeFleet) -> None:
    for one in fleet.instances.all():
        if one.is_new:
            fleet.somebody.kills(one.instance_id)


def test_members_that_left_their_extra_target_group_return_if_the_new_ones_die() -> None:
    fleet = group_of_four()
    driver = Driver(fleet, rollout(fleet, extra_targets=EXTRA, max_failures=9, **launch_first(2)))
    assert len(left_by(driver)) == 2
    kill_new(fleet)

    driver.wait(40)

    assert old(fleet) <= fleet.safety.serving()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}


def test_a_member_that_left_its_extra_target_group_returns_if_another_dies() -> None:
    fleet = group_of_four()
    driver = Driver(fleet, rollout(fleet, extra_targets=EXTRA, **at_a_time(1)))
    (leaving,) = left_by(driver)
    fleet.somebody.kills(min(old(fleet) - {leaving}))

    driver.wait(40)

    assert leaving in fleet.safety.serving()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}


def test_a_member_that_falls_ill_on_its_way_out_does_not_return() -> None:
    fleet = group_of_four()
    driver = Driver(fleet, rollout(fleet, extra_targets=EXTRA, **at_a_time(1)))
    (leaving,) = left_by(driver)
    fleet.somebody.kills(min(old(fleet) - {leaving}))
    fleet.somebody.breaks(leaving)

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}


def test_a_surplus_member_returns_if_others_are_lost_while_the_rollout_stops() -> None:
    fleet = group_of_four()
    how = {"on_failure": OnFailure.STOP, "extra_targets": EXTRA, **launch_first(2)}
    driver = Driver(fleet, rollout(fleet, **how))
    while len(fleet.safety.serving()) < 6:
        fleet.clock.sleep(driver.step().requeue_seconds)
    driver.status = driver.stopped()
    leaving = left_by(driver)
    lost = sorted(old(fleet) - set(leaving))[:2]
    for name in lost:
        fleet.somebody.breaks(name)

    driver.wait(60)
    for name in lost:
        fleet.somebody.fixes(name)

    assert driver.run().outcome is Outcome.STOPPED
    assert len(fleet.safety.serving()) == 4


@pytest.mark.parametrize("how", [at_a_time(1), launch_first(2)], ids=["one-at-a-time", "launch-first"])
def test_a_standalone_server_that_left_one_of_its_target_groups_returns(how: Any) -> None:
    fleet = standalone(outdated=4, target_groups=(target_group(), target_group(API)), keys=BOTH)
    driver = Driver(fleet, rollout(fleet, max_failures=9, **how))
    fleet.faults.lose_answer(DeregisterTargets, When.PARTLY)
    leaving = left_by(driver)
    kill_new(fleet)
    fleet.somebody.kills(min(old(fleet) - set(leaving)))

    assert driver.run().outcome is Outcome.SUCCEEDED
    registered = {one.instance_id for one in driver.done(RegisterTargets) if isinstance(one, RegisterTargets)}
    assert set(leaving) & registered
    assert versions(fleet) == {str(NEW): 4}


@pytest.mark.parametrize(
    ("on_failure", "outcome"), [(OnFailure.ROLLBACK, Outcome.ROLLED_BACK), (OnFailure.STOP, Outcome.STOPPED)]
)
def test_a_failed_server_keeps_a_port_that_no_other_server_has_until_its_successor_serves(
    on_failure: OnFailure, outcome: Outcome
) -> None:
    """Two servers serve port 80, so they would make room for one on port 81 if ports were not counted."""
    fleet = standalone(outdated=1, keys=(BOTH[0], SECOND_PORT))
    fleet.add(OLD, keys=(BOTH[0],))
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.IMPAIRED
    gates = Gates(checkpoints=(Amount(value=1),))
    driver = Driver(fleet, rollout(fleet, on_failure=on_failure, max_failures=1, gates=gates, **launch_first(2)))

    assert driver.run().outcome is outcome
    live = [one.instance_id for one in fleet.instances.all() if one.live]
    assert sorted(entry.key.port for name in live for entry in fleet.targets.of(name)) == [80, 80, 81]
