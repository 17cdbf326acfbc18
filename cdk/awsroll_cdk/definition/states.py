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
    return wait_for("$.standing.wait_seconds", comment, then=then)


def wait_for(seconds: str, comment: str, *, then: str) -> State:
    """Return a state that waits for as many seconds as a path says."""
    return {"Type": "Wait", "Comment": comment, "SecondsPath": seconds, "Next": then}


def when(variable: str, value: str, then: str) -> State:
    """Return a rule of a Choice that compares a variable with a text."""
    return {"Variable": variable, "StringEquals": value, "Next": then}


def failed_as_caught(name: str, comment: str) -> State:
    """Return the states, by name, that fail the execution with the error that was caught, and with its message alone.

    Lambda's cause is JSON with a stack trace. The cause of a timeout, for example, is plain text.
    """
    read, plain = f"{name}: read cause", f"{name}: plain cause"
    failed = {"Type": "Fail", "Comment": comment, "ErrorPath": "$.error.Error"}
    return {
        name: {
            "Type": "Choice",
            "Comment": "The cause of a failed function is JSON.",
            "Choices": [{"Variable": "$.error.Cause", "StringMatches": '{"errorMessage":*', "Next": read}],
            "Default": plain,
        },
        read: {
            "Type": "Pass",
            "Parameters": {"Error.$": "$.error.Error", "Cause.$": "States.StringToJson($.error.Cause)"},
            "ResultPath": "$.error",
            "Next": f"{name}: with message",
        },
        f"{name}: with message": {**failed, "CausePath": "$.error.Cause.errorMessage"},
        plain: {**failed, "CausePath": "$.error.Cause"},
    }
