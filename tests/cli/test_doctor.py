"""`awsroll doctor` lists its checks, and gives the same answer as `awsroll plan` and `awsroll roll`."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.aws.autoscaling import AutoScaling
from awsroll.aws.sts import Sts
from awsroll.cli.main import run
from awsroll.core.model.finding import Check
from awsroll.core.model.status import Outcome
from awsroll.core.tags import HELD_BY_TAG, SAVED_SETTING_PREFIX
from awsroll.driver import operations
from awsroll.errors import AccessRefusedError, NotImplementedByEndpointError
from awsroll.sandbox import Sandbox
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock
from tests.stores.records import record

ANSWERS = ("doctor", "plan", "roll")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Yield a sandbox with a group. Its time stands still, so no rollout may start.

    It stands still near the time of the system clock, which `roll` uses: each command corrects its clock by AWS's.
    """

    def started(*_: object, **__: object) -> None:
        message = "a rollout has started"
        raise AssertionError(message)

    monkeypatch.setattr(operations, "drive", started)
    with Sandbox(clock=VirtualClock(datetime.now(UTC))) as sandbox:
        sandbox.auto_scaling_fleet(desired=2)
        yield sandbox


def answer(state: Path, command: str, *words: str) -> int:
    return run([command, "--asg", "web", "--state", str(state), *words])


def checks(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["check"]: line for line in lines if line["event"] == "check"}


def test_every_check_is_listed_with_its_result(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(tmp_path, "doctor", "--launch-first") == 0
    rows = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert set(rows[:-1]) <= {"ok", ""}  # a further note of a check has a line of its own
    assert rows[-1].startswith("web can be rolled from")

    answer(tmp_path, "doctor", "--launch-first", "--json")
    made = checks(capsys)
    not_needed = {Check.ALARMS, Check.RELOAD, Check.HOOKS, Check.AGENTS, Check.WINDOWS}
    assert made.keys() == set(Check) - not_needed
    assert {name for name, check in made.items() if check["messages"]} == {Check.SERVING, Check.CAPACITY}


def test_a_check_that_is_not_permitted_is_listed_as_not_made(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> str:
        message = "no such action"
        raise NotImplementedByEndpointError(message, code="InvalidAction", operation="sts:GetCallerIdentity")

    monkeypatch.setattr(Sts, "account", unknown)

    assert answer(tmp_path, "doctor", "--launch-first", "--json") == 0
    (message,) = checks(capsys)[Check.ACCOUNT]["messages"]
    assert "could not read the account" in message
    answer(tmp_path, "doctor", "--launch-first")
    assert "could not be checked  account" in capsys.readouterr().out


def _suspend(sandbox: Sandbox, _: Path) -> None:
    autoscaling = sandbox.session().client("autoscaling")
    autoscaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])


def _tag(sandbox: Sandbox, key: str, value: str) -> None:
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
    sandbox.session().client("autoscaling").create_or_update_tags(Tags=[{**tag, "Key": key, "Value": value}])


def _label(sandbox: Sandbox, _: Path) -> None:
    until = sandbox.clock.now() + timedelta(minutes=5)
    _tag(sandbox, HELD_BY_TAG, f"web-9 s3://elsewhere {until:%Y-%m-%dT%H:%M:%SZ}")


def _leave_settings(sandbox: Sandbox, _: Path) -> None:
    _tag(sandbox, f"{SAVED_SETTING_PREFIX}max-size", "20")


def _interrupt(sandbox: Sandbox, state: Path) -> None:
    left = record("web-9", group="web", target_groups=sandbox_target_groups(sandbox))
    LocalStore(state).save(replace(left, status=replace(left.status, outcome=Outcome.INTERRUPTED)))


def _halt(_: Sandbox, state: Path) -> None:
    awsroll.halt("incident 4711", store=str(state))


def sandbox_target_groups(sandbox: Sandbox) -> tuple[str, ...]:
    described = sandbox.session().client("elbv2").describe_target_groups()["TargetGroups"]
    return tuple(group["TargetGroupArn"] for group in described)


@pytest.mark.parametrize(
    ("spoil", "code", "check", "words"),
    [
        (_suspend, 2, Check.GROUP_SETTINGS, "has Launch suspended"),
        (_label, 4, Check.LABEL, "is held by rollout web-9 of the store s3://elsewhere"),
        (_leave_settings, 2, Check.SAVED_SETTINGS, "an earlier rollout left changed settings (max-size)"),
        (_interrupt, 4, Check.UNFINISHED, "rollout web-9 of web has not ended (interrupted)"),
        (_halt, 4, Check.HALT, "the rollouts of this store are halted by"),
    ],
    ids=["suspended", "label", "saved-settings", "interrupted", "halted"],
)
def test_doctor_plan_and_roll_give_the_same_answer(
    sandbox: Sandbox,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Sandbox, Path], None],
    code: int,
    check: Check,
    words: str,
) -> None:
    spoil(sandbox, tmp_path)
    before = sandbox.calls.copy()

    codes, errors = [], []
    for command in ANSWERS:
        codes.append(answer(tmp_path, command, "--launch-first"))
        errors.append(capsys.readouterr().err)
    answer(tmp_path, "doctor", "--launch-first", "--json")
    made = checks(capsys)

    assert codes == [code] * len(ANSWERS)
    assert all(words in error for error in errors), errors
    assert made[check]["result"] == "refused"
    assert words in made[check]["messages"][0]
    reading = ("Describe", "Get", "List")
    assert all(call.partition(":")[2].startswith(reading) for call in sandbox.calls - before)


def test_a_refusal_of_aws_is_the_result_of_the_check_that_needed_the_call(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        message = "you may not call DescribeAutoScalingGroups"
        raise AccessRefusedError(message, code="AccessDenied", operation="autoscaling:DescribeAutoScalingGroups")

    monkeypatch.setattr(AutoScaling, "group", refused)

    assert [answer(tmp_path, command, "--launch-first") for command in ANSWERS] == [5, 5, 5]
    capsys.readouterr()
    assert answer(tmp_path, "doctor", "--launch-first", "--json") == 5
    made = checks(capsys)
    assert (list(made), made[Check.FLEET]["result"]) == (["request", "fleet"], "could not be checked")


@pytest.mark.parametrize("command", ANSWERS)
def test_fail_on_warnings_refuses_a_rollout_with_a_warning(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    warned = ("--healthy-timeout", "1", "--fail-on-warnings", "--yes", "--json")

    assert answer(tmp_path, command, *warned) == 2
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "refused"
    assert "--healthy-timeout 1 is short" in last["reason"]
    assert LocalStore(tmp_path).list() == ()


def test_expired_credentials_say_what_to_do(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults.add("expired-credentials")

    assert answer(tmp_path, "roll", "--yes") == 5
    assert "expired. Renew the credentials, then run the command again. Nothing was changed" in capsys.readouterr().err
