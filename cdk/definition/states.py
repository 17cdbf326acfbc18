"""The kinds of states in the machines, and what each does when a call fails.

Errors of the Lambda service are retried with backoff and jitter, as its documentation advises. Errors of awsroll are
retried if they may pass. Errors that a retry cannot fix are caught at once.
"""

from typing import Any

State = dict[str, Any]

NOT_RETRIED = (
    "InvalidEvent",
    "PreflightRefused",
    "FleetLocked",
    "RolloutNotFound",
    "RolloutEnded",
    "RecordUnusable",
    "WaveStopped",
)
"""Errors that a retry cannot fix."""

_OF_LAMBDA = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
)
_MAY_PASS = ("Throttled", "AwsUnanswered", "StepInProgress")

A_FEW_TIMES: State = {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2}
"""The retries of every other error."""

RETRY: list[State] = [
    {"ErrorEquals": list(NOT_RETRIED), "MaxAttempts": 0},
    {
        "ErrorEquals": list(_OF_LAMBDA),
        "IntervalSeconds": 2,
        "MaxAttempts": 8,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    },
    {
        "ErrorEquals": list(_MAY_PASS),
        "IntervalSeconds": 5,
        "MaxAttempts": 20,
        "BackoffRate": 1.5,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    },
    A_FEW_TIMES,
]

TASK_SECONDS = 330
"""A little more than the timeout of a function."""


def call(function: str, payload: State, *, comment: str, then: str, keep: State) -> State:
    """Return a state that calls a function. `keep` is its ResultSelector and ResultPath, which store the answer."""
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
    """Return the state with a Catch: its failure leads to the state `by`, with the error at `$.error`."""
    catch = {"ErrorEquals": list(errors), "ResultPath": "$.error", "Next": by}
    return {**state, "Catch": [*state.get("Catch", []), catch]}


def wait(comment: str, *, then: str) -> State:
    """Return a state that waits for the `wait_seconds` of the last answer."""
    return {"Type": "Wait", "Comment": comment, "SecondsPath": "$.standing.wait_seconds", "Next": then}


def when(variable: str, value: str, then: str) -> State:
    """Return a rule of a Choice that compares a variable with a text."""
    return {"Variable": variable, "StringEquals": value, "Next": then}


def failed_as_caught(comment: str) -> State:
    """Return a state that fails the execution with the error that was caught."""
    return {"Type": "Fail", "Comment": comment, "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}
