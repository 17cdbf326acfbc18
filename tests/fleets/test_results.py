"""What a failed call means for the action that made it, for each kind of failure."""

import pytest

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import LaunchInstance, SuspendProcesses
from awsroll.core.model.calls import Launch
from awsroll.core.model.reasons import Reason
from awsroll.errors import (
    AccessRefusedError,
    AwsBusyError,
    AwsError,
    AwsRefusedError,
    AwsUnansweredError,
    NotImplementedByEndpointError,
)
from awsroll.fleets.results import failed, fails_for_all
from awsroll.testing.clock import T0

ACTION = SuspendProcesses(group="web", processes=("AZRebalance",), reason=Reason.PREPARING)

# The answer; whether the refusal may pass by itself; whether a permission is missing.
MEANINGS = {
    AwsRefusedError: (Answer.REFUSED, False, False),
    AwsBusyError: (Answer.REFUSED, True, False),
    AccessRefusedError: (Answer.REFUSED, False, True),
    NotImplementedByEndpointError: (Answer.REFUSED, False, False),
    AwsUnansweredError: (Answer.UNANSWERED, False, False),
}


def _kinds(of: type[AwsError]) -> set[type[AwsError]]:
    return {kind for each in of.__subclasses__() for kind in (each, *_kinds(each))}


def test_the_table_names_every_failure_of_a_call() -> None:
    assert MEANINGS.keys() == _kinds(AwsError)


@pytest.mark.parametrize("kind", MEANINGS)
def test_a_failed_call_becomes_a_result(kind: type[AwsError]) -> None:
    code = "Throttling" if kind is AwsBusyError else "Code"
    result = failed(ACTION, kind("why", code=code, operation="autoscaling:SuspendProcesses"))
    assert (result.answer, result.transient, result.denied) == MEANINGS[kind]
    assert (result.code, result.message) == (code, "why")


# --- reads before a call --------------------------------------------------------------------------------------------

READ = "elasticloadbalancing:DescribeTargetHealth"


@pytest.mark.parametrize("kind", [AwsRefusedError, AwsBusyError, AwsUnansweredError])
def test_a_failed_check_before_a_call_is_no_failure_of_the_call(kind: type[AwsError]) -> None:
    result = failed(ACTION, kind("why", code="InternalFailure", operation=READ))
    assert result.answer is Answer.STALE
    assert result.message == "not tried: a check before it failed: why"


@pytest.mark.parametrize("kind", [AccessRefusedError, NotImplementedByEndpointError])
def test_a_check_that_a_person_must_make_possible_is_a_refusal(kind: type[AwsError]) -> None:
    assert failed(ACTION, kind("why", code="Code", operation=READ)).answer is Answer.REFUSED


def test_a_read_of_a_launch_tells_whether_it_can_succeed() -> None:
    launch = LaunchInstance(launch=Launch(number=1, token="t", at=T0), reason=Reason.SURGING)
    assert failed(launch, AwsRefusedError("why", code="Code", operation=READ)).answer is Answer.REFUSED


def test_a_check_without_a_connection_stops_the_other_actions() -> None:
    lost = AwsUnansweredError("why", code="ConnectionFailed", operation=READ)
    assert fails_for_all(failed(ACTION, lost))
