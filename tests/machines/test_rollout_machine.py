"""The rollout machine, run for real: its definition in an interpreter, the handlers, a fleet."""

import time
from pathlib import Path
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)

import named
import reconcile
from awsroll.cli.main import run
from awsroll.stores import Waiting
from awsroll_cdk.definition import rollout_machine
from tests.machines.interpreter import ARNS, HANDLERS, Interpreter, interpreter

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
STRATEGIES = {
    "replace": {},
    "double-half": {"strategy": "double-half"},
    "reload": {"strategy": "reload"},
}
UNHEALTHY = {"sandbox:health": "unhealthy"}


def until(made: Interpreter, execution: str, state: str, *, times: int = 1) -> None:
    for _ in range(2000):
        if made.states(execution).count(state) >= times:
            return
        time.sleep(0.1)
    raise AssertionError(made.states(execution))


def continued(made: Interpreter, first: str, machine: str = "short") -> list[str]:
    """Return the executions of a rollout after the last has ended; `machine` runs all but the first."""
    executions = [first]
    assert made.end_of(first)["status"] == "SUCCEEDED"
    while made.states(executions[-1])[-1] == "Continued":
        executions.append(f"{first.replace(':short:', f':{machine}:')}.{len(executions)}")
        assert made.end_of(executions[-1])["status"] == "SUCCEEDED"
    return executions


def events_of(made: Interpreter, execution: str, kind: str) -> list[dict[str, Any]]:
    return [event for event in made.events(execution) if event["type"] == kind]


@KINDS
@pytest.mark.parametrize("wanted", STRATEGIES.values(), ids=STRATEGIES)
def test_takes_a_fleet_to_the_new_version(tmp_path: Path, *, grouped: bool, wanted: dict[str, Any]) -> None:
    with interpreter(tmp_path, grouped=grouped, servers=2) as made:
        execution = made.start({"request": made.driven.request(**wanted)})
        assert made.end_of(execution)["status"] == "SUCCEEDED"
        assert made.driven.rolling.serving_versions() == {"v2": 2}
        entered = made.states(execution)
        assert entered[:5] == ["Fill in", "New rollout?", "Prepare", "Set out", "Reconcile"]
        assert entered[-2:] == ["Ended", "Succeeded"]
        assert {"Wait for drain", "Wait for health"} <= set(entered)
        assert made.driven.rolling.store.load("deploy-1").rollout.rollout_id == "deploy-1"


def test_a_bad_version_fails_the_execution_and_says_why(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2, further_versions=(UNHEALTHY,)) as made:
        ended = made.run({"request": made.driven.request(version=3, healthy_timeout=60)})
        assert (ended["status"], ended["error"]) == ("FAILED", "RolledBack")
        assert "not healthy within" in ended["cause"]
        assert made.driven.rolling.serving_versions() == {"v1": 2}


def test_a_refused_request_changes_nothing_and_names_the_error(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        before = made.driven.rolling.group()
        ended = made.run({"request": {"asg": "none"}})
        assert (ended["status"], ended["error"]) == ("FAILED", "PreflightRefused")
        assert ended["cause"] == "there is no Auto Scaling group 'none' in us-east-1: check asg and region"
        assert made.driven.rolling.group() == before


def test_a_gate_is_approved_by_its_task_token(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        execution = made.start({"request": made.driven.request(checkpoint=1, approve_checkpoints=True)})
        until(made, execution, "Wait for approval")
        until(made, execution, "Wait for approval", times=2)  # it looks again by itself meanwhile
        made.function("control")({"rollout_id": "deploy-1", "action": "approve"})
        assert made.end_of(execution)["status"] == "SUCCEEDED"
        assert len(made.tokens) == len(set(made.tokens)) > 1


def test_a_rejected_gate_is_rolled_back(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        execution = made.start({"request": made.driven.request(checkpoint=1, approve_checkpoints=True)})
        until(made, execution, "Wait for approval")
        made.function("control")({"rollout_id": "deploy-1", "action": "reject"})
        assert made.end_of(execution)["error"] == "RolledBack"


def test_a_missing_approval_is_rolled_back_after_its_timeout(tmp_path: Path) -> None:
    wanted = {"checkpoint": 1, "approve_checkpoints": True, "approval_timeout": 180}
    with interpreter(tmp_path, servers=2) as made:
        ended = made.run({"request": made.driven.request(**wanted)})
        assert ended["error"] == "RolledBack"
        assert "approv" in ended["cause"]


def test_a_paused_rollout_waits_for_a_person(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        execution = made.start({"request": made.driven.request()})
        until(made, execution, "Wait for drain")
        made.function("control")({"rollout_id": "deploy-1", "action": "pause"})
        until(made, execution, "Wait for a person")
        made.function("control")({"rollout_id": "deploy-1", "action": "resume"})
        assert made.end_of(execution)["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "error",
    [named.Throttled("slow down"), named.AwsUnanswered("no answer"), named.StepInProgress("busy"), RuntimeError("odd")],
    ids=["throttled", "unanswered", "in-progress", "unknown"],
)
def test_a_call_that_fails_for_a_moment_is_made_again(tmp_path: Path, error: Exception) -> None:
    with interpreter(tmp_path, servers=1) as made:
        made.broken = {"prepare": [error], "reconcile": [None, error, error]}
        assert made.run({"request": made.driven.request(launch_first=True)})["status"] == "SUCCEEDED"
        assert made.driven.rolling.serving_versions() == {"v2": 1}


def test_a_function_that_keeps_failing_leads_to_a_stop_with_the_settings_restored(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        before = made.driven.rolling.group()
        made.broken = {"reconcile": [None, None, None, *[RuntimeError("broken")] * 4]}
        execution = made.start({"request": made.driven.request()})
        ended = made.end_of(execution)
        assert (ended["status"], ended["error"]) == ("FAILED", "Stopped")
        assert {"Stop", "Restore", "Restored?"} <= set(made.states(execution))
        after = made.driven.rolling.group()
        assert (after["DesiredCapacity"], after["SuspendedProcesses"]) == (before["DesiredCapacity"], [])


def test_a_step_that_is_delivered_twice_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(event: Any, context: Any) -> Any:
        reconcile.handler(event, context)
        return reconcile.handler(event, context)

    monkeypatch.setitem(HANDLERS, "reconcile", twice)
    with interpreter(tmp_path, grouped=False, servers=2) as made:
        assert made.run({"request": made.driven.request()})["status"] == "SUCCEEDED"
        made.driven.rolling.sandbox.jump(120)
        assert made.driven.rolling.serving_versions() == {"v2": 2}
        assert len(made.driven.rolling.running()) == 2


@KINDS
def test_a_step_that_dies_between_its_effect_and_its_answer_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, grouped: bool
) -> None:
    calls = 0

    def dies(event: Any, context: Any) -> Any:
        nonlocal calls
        answer = reconcile.handler(event, context)
        calls += 1
        if calls % 3 == 0:
            message = "killed"
            raise RuntimeError(message)
        return answer

    monkeypatch.setitem(HANDLERS, "reconcile", dies)
    with interpreter(tmp_path, grouped=grouped, servers=2) as made:
        assert made.run({"request": made.driven.request()})["status"] == "SUCCEEDED"
        made.driven.rolling.sandbox.jump(120)
        assert made.driven.rolling.serving_versions() == {"v2": 2}
        assert len(made.driven.rolling.running()) == 2


def test_goes_on_as_a_new_execution_before_the_history_is_full(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        made.create(rollout_machine(ARNS, longest_steps=3), name="short")
        first = made.start({"request": made.driven.request()})
        assert made.end_of(first)["status"] == "SUCCEEDED"
        assert made.states(first)[-4:] == [
            "Continue as new execution",
            "Which version?",
            "Continue on newest version",
            "Continued",
        ]
        assert len(made.events(first)) < 100
        executions = continued(made, first)
        assert len(executions) > 3
        assert made.states(executions[1])[:4] == ["Fill in", "New rollout?", "Go on", "Reconcile"]
        assert made.driven.rolling.serving_versions() == {"v2": 2}


@pytest.mark.parametrize("exists", [True, False])
def test_goes_on_with_the_version_that_it_was_started_with_if_that_still_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exists: bool
) -> None:
    with interpreter(tmp_path, servers=2) as made:
        short = rollout_machine(ARNS, longest_steps=3)
        # moto starts no version of a machine: another machine stands for the version
        version = made.create(rollout_machine(ARNS), name="version-1") if exists else f"{made.arn}:1"
        describe = StateTaskServiceAwsSdk._normalise_response

        def with_version(self: Any, response: dict[str, Any], *given: Any, **more: Any) -> None:
            describe(self, response, *given, **more)
            response["StateMachineVersionArn"] = version

        monkeypatch.setattr(StateTaskServiceAwsSdk, "_normalise_response", with_version)
        made.create(short, name="short")
        first = made.start({"request": made.driven.request()})
        executions = continued(made, first, "version-1" if exists else "short")
        tried = ["Continue on same version", *([] if exists else ["Continue on newest version"]), "Continued"]
        assert made.states(first)[-len(tried) :] == tried
        assert made.states(executions[1])[:3] == ["Fill in", "New rollout?", "Go on"]
        assert (len(executions) == 2) is exists


def test_the_same_start_twice_is_one_rollout(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        given = {"request": made.driven.request()}
        first = made.start(given)
        assert made.start(given) == first
        assert made.end_of(first)["status"] == "SUCCEEDED"
        assert [name for name, _ in made.called].count("prepare") == 1


def test_a_rollout_that_was_stopped_with_its_execution_is_taken_up_by_a_new_one(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        execution = made.start({"request": made.driven.request()})
        until(made, execution, "Wait for drain")
        made.steps.stop_execution(executionArn=execution)
        made.end_of(execution)
        made.driven.rolling.sandbox.jump(3600)
        assert made.run({"rollout_id": "deploy-1"}, "deploy-1-again")["status"] == "SUCCEEDED"
        assert made.driven.rolling.serving_versions() == {"v2": 2}


@pytest.mark.parametrize("fails", ["control", "reconcile"], ids=["Stop", "Restore"])
def test_an_execution_that_failed_while_it_stopped_is_redriven_to_its_end(tmp_path: Path, fails: str) -> None:
    state, broken = {"control": "Stop", "reconcile": "Restore"}[fails], [RuntimeError("broken")] * 4
    with interpreter(tmp_path, servers=2) as made:
        before = made.driven.rolling.group()
        made.broken = {"reconcile": [None, None, None, *broken, *(broken if fails == "reconcile" else ())]}
        made.broken |= {"control": [*broken]} if fails == "control" else {}
        execution = made.start({"request": made.driven.request()})
        failed = made.end_of(execution)
        assert (failed["status"], made.states(execution)[-1]) == ("FAILED", state)

        ended = made.redrive(execution)

        assert (ended["status"], ended["error"]) == ("FAILED", "Stopped")
        after = made.driven.rolling.group()
        assert (after["DesiredCapacity"], after["SuspendedProcesses"]) == (before["DesiredCapacity"], [])
        assert made.driven.rolling.store.unfinished() == ()


def test_an_execution_that_was_stopped_by_hand_is_redriven_to_its_success(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        execution = made.start({"request": made.driven.request()})
        until(made, execution, "Wait for drain")
        made.steps.stop_execution(executionArn=execution)
        made.end_of(execution)
        made.driven.rolling.sandbox.jump(3600)
        assert made.redrive(execution)["status"] == "SUCCEEDED"
        assert made.driven.rolling.serving_versions() == {"v2": 2}
        assert [name for name, _ in made.called].count("prepare") == 1, "it is the same rollout"


def test_a_name_that_leaves_no_room_for_continuing_is_refused(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=1) as made:
        ended = made.run({"request": made.driven.request()}, name="x" * 76)
        assert (ended["status"], ended["error"]) == ("FAILED", "InvalidEvent")
        assert "longer than 75 characters" in ended["cause"]


@pytest.mark.parametrize(("words", "outcome"), [(("approve",), "SUCCEEDED"), (("approve", "--reject"), "FAILED")])
def test_a_person_at_a_terminal_answers_a_machine_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], outcome: str
) -> None:
    with interpreter(tmp_path, servers=2) as made:
        monkeypatch.setattr("awsroll.aws.sessions.open_session", lambda **_: made.driven.rolling.sandbox.session())
        execution = made.start({"request": made.driven.request(checkpoint=1, approve_checkpoints=True)})
        until(made, execution, "Wait for approval")
        verb, *options = words
        assert run([verb, "deploy-1", *options, "--state", str(tmp_path)]) == 0
        assert made.end_of(execution)["status"] == outcome
        assert made.driven.rolling.store.note("deploy-1", Waiting) == Waiting(task_token=made.tokens[-1])
