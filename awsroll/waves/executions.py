"""Executions of the machine of many fleets that a rotation starts, and the ids of their rollouts."""

from hashlib import sha256
from typing import Protocol

import msgspec

from awsroll.aws.stepfunctions import StepFunctions
from awsroll.core.request.waves import FleetsSpec
from awsroll.files.rollout_file import content_of_fleets

_LONGEST_NAME = 60


class Executions(Protocol):
    """What drives the rollouts of a rotation elsewhere."""

    def start(self, name: str, spec: FleetsSpec) -> None:
        """Start an execution of this name. Nothing happens if it has been started already."""

    def is_running(self, name: str) -> bool:
        """Return whether an execution of this name runs; False if there is none."""


class MachineExecutions:
    """Executions of a state machine.

    Args:
        step_functions: the calls of Step Functions.
        machine: the ARN of the alias of the machine: `arn:aws:states:REGION:ACCOUNT:stateMachine:NAME:live`.
    """

    def __init__(self, step_functions: StepFunctions, machine: str) -> None:
        self._step_functions = step_functions
        self._machine = machine

    def start(self, name: str, spec: FleetsSpec) -> None:
        """Start an execution of this name.

        Raises:
            AwsError: if Step Functions refuses it or does not answer.
        """
        content = msgspec.json.encode(content_of_fleets(spec)).decode()
        self._step_functions.start(self._machine, name, content)

    def is_running(self, name: str) -> bool:
        """Return whether an execution of this name runs.

        Raises:
            AwsError: if Step Functions refuses the call or does not answer.
        """
        service, machine = self._machine.split(":stateMachine:")
        return self._step_functions.is_running(f"{service}:execution:{machine.partition(':')[0]}:{name}")


def rollout_id_in(execution: str, fleet: str) -> str:
    """Return the id of the rollout of a fleet in an execution: readable, and different for each of both."""
    readable = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in fleet)
    digest = sha256(f"{execution} {fleet}".encode()).hexdigest()[:8]
    return f"{execution[:_LONGEST_NAME]}.{readable[: _LONGEST_NAME - 12]}.{digest}"
