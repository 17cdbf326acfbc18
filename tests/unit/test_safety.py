"""The safety checker of the fake fleet detects each violation. Each test bypasses the planner to cause one."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.actions import DeregisterTargets, LaunchInstance, RegisterTargets
from awsroll.core.model.amount import Amount
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import TargetKey
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Gates
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.safety import UnsafeError
from tests.support.builders import API, NEW, OLD, auto_scaling, launch_first, rollout, standalone, target_group
from tests.support.drive import Driver
from tests.support.status import changed

CANARY = Gates(checkpoints=(Amount(value=1),), delay_seconds=600)


def at_closed_gate(fleet: FakeFleet, **changes: Any) -> Driver:
    driver = Driver(fleet, rollout(fleet, gates=CANARY, max_unavailable=Amount(value=2), **changes))
    while driver.status.gate.closed_since is None:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.wait(30)
    return driver


def old_one(fleet: FakeFleet) -> str:
    return next(one.instance_id for one in fleet.instances.all() if one.live and one.template == OLD)


def test_taking_out_a_server_while_the_gate_is_closed_is_unsafe() -> None:
    fleet = standalone(outdated=4)
    driver = at_closed_gate(fleet)
    harm = DeregisterTargets(instance_id=old_one(fleet), targets=fleet.keys, reason=Reason.OUTDATED)
    with pytest.raises(UnsafeError, match=r"invariant 5: .* 2 servers are touched, allowed before the gate: 1"):
        fleet.execute(driver.rollout, (harm,))


def test_launching_another_new_server_while_the_gate_is_closed_is_unsafe() -> None:
    fleet = standalone(outdated=4)
    driver = at_closed_gate(fleet, max_surge=Amount(value=1))
    request = Launch(
        number=9,
        token="t-9",
        at=fleet.clock.now(),
        zone="zone-a",
        subnet_id="subnet-a",
        template=NEW,
        targets=fleet.keys,
    )
    with pytest.raises(UnsafeError, match="invariant 5: 2 servers of the new version"):
        fleet.execute(driver.rollout, (LaunchInstance(launch=request, reason=Reason.SURGING),))


def test_choosing_a_server_while_the_gate_is_closed_is_unsafe() -> None:
    fleet = standalone(outdated=4)
    driver = at_closed_gate(fleet)
    driver.status = changed(driver.status, retiring=(old_one(fleet),))
    with pytest.raises(UnsafeError, match="invariant 5: "):
        driver.look()


def test_opening_a_gate_before_its_time_is_unsafe() -> None:
    fleet = standalone(outdated=4)
    driver = at_closed_gate(fleet)
    driver.status = changed(driver.status, passed=1, closed_since=None)
    with pytest.raises(UnsafeError, match="invariant 5: gate 1 was opened too early"):
        driver.look()


def test_a_group_that_would_launch_the_new_version_at_a_closed_gate_is_unsafe() -> None:
    fleet = auto_scaling(outdated=4)
    driver = at_closed_gate(fleet)
    assert fleet.group is not None
    fleet.group.settings.version = str(NEW.number)
    with pytest.raises(UnsafeError, match="the gate is closed, but the group launches version 3"):
        fleet.safety.check_gate(driver.status)


@pytest.mark.parametrize("make", [standalone, auto_scaling])
def test_a_rolled_back_fleet_that_still_runs_the_new_version_is_unsafe(make: Any) -> None:
    fleet = make(outdated=4)
    driver = at_closed_gate(fleet)
    ended = replace(driver.status, mode=Mode.ENDED, outcome=Outcome.ROLLED_BACK, ended_at=fleet.clock.now())
    with pytest.raises(UnsafeError, match=r"still runs lt-web:3, which was rolled back"):
        fleet.safety.check_end(ended)


def test_a_new_member_on_the_baseline_serves_in_a_rollback_once_it_is_healthy_in_every_target_group() -> None:
    extra = (TargetKey(target_group=API, port=80),)
    groups = (target_group(managed=True), target_group(API))
    fleet = auto_scaling(outdated=2, target_groups=groups, extra=extra, maximum=3)
    driver = Driver(fleet, rollout(fleet, extra_targets=extra, **launch_first(1)))
    driver.step()
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    fleet.somebody.scales(3)
    registering = driver.run_until(RegisterTargets).actions
    (new,) = (one.instance_id for one in registering if isinstance(one, RegisterTargets))
    fleet.clock.sleep(3)
    assert new not in fleet.safety.serving()
    driver.wait(60)
    assert len(fleet.safety.serving()) == fleet.safety.floor == 3
    harm = DeregisterTargets(instance_id=new, targets=extra, reason=Reason.OUTDATED)
    with pytest.raises(UnsafeError, match=rf"invariant 1: took \['{new}'\], 2 serve, the floor is 3"):
        fleet.execute(driver.target, (harm,))
