"""Executions of deployed state machines: started, awaited, looked at."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from tests.chain.processes import REGION

_PATIENCE_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One that has ended, or was stopped because it took too long.

    Attributes:
        output: what it came to; if it failed, its error and cause.
        states: how often each state of the machine was entered.
    """

    arn: str
    status: str
    output: str
    states: Mapping[str, int]
    seconds: float


def client(url: str, service: str) -> Any:
    """Return a client of the emulator's."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    session = boto3.Session(region_name=REGION, **keys)
    return session.client(service, endpoint_url=url, config=Config(retries={"total_max_attempts": 3}))


def machine_arn(steps: Any, part: str) -> str:
    """Return the ARN of the machine with a part in its name."""
    (found,) = (one for one in steps.list_state_machines()["stateMachines"] if part in one["name"])
    return str(found["stateMachineArn"])


def execute(steps: Any, machine: str, name: str, given: Mapping[str, Any]) -> Execution:
    """Start an execution and wait for its end."""
    began = time.monotonic()
    started = steps.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))
    arn: str = started["executionArn"]
    status, output = _ended(steps, arn)
    seconds = time.monotonic() - began
    return Execution(arn=arn, status=status, output=output, states=_states(steps, arn), seconds=seconds)


def _ended(steps: Any, execution: str) -> tuple[str, str]:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        seen = steps.describe_execution(executionArn=execution)
        if seen["status"] != "RUNNING":
            return seen["status"], seen.get("output") or f"{seen.get('error')}: {seen.get('cause')}"
        time.sleep(0.5)
    steps.stop_execution(executionArn=execution)
    return "still RUNNING, stopped", ""


def _states(steps: Any, execution: str) -> dict[str, int]:
    entered: Counter[str] = Counter()
    request = {"executionArn": execution, "maxResults": 1000}
    while True:
        page = steps.get_execution_history(**request)
        details = (one.get("stateEnteredEventDetails") for one in page["events"])
        entered.update(one["name"] for one in details if one)
        if not page.get("nextToken"):
            return dict(entered)
        request["nextToken"] = page["nextToken"]
