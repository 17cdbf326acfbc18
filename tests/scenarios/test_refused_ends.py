"""A call that AWS keeps refusing: the settings are restored all the same, and a rollback waits for a person."""

from awsroll.core.model.actions import TerminateInGroup
from awsroll.core.model.rollout_choices import OnFailure
from awsroll.core.model.status import Outcome
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import OLD, auto_scaling, launch_first, rollout
from tests.support.drive import Driver, versions


def suspended(fleet: FakeFleet) -> set[str]:
    assert fleet.group is not None
    return set(fleet.group.settings.suspended)


def test_a_termination_that_is_always_refused_keeps_no_process_suspended() -> None:
    fleet = auto_scaling(outdated=2)
    fleet.faults.refuse(TerminateInGroup, "ValidationError", times=100)
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.STOP, **launch_first(1)))
    status = driver.run()

    assert status.outcome is Outcome.STOPPED
    assert not suspended(fleet)
    assert status.settings.found, "the maximum stays recorded for a repair"
    assert len([one for plan in driver.plans for one in plan.actions if isinstance(one, TerminateInGroup)]) < 5


def test_a_rollback_that_is_refused_what_the_rollout_was_refused_pauses_and_goes_on() -> None:
    fleet = auto_scaling(outdated=2)
    fleet.faults.refuse(TerminateInGroup, "ValidationError", times=2)
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.ROLLBACK, **launch_first(1)))

    assert driver.run().outcome is Outcome.PAUSED
    assert driver.status.rolling_back
    assert "the rollback failed: TerminateInGroup was refused" in driver.status.reason
    assert not suspended(fleet) - {"AlarmNotification"}

    driver.resume()
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert versions(fleet) == {str(OLD): 2}
