from collections.abc import Iterator

import pytest

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import DeregisterTargets, SendCommand
from awsroll.core.model.observation import CommandState
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Strategy
from awsroll.sandbox import ApiError, ConnectionLost
from tests.support.amazon import once
from tests.support.looking import ROLLOUT, Lab, standalone

SEND = "ssm:SendCommand"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with standalone(spec={"strategy": Strategy.RELOAD}, shape={"servers": 3}) as made:
        yield made


def drain(lab: Lab, *names: str) -> None:
    for name in names:
        lab.succeed(DeregisterTargets(instance_id=name, targets=(lab.key(),), reason=Reason.OUTDATED))
    lab.sandbox.jump(60)


def send(lab: Lab, *names: str, attempt: int = 1) -> SendCommand:
    return SendCommand(instance_ids=names, attempt=attempt, not_registered=(lab.key(),), reason=Reason.DRAINED)


def test_sends_the_command_once_with_its_name_and_all_its_times(lab: Lab) -> None:
    names = lab.built.instance_ids[:2]
    drain(lab, *names)
    assert set(lab.succeed(send(lab, *names)).instance_ids) == set(names)
    (request,) = lab.requests.of(SEND)
    assert request["DocumentName"] == "AWS-RunShellScript"
    assert request["Comment"] == f"awsroll {ROLLOUT} 1"
    assert request["InstanceIds"] == list(names)
    assert request["TimeoutSeconds"] == 600
    assert request["Parameters"]["executionTimeout"] == ["600"]
    assert (request["MaxConcurrency"], request["MaxErrors"]) == ("100%", "100%")
    (script,) = request["Parameters"]["commands"]
    assert f".{ROLLOUT}.1" in script
    assert "\nsandbox-version v2\n" in script


def test_never_runs_a_command_where_requests_may_still_come(lab: Lab) -> None:
    drained, serving = lab.built.instance_ids[:2]
    drain(lab, drained)
    assert lab.succeed(send(lab, drained, serving)).instance_ids == (drained,)
    assert lab.do(send(lab, serving, attempt=2)).answer is Answer.STALE
    assert [one["InstanceIds"] for one in lab.requests.of(SEND)] == [[drained]]


def test_is_searched_for_before_it_is_sent_again(lab: Lab) -> None:
    name = lab.built.instance_ids[0]
    drain(lab, name)
    lab.sandbox.on_call(once(ConnectionLost(), SEND), "after")
    assert lab.do(send(lab, name)).answer is Answer.UNANSWERED
    lab.sandbox.jump(2)
    assert lab.succeed(send(lab, name)).instance_ids == (name,)
    assert len(lab.requests.of(SEND)) == 1


def test_another_attempt_is_another_command(lab: Lab) -> None:
    name = lab.built.instance_ids[0]
    drain(lab, name)
    lab.succeed(send(lab, name))
    lab.sandbox.jump(2)
    lab.succeed(send(lab, name, attempt=2))
    assert len(lab.requests.of(SEND)) == 2


def test_one_agent_that_is_offline_does_not_keep_the_others(lab: Lab) -> None:
    first, second = lab.built.instance_ids[:2]
    drain(lab, first, second)

    failure = ApiError("InvalidInstanceId", "not in a valid state")

    def refuse(service: str, operation: str, parameters: dict[str, object]) -> None:
        if f"{service}:{operation}" == SEND and first in str(parameters["InstanceIds"]):
            raise failure

    lab.sandbox.on_call(refuse)
    result = lab.succeed(send(lab, first, second))
    assert result.instance_ids == (second,)
    assert first in result.message


def test_an_agent_that_is_offline_may_come_online(lab: Lab) -> None:
    name = lab.built.instance_ids[0]
    drain(lab, name)
    lab.sandbox.on_call(once(ApiError("InvalidInstanceId", "not in a valid state"), SEND))
    result = lab.do(send(lab, name))
    assert (result.answer, result.code, result.transient) == (Answer.REFUSED, "InvalidInstanceId", True)


def test_sees_how_the_commands_in_flight_stand(lab: Lab) -> None:
    name = lab.built.instance_ids[0]
    drain(lab, name)
    lab.succeed(send(lab, name))
    lab.sandbox.jump(2)
    (running,) = lab.look(servers=lab.reloading(name, 1)).invocations
    assert (running.instance_id, running.attempt, running.state) == (name, 1, CommandState.RUNNING)
    lab.sandbox.jump(30)
    (ended,) = lab.look(servers=lab.reloading(name, 1)).invocations
    assert ended.state is CommandState.SUCCEEDED


def test_another_process_finds_the_command_by_its_comment(lab: Lab) -> None:
    name = lab.built.instance_ids[0]
    drain(lab, name)
    lab.client("ssm").send_command(
        InstanceIds=[name],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["true"]},
        Comment=f"awsroll {ROLLOUT} 7",
    )
    lab.sandbox.jump(30)
    (found,) = lab.look(servers=lab.reloading(name, 7)).invocations
    assert (found.attempt, found.state) == (7, CommandState.SUCCEEDED)


def test_a_failed_command_has_its_reason(lab: Lab) -> None:
    name = lab.built.instance_ids[0]
    lab.client("ec2").create_tags(Resources=[name], Tags=[{"Key": "sandbox:command", "Value": "fails"}])
    drain(lab, name)
    lab.succeed(send(lab, name))
    lab.sandbox.jump(60)
    (failed,) = lab.look(servers=lab.reloading(name, 1)).invocations
    assert failed.state is CommandState.FAILED
    assert "exit code" in failed.detail


def test_commands_that_ended_are_not_read_again(lab: Lab) -> None:
    name = lab.built.instance_ids[0]
    drain(lab, name)
    lab.succeed(send(lab, name))
    lab.sandbox.jump(60)
    lab.look(servers=lab.reloading(name, 1))
    lab.requests.clear()
    lab.look(servers=lab.reloading(name, 1))
    assert not lab.requests.of("ssm:ListCommandInvocations")
    assert not lab.requests.of("ssm:ListCommands")


def test_makes_no_call_to_ssm_without_a_command_in_flight(lab: Lab) -> None:
    lab.look()
    assert not [name for name, _ in lab.requests.seen if name.startswith("ssm:")]


def test_a_document_of_ones_own_gets_its_parameters() -> None:
    spec = {"strategy": Strategy.RELOAD, "command": (), "document": "AWS-RunShellScript"}
    with standalone(spec={**spec, "parameter": {"commands": ["sandbox-version v2"]}}) as lab:
        name = lab.built.instance_ids[0]
        drain(lab, name)
        lab.succeed(send(lab, name))
        (request,) = lab.requests.of(SEND)
        assert request["Parameters"] == {"commands": ["sandbox-version v2"]}
