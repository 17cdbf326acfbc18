"""An execution of a name is started once, and one that does not exist does not run."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from awsroll.aws.connection import Connection
from awsroll.errors import AwsRefusedError
from awsroll.testing.clock import VirtualClock

WAITING = {"StartAt": "wait", "States": {"wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
ROLE = "arn:aws:iam::123456789012:role/fleets"


@pytest.fixture
def aws() -> Iterator[Connection]:
    with mock_aws():
        yield Connection(boto3.Session(region_name="eu-west-1"), clock=VirtualClock())


@pytest.fixture
def machine(aws: Connection) -> str:
    client = boto3.client("stepfunctions", region_name="eu-west-1")
    made = client.create_state_machine(name="fleets", definition=json.dumps(WAITING), roleArn=ROLE)
    return str(made["stateMachineArn"])


def execution(name: str) -> str:
    return f"arn:aws:states:eu-west-1:123456789012:execution:fleets:{name}"


def inputs() -> list[str]:
    client = boto3.client("stepfunctions", region_name="eu-west-1")
    found = client.list_executions(stateMachineArn="arn:aws:states:eu-west-1:123456789012:stateMachine:fleets")
    return [client.describe_execution(executionArn=one["executionArn"])["input"] for one in found["executions"]]


def test_an_execution_runs_once_it_is_started(aws: Connection, machine: str) -> None:
    assert not aws.step_functions.is_running(execution("keep-1"))

    aws.step_functions.start(machine, "keep-1", '{"a": 1}')

    assert aws.step_functions.is_running(execution("keep-1"))
    assert not aws.step_functions.is_running(execution("keep-2"))


@pytest.mark.parametrize("again", ['{"a": 1}', '{"a": 2}'])
def test_a_second_start_of_a_name_starts_nothing(aws: Connection, machine: str, again: str) -> None:
    aws.step_functions.start(machine, "keep-1", '{"a": 1}')
    aws.step_functions.start(machine, "keep-1", again)

    assert inputs() == ['{"a": 1}']


def test_an_execution_that_has_ended_does_not_run(aws: Connection, machine: str) -> None:
    aws.step_functions.start(machine, "keep-1", "{}")
    boto3.client("stepfunctions", region_name="eu-west-1").stop_execution(executionArn=execution("keep-1"))

    assert not aws.step_functions.is_running(execution("keep-1"))


def test_a_refused_start_is_an_error(aws: Connection) -> None:
    with pytest.raises(AwsRefusedError, match="StateMachineDoesNotExist"):
        aws.step_functions.start("arn:aws:states:eu-west-1:123456789012:stateMachine:other", "keep-1", "{}")
