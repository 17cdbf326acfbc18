"""The kinds of states that the machines are made of, and what each does when a call fails.

Retries: the Lambda service's own errors, with backoff and jitter, as its documentation advises; then awsroll's errors
that another try may mend. What no try mends is never retried, but caught.
"""

from typing import Any

State = dict[str, Any]

NEVER_MENDED = (
    "InvalidEvent",
    "PreflightRefused",
    "FleetLocked",
    "RolloutNotFound",
    "RolloutEnded",
    "RecordUnusable",
    "WaveStopped",
)
"""Errors that another try cannot mend."""

_OF_LAMBDA = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
)
_WORTH_A_TRY = ("Throttled", "AwsUnanswered", "StepInProgress")

A_FEW_TIMES: State = {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2}
"""Any failure at all is worth that."""

RETRY: list[State] = [
    {"ErrorEquals": list(NEVER_MENDED), "MaxAttempts": 0},
    {
        "ErrorEquals": list(_OF_LAMBDA),
        "IntervalSeconds": 2,
        "MaxAttempts": 8,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    },
    {
        "ErrorEquals": list(_WORTH_A_TRY),
        "IntervalSeconds": 5,
        "MaxAttempts": 20,
        "BackoffRate": 1.5,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    },
    A_FEW_TIMES,
]

TASK_SECONDS = 330
"""A little more than a function's own time limit."""


def call(function: str, payload: State, *, comment: str, then: str, keep: State) -> State:
    """Return a state that calls a function and keeps its answer: `keep` is the state's ResultSelector or ResultPath."""
    return {
        "Type": "Task",
        "Comment": comment,
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": payload},
        **keep,
        "TimeoutSeconds": TASK_SECONDS,
        "Retry": RETRY,
        "Next": then,
    }


def caught(state: State, *, by: str, errors: tuple[str, ...] = ("States.ALL",)) -> State:
    """Return a state whose failure leads to another one, with the error kept at `$.error`."""
    catch = {"ErrorEquals": list(errors), "ResultPath": "$.error", "Next": by}
    return {**state, "Catch": [*state.get("Catch", []), catch]}


def wait(comment: str, *, then: str) -> State:
    """Return a state that waits as long as the last answer says."""
    return {"Type": "Wait", "Comment": comment, "SecondsPath": "$.standing.wait_seconds", "Next": then}


def when(variable: str, value: str, then: str) -> State:
    """Return a rule of a Choice: a text equals another."""
    return {"Variable": variable, "StringEquals": value, "Next": then}


def failed_as_caught(comment: str) -> State:
    """Return a state that fails the execution with the error that was caught."""
    return {"Type": "Fail", "Comment": comment, "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}
