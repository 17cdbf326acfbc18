"""What a failed call means for the action that made it, for each kind of failure."""

import pytest

from awsroll.core.model.actions import Answer, Reason, SuspendProcesses
from awsroll.errors import (
    AccessRefusedError,
    AwsBusyError,
    AwsError,
    AwsRefusedError,
    AwsUnansweredError,
    NotImplementedByEndpointError,
)
from awsroll.fleets.results import failed

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
