"""A launch that no retry can fix is a failure at once; a temporary failure waits for its deadline."""

from dataclasses import replace

import pytest

from awsroll.core.model.observation import FleetKind, Lifecycle, ScalingFailure
from awsroll.core.model.status import Desired, Mode, Status
from awsroll.core.observe.refusals import is_definite, is_short_of_capacity
from awsroll.core.planner import plan
from awsroll.testing.clock import T0
from tests.support.looks import NEW, OLD, group, group_look, later, member, rollout, status

DEFINITE = (
    "The security group 'sg-1' does not exist. Launching EC2 instance failed.",
    "The key pair 'deploy' does not exist. Launching EC2 instance failed.",
    "Invalid device name upload. Launching EC2 instance failed.",
    "Value (a) for parameter virtualName is invalid. Expected: 'ephemeralN'. Launching EC2 instance failed.",
    "The requested configuration is currently not supported. Launching EC2 instance failed.",
    "EBS block device mappings not supported for instance-store AMIs.",
    "Placement groups may not be used with instances of type 't1.micro'. Launching EC2 instance failed.",
    "Client.InternalError: Client error on launch.",
    "20 instance(s) are already running. Launching EC2 instance failed.",
    "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket.",
    "Your Spot request price of 0.01 is lower than the minimum required Spot request fulfillment price of 0.03.",
    "One or more target groups not found. Validating load balancer configuration failed.",
    "You are not authorized to use launch template: lt-1",
)
PASSING = (
    "We currently do not have sufficient t3.small capacity in the Availability Zone you requested (us-east-1a).",
    "There is no Spot capacity available that matches your request.",
    "Your requested instance type (t3.small) is not supported in your requested Availability Zone (us-east-1e).",
    "Lifecycle Action Completed with ABANDON Result",
    "The instance has a security group",
    "",
)


@pytest.mark.parametrize("message", DEFINITE)
def test_a_failure_that_no_retry_can_fix_is_definite(message: str) -> None:
    assert is_definite(message)


@pytest.mark.parametrize("message", PASSING)
def test_a_temporary_or_unknown_failure_is_not_definite(message: str) -> None:
    assert not is_definite(message)


def test_capacity_codes_are_distinguished_from_others() -> None:
    assert is_short_of_capacity("InsufficientInstanceCapacity")
    assert not is_short_of_capacity("InvalidParameterValue")


def _failed(message: str, at: float) -> ScalingFailure:
    return ScalingFailure(activity_id=f"a-{at}", at=later(at), message=message)


def _decide(*failures: ScalingFailure, template: int = 2, members: int = 3, **kept: object) -> Status:
    """Return the status after one observation of a group of four, 60 s after the start."""
    ours = rollout(FleetKind.AUTO_SCALING)
    seen = group(desired=4, template=NEW if template == 2 else OLD, version=str(template), launch_failures=failures)
    before = status(
        **{
            "desired": Desired(goal=4, expected=4, previous=4, moved_at=T0),
            "owed_since": later(40),
            "observed_at": later(55),
            **kept,
        }
    )
    look = group_look(*(member(f"i-{number}") for number in range(members)), at=60, seen=seen)
    return plan(ours, look, before).status


def test_a_definite_failure_counts_at_once_with_its_message() -> None:
    decided = _decide(_failed(DEFINITE[0], 50))

    assert decided.mode is not Mode.ROLLING
    assert decided.reason == f"the group cannot launch: {DEFINITE[0]}"


def test_a_temporary_failure_waits_for_the_launch_deadline() -> None:
    decided = _decide(_failed(PASSING[0], 50))

    assert decided.mode is Mode.ROLLING
    assert decided.shortage.reason == PASSING[0]


def test_a_failure_from_before_a_launch_was_due_is_excused() -> None:
    settled = _decide(_failed(DEFINITE[0], 50), members=4)
    assert (settled.mode, settled.shortage.excused_until, settled.shortage.since) == (Mode.ROLLING, later(50), None)

    owed = _decide(_failed(DEFINITE[0], 50), excused_until=settled.shortage.excused_until)
    assert owed.mode is Mode.ROLLING

    again = _decide(_failed(DEFINITE[0], 50), _failed(DEFINITE[1], 58), excused_until=settled.shortage.excused_until)
    assert again.reason == f"the group cannot launch: {DEFINITE[1]}"


def test_a_failure_of_the_old_template_does_not_stop_the_rollout_that_fixes_it() -> None:
    before = _decide(_failed(DEFINITE[0], 50), template=1)
    assert (before.mode, before.shortage.excused_until) == (Mode.ROLLING, later(50))

    pinned = _decide(_failed(DEFINITE[0], 50), excused_until=before.shortage.excused_until)
    assert pinned.mode is Mode.ROLLING


def test_a_later_attempt_with_another_outcome_counts() -> None:
    decided = _decide(_failed(DEFINITE[0], 50), _failed(PASSING[0], 55))

    assert decided.mode is Mode.ROLLING


def test_no_failure_without_a_launch_that_is_due() -> None:
    waiting = replace(member("i-3"), lifecycle=Lifecycle.PENDING)
    seen = group(desired=4, launch_failures=(_failed(DEFINITE[0], 50),))
    kept = status(desired=Desired(goal=4, expected=4, previous=4, moved_at=T0))
    look = group_look(*(member(f"i-{number}") for number in range(3)), waiting, at=60, seen=seen)

    assert plan(rollout(FleetKind.AUTO_SCALING), look, kept).status.mode is Mode.ROLLING
