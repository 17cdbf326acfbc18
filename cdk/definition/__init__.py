"""The state machines' definitions, as pure functions: no CDK, no AWS."""

from collections.abc import Mapping
from typing import Any


def rollout_machine(functions: Mapping[str, str], *, timeout_seconds: int = 86400) -> dict[str, Any]:
    """Return the definition of the machine that rolls one fleet."""
    invoke = "arn:aws:states:::lambda:invoke"
    return {
        "Comment": "placeholder",
        "StartAt": "Prepare",
        "TimeoutSeconds": timeout_seconds,
        "States": {
            "Prepare": {
                "Type": "Task",
                "Resource": invoke,
                "Parameters": {"FunctionName": functions["prepare"], "Payload.$": "$"},
                "OutputPath": "$.Payload",
                "Next": "Reconcile",
            },
            "Reconcile": {
                "Type": "Task",
                "Resource": invoke,
                "Parameters": {"FunctionName": functions["reconcile"], "Payload": {"rollout_id.$": "$.rollout_id"}},
                "OutputPath": "$.Payload",
                "Next": "Done?",
            },
            "Done?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.done", "BooleanEquals": True, "Next": "Done"}],
                "Default": "Wait",
            },
            "Wait": {"Type": "Wait", "SecondsPath": "$.wait_seconds", "Next": "Reconcile"},
            "Done": {"Type": "Succeed"},
        },
    }


def fleets_machine(machine: str, *, timeout_seconds: int = 86400) -> dict[str, Any]:
    """Return the definition of the machine that rolls many fleets."""
    return {
        "Comment": "placeholder",
        "StartAt": "Roll",
        "TimeoutSeconds": timeout_seconds,
        "States": {
            "Roll": {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {"StateMachineArn": machine, "Input.$": "$"},
                "End": True,
            }
        },
    }
