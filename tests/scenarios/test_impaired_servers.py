"""A version whose servers fail EC2's status checks is not trusted, whatever the target groups say."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import StatusCheck
from awsroll.core.model.rollout_choices import Gates, OnFailure
from awsroll.core.model.status import Outcome
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import Misbehaviour
from awsroll.testing.world import Physics
from tests.support.builders import NEW, OLD, at_a_time, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions

BACK = {"on_failure": OnFailure.ROLLBACK}
HOW = {"one-at-a-time": at_a_time(1), "launch-first": launch_first(1)}


def started(fleet: FakeFleet, **how: Any) -> Driver:
    return Driver(fleet, rollout(fleet, **BACK, **how))


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
@pytest.mark.parametrize("make", [standalone, auto_scaling])
def test_a_version_with_impaired_status_checks_is_rolled_back(make: Any, how: Any) -> None:
    fleet = make(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.IMPAIRED
    driver = started(fleet, **how)

    status = driver.run()

    assert status.outcome is Outcome.ROLLED_BACK
    assert "instance status check is impaired" in status.reason
    assert versions(fleet) == {str(OLD): 3}


def test_a_checkpoint_finds_impaired_status_checks() -> None:
    fleet = auto_scaling(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.IMPAIRED
    driver = started(fleet, gates=Gates(checkpoints=(Amount(value=1),), delay_seconds=600), **at_a_time(1))

    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert sum(one.is_new and one.application_version == str(NEW) for one in fleet.instances.all()) == 1


@pytest.mark.parametrize("known_after", [60, 200])
def test_a_group_waits_until_the_status_checks_of_one_new_member_are_known(known_after: float) -> None:
    fleet = auto_scaling(outdated=1, physics=Physics(status_check=known_after))
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.IMPAIRED

    assert started(fleet, **at_a_time(1)).run().outcome is Outcome.ROLLED_BACK


def test_status_checks_that_stay_unknown_are_not_awaited_for_ever() -> None:
    fleet = auto_scaling(outdated=1, physics=Physics(status_check=10_000))
    driver = started(fleet, **at_a_time(1))

    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    assert any("status checks" in warning for warning in status.warnings)
    assert (status.ended_at - status.started_at).total_seconds() < 400  # type: ignore[operator]


def test_known_status_checks_cost_no_time() -> None:
    def seconds(fleet: FakeFleet) -> float:
        status = started(fleet, **at_a_time(1)).run()
        assert status.ended_at is not None
        return (status.ended_at - status.started_at).total_seconds()

    unread = auto_scaling(outdated=2, current=0)
    unread.observe = _without_checks(unread)  # type: ignore[method-assign]
    assert seconds(auto_scaling(outdated=2)) <= seconds(unread) + 1


def _without_checks(fleet: FakeFleet) -> Any:
    observe = fleet.observe
    return lambda *seen: replace(observe(*seen), status_checks=None)


@pytest.mark.parametrize("check", [StatusCheck.SYSTEM_IMPAIRED, StatusCheck.VOLUME_IMPAIRED])
def test_a_server_on_a_failed_host_is_replaced_and_the_rollout_goes_on(check: StatusCheck) -> None:
    fleet = auto_scaling(outdated=2)
    driver = started(fleet, **at_a_time(1))
    impaired: list[str] = []
    observe = fleet.observe

    def with_failed_host(*seen: Any) -> Any:
        shown = observe(*seen)
        if shown.status_checks and not impaired:
            impaired.append(shown.status_checks[0][0])
        checks = tuple((one, check if one in impaired else seen) for one, seen in shown.status_checks or ())
        return replace(shown, status_checks=checks if shown.status_checks is not None else None)

    fleet.observe = with_failed_host  # type: ignore[method-assign]
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    assert not fleet.instances[impaired[0]].live
    assert any("not due to the version" in warning for warning in status.warnings)
