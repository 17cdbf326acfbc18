"""The durable function in the runner of AWS's SDK: the real handler, the sandbox's fleet, waits in virtual time."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import NAMESPACE_URL, uuid5

import pytest
from aws_durable_execution_sdk_python_testing import runner
from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestResult, DurableFunctionTestRunner

import durable
from awsroll.driver.context import Context
from awsroll.errors import AwsBusyError, AwsUnansweredError
from awsroll.testing.clock import VirtualClock
from tests.lambdas.driven import Machine, machine
from tests.support.patience import PATIENCE_SECONDS

UNHEALTHY = {"sandbox:health": "unhealthy"}
NAME = "test-function"
UNANSWERED = AwsUnansweredError("lost", code="ConnectionFailed", operation="dynamodb:PutItem")
BUSY = AwsBusyError("slow down", code="Throttling", operation="dynamodb:GetItem")


@dataclass
class SandboxClock:
    """The runner's clock: what it waits for passes on the sandbox's clock, and takes no time."""

    clock: VirtualClock
    reads: int = 0

    def now(self) -> datetime:
        self.reads += 1  # the runner tells events apart by their times
        return self.clock.now() + timedelta(microseconds=self.reads)

    def arm(self, wake: datetime) -> float:
        self.clock.sleep(max(0.0, (wake - self.clock.now()).total_seconds()))
        return 0.0


@dataclass
class Running:
    driven: Machine
    functions: DurableFunctionTestRunner

    def run(self, event: dict[str, Any] | None = None, **wanted: Any) -> DurableFunctionTestResult:
        given = {"request": self.driven.request(**wanted)} if event is None else event
        return self.functions.run(json.dumps(given), function_name=NAME, execution_timeout=int(PATIENCE_SECONDS))


@contextmanager
def running(folder: Path, *, grouped: bool = True, **more: Any) -> Iterator[Running]:
    with machine(folder, grouped=grouped, **more, servers=4) as driven:
        clock = SandboxClock(driven.rolling.clock)
        with patch.object(runner, "SkipClock", lambda: clock):
            functions = DurableFunctionTestRunner(durable.handler)
        try:
            with functions:
                yield Running(driven, functions)
        finally:
            functions._scheduler._loop.close()  # the runner leaves that to the end of the process


def answer(result: DurableFunctionTestResult) -> dict[str, Any]:
    assert result.status.value == "SUCCEEDED", result.error
    assert result.result is not None
    found: dict[str, Any] = json.loads(result.result)
    return found


def error(result: DurableFunctionTestResult) -> tuple[str, str]:
    assert result.status.value == "FAILED"
    assert result.error is not None
    return str(result.error.type), str(result.error.message)


def test_takes_a_group_to_the_new_version_with_two_operations(tmp_path: Path) -> None:
    with running(tmp_path) as it:
        result = it.run(concurrent=2)
        last = answer(result)
        assert (last["outcome"], last["done"], last["phase"]) == ("succeeded", True, "finished")
        assert last["progress"]["replaced"] == 4
        assert "misses" not in last
        assert [one.name for one in result.operations if one.name] == ["prepare", "reconcile"]
        assert it.driven.rolling.serving_versions() == {"v2": 4}


def test_a_bad_version_is_rolled_back(tmp_path: Path) -> None:
    with running(tmp_path, further_versions=(UNHEALTHY,)) as it:
        last = answer(it.run(version=3, healthy_timeout=90))
        assert last["outcome"] == "rolled_back"
        assert "not healthy within" in last["reason"]
        assert it.driven.rolling.serving_versions() == {"v1": 4}


def test_the_rollout_is_named_by_the_event_or_else_after_the_execution(tmp_path: Path) -> None:
    with running(tmp_path) as it:
        request = it.driven.request(concurrent=2)
        assert answer(it.run({"request": request, "rollout_id": "deploy-7"}))["rollout_id"] == "deploy-7"
        names = {answer(it.run({"request": request}))["rollout_id"] for _ in range(2)}
        assert len(names) == 2
        assert all(name.startswith("durable-") for name in names)


def test_each_step_names_the_execution_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executions: list[str] = []
    with running(tmp_path) as it:
        for function in ("start_rollout", "step"):
            really = getattr(durable, function)

            def noted(first: Any, context: Context, *, really: Any = really, **more: Any) -> Any:
                executions.append(context.execution)
                return really(first, context, **more)

            monkeypatch.setattr(durable, function, noted)
        result = it.run(concurrent=2)
        assert answer(result)["rollout_id"] == f"durable-{uuid5(NAMESPACE_URL, executions[0])}"
    assert len(executions) > 2
    assert set(executions) == {executions[0]}


def test_a_step_that_is_killed_before_its_checkpoint_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path) as it:
        really, calls = durable.start_rollout, []

        def begun_unseen(*args: Any, **more: Any) -> Any:
            standing = really(*args, **more)
            calls.append(standing)
            if len(calls) == 1:
                raise UNANSWERED
            return standing

        monkeypatch.setattr(durable, "start_rollout", begun_unseen)
        assert answer(it.run(concurrent=2))["outcome"] == "succeeded"
        assert len(calls) == 2
        assert len(it.driven.rolling.store.list()) == 1


def test_what_may_pass_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path) as it:
        really, calls = durable.step, []

        def sometimes(*args: Any, **more: Any) -> Any:
            calls.append(1)
            if len(calls) % 3 == 0:
                raise BUSY
            return really(*args, **more)

        monkeypatch.setattr(durable, "step", sometimes)
        assert answer(it.run(concurrent=2))["outcome"] == "succeeded"


def test_an_aws_that_never_answers_fails_the_execution_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path) as it:

        def never(*_: Any, **__: Any) -> Any:
            raise BUSY

        monkeypatch.setattr(durable, "step", never)
        assert error(it.run()) == ("named.Throttled", "slow down")


@pytest.mark.parametrize(
    ("event", "kind", "problem"),
    [
        ({}, "named.InvalidEvent", "missing required field `request`"),
        ({"request": {}, "now": True}, "named.InvalidEvent", "unknown field `now`"),
        ({"request": {"asg": "web", "concurent": 2}}, "named.PreflightRefused", "concurent"),
        ({"request": {"asg": "none"}}, "named.PreflightRefused", "none"),
    ],
)
def test_what_cannot_be_done_fails_the_execution_by_name(
    tmp_path: Path, event: dict[str, Any], kind: str, problem: str
) -> None:
    with running(tmp_path) as it:
        found, message = error(it.run(event))
        assert found == kind
        assert problem in message
        assert it.driven.rolling.store.list() == ()


def test_a_gate_is_watched_until_a_person_approves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path) as it:
        really, waits = durable.step, []

        def watched(rollout_id: str, *args: Any, **more: Any) -> Any:
            standing = really(rollout_id, *args, **more)
            waits.append(standing.phase)
            if standing.phase == "approval" and waits.count("approval") == 2:
                it.driven.name = rollout_id
                it.driven.apply_command("approve")
            return standing

        monkeypatch.setattr(durable, "step", watched)
        last = answer(it.run(concurrent=2, checkpoint=2, approve_checkpoints=True))
        assert (last["outcome"], last["progress"]["passed"]) == ("succeeded", 1)


def test_before_the_operations_run_out_another_execution_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "STEPS", 3)
    with running(tmp_path) as it:
        invoked: list[str] = []

        def own_name(_: Any) -> str:
            invoked.append(NAME)
            return NAME

        monkeypatch.setattr(durable, "_own_arn", own_name)
        it.functions.register_durable_function(NAME, durable.handler)
        result = it.run(concurrent=2)
        assert answer(result)["outcome"] == "succeeded"
        assert [one.name for one in result.operations if one.name] == ["prepare", "reconcile", "go-on"]
        assert len(invoked) > 2
        assert len(it.driven.rolling.store.list()) == 1
        assert it.driven.rolling.serving_versions() == {"v2": 4}


def test_without_the_extra_the_file_is_importable_and_says_what_is_missing() -> None:
    script = (
        "import sys; sys.modules['aws_durable_execution_sdk_python'] = None; import durable\n"
        "try: durable.handler({}, None)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=LAMBDA)
    assert ran.stdout.startswith("HandlerError a durable function needs the extra")


LAMBDA = Path(durable.__file__).parent
