"""The action of CodePipeline: every call is answered once, in time, in words, and without the event's secrets."""

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import structlog

import codepipeline
import container
import named
from awsroll.aws.lambda_ import Lambda
from awsroll.driver import steps
from awsroll.errors import AwsUnansweredError
from tests.lambdas.pipeline import FUNCTION, SECRET, TOKEN, pipeline

UNHEALTHY = {"sandbox:health": "unhealthy"}
FIRST = "pipeline-00000000-0000-0000-0000-000000000001"


class DiedError(BaseException):
    """A Lambda function was killed: nothing catches that."""


@pytest.fixture(autouse=True)
def logged() -> Iterator[io.StringIO]:
    """What is logged, through the very processors that Lambda runs; none of it may be a secret."""
    written = io.StringIO()
    before = structlog.get_config()["logger_factory"]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(written))
    yield written
    structlog.configure(logger_factory=before)
    assert written.getvalue() == "" or "request_id" in written.getvalue()
    assert SECRET not in written.getvalue()
    assert TOKEN not in written.getvalue()


def unanswered(*_: Any, **__: Any) -> Any:
    message = "dynamodb:GetItem: no answer"
    raise AwsUnansweredError(message, code="ConnectionFailed", operation="dynamodb:GetItem")


def test_takes_the_fleet_to_the_new_version_and_says_how_far_it_is(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        last = pipe.go_on()

        assert [name for name, _ in pipe.answers] == ["PutJobSuccessResult", "PutJobSuccessResult"]
        assert pipe.answers[0][1]["executionDetails"] == {
            "externalExecutionId": FIRST,
            "summary": f"rollout {FIRST}: running, 2 of 4 servers done, waiting for: drain",
            "percentComplete": 50,
        }
        assert last["outputVariables"] == {"rollout_id": FIRST, "outcome": "succeeded"}
        assert last["executionDetails"]["summary"] == f"rollout {FIRST}: succeeded, 4 of 4 servers done"
        assert pipe.driven.rolling.serving_versions() == {"v2": 4}
        assert [record.rollout.rollout_id for record in pipe.driven.rolling.store.list()] == [FIRST]


def test_a_bad_version_is_rolled_back_and_fails_the_action(tmp_path: Path) -> None:
    with pipeline(tmp_path, further_versions=(UNHEALTHY,)) as pipe:
        last = pipe.go_on({"request": pipe.driven.request(version=3, healthy_timeout=90)})

        assert last["failureDetails"]["type"] == "JobFailed"
        assert last["failureDetails"]["externalExecutionId"] == FIRST
        assert last["failureDetails"]["message"].startswith(f"rollout {FIRST}: rolled back: ")
        assert "not healthy within" in last["failureDetails"]["message"]
        assert pipe.driven.rolling.serving_versions() == {"v1": 4}


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ("", "UserParameters of the action are not valid"),
        ("asg: web", "UserParameters of the action are not valid"),
        ({}, "missing required field `request`"),
        ({"request": {"asg": "web"}, "rollout_id": "x"}, "unknown field `rollout_id`"),
        ({"request": {"asg": "web", "concurent": 2}}, "concurent"),
        ({"request": {"asg": "none"}}, "none"),
        ({"request": {}}, "asg"),
    ],
)
def test_what_cannot_be_done_fails_the_action_as_a_mistake_of_its_configuration(
    tmp_path: Path, parameters: Any, problem: str
) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.call(pipe.job(parameters))
        assert pipe.last["failureDetails"]["type"] == "ConfigurationError"
        assert problem in pipe.last["failureDetails"]["message"]
        assert pipe.driven.rolling.store.list() == ()


def test_a_token_that_is_not_ours_fails_the_action_and_changes_nothing(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.call(pipe.job(token="theirs"))
        assert pipe.last["failureDetails"]["type"] == "ConfigurationError"
        assert "the continuation token is not from this action" in pipe.last["failureDetails"]["message"]
        assert pipe.driven.rolling.store.list() == ()


@pytest.mark.parametrize("event", [{}, {"CodePipeline.job": {"data": {}}}, ["x"], {"CodePipeline.job": {"id": 1}}])
def test_an_event_without_a_job_is_refused_by_name(tmp_path: Path, event: Any) -> None:
    with pipeline(tmp_path) as pipe, pytest.raises(named.InvalidEvent, match="not an event of a CodePipeline job"):
        pipe.call(event)


def test_a_missing_permission_fails_the_action_by_its_name(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.driven.rolling.sandbox.faults.add("denied operation=autoscaling:DescribeAutoScalingGroups")
        pipe.call(pipe.job())
        assert pipe.last["failureDetails"]["type"] == "PermissionError"
        assert "DescribeAutoScalingGroups" in pipe.last["failureDetails"]["message"]


def test_a_fleet_that_another_rollout_holds_fails_the_action(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.driven.prepare()
        pipe.call(pipe.job())
        assert pipe.last["failureDetails"]["type"] == "JobFailed"
        assert "deploy-1" in pipe.last["failureDetails"]["message"]


def test_another_rollout_learns_which_job_and_function_hold_the_fleet(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.call(pipe.job(), seconds=100)
        with pytest.raises(named.FleetLocked, match=f".CodePipeline job {FIRST[9:]} by {FUNCTION}; last step at"):
            pipe.driven.prepare()


def test_the_version_that_answered_the_first_job_answers_every_job(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        passed: list[str] = []
        start = Lambda.start

        def run(self: Lambda, name: str, payload: bytes) -> None:
            start(self, name, payload)
            passed.append(name)
            pipe.call(json.loads(payload), seconds=100, version=name.rpartition(":")[2].replace("live", "7"))

        pipe.driven.rolling.sandbox.functions["awsroll-codepipeline"] = lambda _: None
        with patch.object(Lambda, "start", run):
            while not pipe.answers or pipe.token is not None:
                called = pipe.call(pipe.job(token=pipe.token if pipe.answers else None), version="$LATEST")
                assert called["answer"] == "passed_on"
                pipe.driven.rolling.clock.sleep(30)
        assert passed == ["awsroll-codepipeline:live", *["awsroll-codepipeline:7"] * (len(passed) - 1)]
        assert len(passed) > 2
        assert pipe.last["outputVariables"]["outcome"] == "succeeded"


@pytest.mark.parametrize("fault", ["", "denied operation=lambda:Invoke"])
def test_the_newest_code_answers_if_its_version_cannot_be_invoked(tmp_path: Path, fault: str) -> None:
    with pipeline(tmp_path) as pipe:
        if fault:
            pipe.driven.rolling.sandbox.functions["awsroll-codepipeline"] = lambda _: None
            pipe.driven.rolling.sandbox.faults.add(fault)
        called = pipe.call(pipe.job(), seconds=100, version="$LATEST")
        assert called["answer"] == "going"
        assert json.loads(pipe.token or "")["version"] == ""


def test_a_throttle_is_waited_out_by_the_pipeline_and_one_rollout_begins(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        faults = pipe.driven.rolling.sandbox.faults
        faults.add("throttled operation=autoscaling:DescribeAutoScalingGroups")
        pipe.call(pipe.job())
        assert json.loads(pipe.token) == {
            "rollout_id": FIRST,
            "begun": False,
            "misses": 1,
            "revision": 0,
            "version": "",
        }
        assert pipe.driven.rolling.store.list() == ()

        faults.clear()
        last = pipe.finish()
        assert last["outputVariables"] == {"rollout_id": FIRST, "outcome": "succeeded"}


def test_an_aws_that_never_answers_ends_the_action(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.driven.rolling.sandbox.faults.add("throttled operation=autoscaling:DescribeAutoScalingGroups")
        last = pipe.go_on()
        assert len(pipe.answers) == 20
        assert last["failureDetails"]["type"] == "SystemUnavailable"
        assert "in 20 calls in a row" in last["failureDetails"]["message"]
        assert last["failureDetails"]["message"].endswith("nothing was changed")


def test_calls_that_came_to_nothing_are_forgotten_once_one_comes_to_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.call(pipe.job())
        with monkeypatch.context() as broken:
            broken.setattr(codepipeline, "step", unanswered)
            pipe.finish(until=lambda: '"misses":3' in str(pipe.token))
        pipe.call(pipe.job(token=pipe.token))
        assert pipe.token is None or '"misses":0' in pipe.token


def test_an_event_that_arrives_twice_at_once_begins_one_rollout_and_is_answered_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pipeline(tmp_path) as pipe:
        event = pipe.job()
        again: list[Any] = [event]
        really = steps._step_held

        def meanwhile(*args: Any) -> Any:
            if again:
                pipe.call(again.pop())
            return really(*args)

        monkeypatch.setattr(steps, "_step_held", meanwhile)
        pipe.call(event)
        assert len(pipe.answers) == 1
        assert pipe.finish()["outputVariables"] == {"rollout_id": FIRST, "outcome": "succeeded"}
        assert len(pipe.driven.rolling.store.list()) == 1
        assert pipe.driven.rolling.serving_versions() == {"v2": 4}


def test_an_event_that_arrives_again_after_the_end_changes_nothing(tmp_path: Path, logged: io.StringIO) -> None:
    with pipeline(tmp_path) as pipe:
        event = pipe.job()
        pipe.call(event)
        pipe.finish()
        running, count = pipe.driven.rolling.running(), len(pipe.answers)
        assert pipe.call(event) == {"rollout_id": FIRST, "answer": "succeeded"}
        assert (pipe.driven.rolling.running(), len(pipe.answers)) == (running, count)
        assert '"late": true' in logged.getvalue()


@pytest.mark.parametrize("code", ["JobNotFoundException", "InvalidJobStateException"])
def test_a_late_answer_is_not_an_error(tmp_path: Path, code: str) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.refusals.append(code)
        assert pipe.call(pipe.job())["answer"] == "going"
        assert pipe.answers == []


def test_a_call_that_is_killed_before_it_has_answered_is_made_again(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:

        def die() -> None:
            raise DiedError

        event = pipe.job()
        pipe.on_answer = die
        with pytest.raises(DiedError):
            pipe.call(event)
        pipe.on_answer = lambda: None
        pipe.driven.rolling.clock.sleep(60)  # Lambda calls again a minute later
        pipe.call(event)
        last = pipe.finish()
        assert last["outputVariables"] == {"rollout_id": FIRST, "outcome": "succeeded"}
        assert pipe.driven.rolling.serving_versions() == {"v2": 4}


@pytest.mark.parametrize("after", [1, 3, 10, 25])
def test_a_call_that_is_killed_in_the_middle_of_a_step_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    with pipeline(tmp_path) as pipe:
        calls = iter(range(1000))
        really = codepipeline.step

        def killed(*args: Any, **more: Any) -> Any:
            answer = really(*args, **more)
            if next(calls) == after:
                raise DiedError
            return answer

        monkeypatch.setattr(codepipeline, "step", killed)
        token = None
        for _ in range(100):
            event = pipe.job(token=token)
            try:
                pipe.call(event)
            except DiedError:
                pipe.driven.rolling.clock.sleep(60)
                pipe.call(event)
            if (token := pipe.token) is None:
                break
        assert pipe.last["outputVariables"] == {"rollout_id": FIRST, "outcome": "succeeded"}
        assert pipe.driven.rolling.serving_versions() == {"v2": 4}


def test_an_answer_that_cannot_be_given_is_an_error_so_that_lambda_calls_again(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        event = pipe.job()
        pipe.refusals += ["ThrottlingException"] * 6
        with pytest.raises(named.Throttled):
            pipe.call(event)
        pipe.call(event)
        assert pipe.finish()["outputVariables"]["outcome"] == "succeeded"


def test_a_throttled_answer_is_given_again(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.refusals += ["ThrottlingException"] * 2
        pipe.call(pipe.job())
        assert pipe.token is not None


def test_an_unexpected_error_fails_the_action_and_its_traceback_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: io.StringIO
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        return {}["key"]

    with pipeline(tmp_path) as pipe:
        pipe.call(pipe.job())
        monkeypatch.setattr(codepipeline, "step", broken)
        pipe.call(pipe.job(token=pipe.token))
        assert pipe.last["failureDetails"] == {
            "type": "JobFailed",
            "message": (
                f"unexpected KeyError: see the log of the function; rollout {FIRST} was left as it is: "
                f"see `awsroll status {FIRST}`, then run `awsroll resume {FIRST}`"
            ),
            "externalExecutionId": FIRST,
        }
        assert "KeyError" in logged.getvalue()


def test_a_step_that_does_not_end_is_answered_before_the_function_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.call(pipe.job())
        before, answered = pipe.token, threading.Event()
        pipe.on_answer = answered.set
        really = codepipeline.step

        def slow(*args: Any, **more: Any) -> Any:
            assert answered.wait(20)
            return really(*args, **more)

        monkeypatch.setattr(codepipeline, "step", slow)
        pipe.call(pipe.job(token=before), seconds=0.4)
        assert len(pipe.answers) == 2
        assert json.loads(pipe.token) == {**json.loads(before), "begun": True, "misses": 1}
        assert "time was up" in pipe.last["executionDetails"]["summary"]
        monkeypatch.undo()


def test_a_call_ends_while_there_is_time_left(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        clock = pipe.driven.rolling.clock
        spent = []
        token = None
        while token is not None or not pipe.answers:
            began = clock.monotonic()
            pipe.call(pipe.job(token=token), seconds=150)
            spent.append(clock.monotonic() - began)
            token = pipe.token
        assert max(spent) <= 60
        assert pipe.last["outputVariables"]["outcome"] == "succeeded"


def test_a_call_waits_for_aws_itself_and_not_for_a_person(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        clock, wanted = pipe.driven.rolling.clock, {"request": pipe.driven.request(bake_time=600, checkpoint=1)}
        pipe.go_on(wanted, until=lambda: "waiting for: bake" in pipe.last["executionDetails"]["summary"])
        began, answers = clock.monotonic(), len(pipe.answers)
        pipe.call(pipe.job(wanted, token=pipe.token))
        assert 90 <= clock.monotonic() - began <= 150
        pipe.driven.name = FIRST
        pipe.driven.apply_command("pause")
        pipe.finish(wanted, until=lambda: "paused" in pipe.last["executionDetails"]["summary"])
        began = clock.monotonic()
        pipe.call(pipe.job(wanted, token=pipe.token))
        assert clock.monotonic() - began < 10
        assert answers + 1 < len(pipe.answers) <= answers + 3


def test_a_gate_keeps_the_action_going_until_a_person_approves(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        wanted = {"request": pipe.driven.request(checkpoint=1, approve_checkpoints=True)}
        pipe.go_on(wanted, until=lambda: "approval" in pipe.last["executionDetails"]["summary"])
        assert pipe.last["executionDetails"]["summary"] == (
            f"rollout {FIRST}: running, 1 of 4 servers done, waiting for: approval at checkpoint 1 of 1: 1 of 4 "
            f"servers on web:2; answer with `awsroll approve {FIRST} --checkpoint 1` (or add --reject)"
        )
        pipe.driven.name = FIRST
        pipe.driven.apply_command("approve")
        assert pipe.finish(wanted)["outputVariables"]["outcome"] == "succeeded"


def test_a_paused_rollout_keeps_the_action_going_and_an_aborted_one_fails_it(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.call(pipe.job())
        pipe.driven.name = FIRST
        pipe.driven.apply_command("pause")
        pipe.finish(until=lambda: "paused" in pipe.last["executionDetails"]["summary"])
        assert f"`awsroll resume {FIRST}`" in pipe.last["executionDetails"]["summary"]
        pipe.driven.apply_command("abort")
        last = pipe.finish()
        assert last["failureDetails"]["type"] == "JobFailed"
        assert f"rollout {FIRST}: stopped" in last["failureDetails"]["message"]


def test_a_long_message_is_cut_to_what_codepipeline_takes(tmp_path: Path) -> None:
    with pipeline(tmp_path) as pipe:
        pipe.call(pipe.job({"request": {"asg": "web", **{f"x-{number}": 1 for number in range(200)}}}))
        assert len(pipe.last["failureDetails"]["message"]) == 5000


def test_without_a_store_the_action_fails_and_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pipeline(tmp_path) as pipe:
        monkeypatch.setattr(container, "store", lambda: STORE(environment={}))
        pipe.call(pipe.job())
        assert pipe.last["failureDetails"]["type"] == "ConfigurationError"
        assert "AWSROLL_STATE is not set" in pipe.last["failureDetails"]["message"]
        monkeypatch.undo()


STORE = container.store
