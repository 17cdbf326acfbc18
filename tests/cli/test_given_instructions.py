"""What a record makes a command run or use is given by the rollout file again, accepted, or refused by name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.cli import confirm, given_instructions
from awsroll.cli.common_options import CommonOptions
from awsroll.cli.given_instructions import build_given, instruction_prompt
from awsroll.cli.main import run
from awsroll.cli.output import Output
from awsroll.core.model.hooks import HookPoint
from awsroll.core.request.instructions import Instruction, InstructionKind, requested
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.errors import SpecError
from tests.rollouts.holding import changes
from tests.rollouts.rolling import Rolling, enter, make_sandbox

ROLE = "arn:aws:iam::111122223333:role/deploy"
SMOKE = "hooks: [{point: after_healthy, command: [./smoke-test]}]"
FLEETS = f"""
waves:
  - fleets:
      - {{asg: web, launch-template: "web:2", role: "{ROLE}"}}
      - {{asg: db, launch-template: "web:2"}}
"""
EVIL = Instruction(kind=InstructionKind.COMMAND, point="after_healthy", content=("curl", "evil\x1b[2K"))


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=False, servers=2)


def given(folder: Path, text: str) -> tuple[awsroll.FleetSpec, ...]:
    (folder / "web.yaml").write_text(text)
    return build_given(file=str(folder / "web.yaml"))


def test_a_file_gives_its_hooks_again(tmp_path: Path) -> None:
    (fleet,) = given(tmp_path, f"asg: web\n{SMOKE}")
    assert [str(each) for each in requested(fleet.request)] == [
        "command on this machine at after_healthy: ./smoke-test"
    ]


def test_a_file_of_many_fleets_gives_their_roles(tmp_path: Path) -> None:
    assert [(fleet.request.asg, fleet.role) for fleet in given(tmp_path, FLEETS)] == [("web", ROLE), ("db", "")]


def test_options_give_the_commands_of_a_reload() -> None:
    (fleet,) = build_given(file=None, command=["deploy 2"], document=None)
    assert fleet.request.command == ("deploy 2",)
    assert build_given(file=None, command=None) == ()


def test_a_wrong_hook_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="it has command and function"):
        given(tmp_path, "asg: web\nhooks: [{point: after_healthy, command: [x], function: y}]")


def test_without_a_terminal_and_yes_nothing_can_be_confirmed() -> None:
    assert instruction_prompt(CommonOptions(), Output()) is None


@pytest.mark.parametrize("answer", [True, False], ids=["yes", "no"])
def test_a_prompt_shows_each_instruction_and_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, answer: bool
) -> None:
    monkeypatch.setattr(Output, "can_ask", True)
    monkeypatch.setattr(given_instructions, "ask_to_confirm", lambda _: answer)
    prompt = instruction_prompt(CommonOptions(), Output())
    assert prompt is not None
    assert prompt([EVIL]) is answer
    err = capsys.readouterr().err
    assert "command on this machine at after_healthy: curl" in err
    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("yes", "can_ask", "answer", "ends"),
    [
        pytest.param(True, False, False, True, id="yes"),
        pytest.param(False, True, True, True, id="confirmed"),
        pytest.param(False, True, False, False, id="declined"),
        pytest.param(False, False, True, False, id="no-terminal"),
    ],
)
def test_an_abort_that_aws_refuses_shows_what_stays_and_asks(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    yes: bool,
    can_ask: bool,
    answer: bool,
    ends: bool,
) -> None:
    monkeypatch.setattr(Output, "can_ask", can_ask)
    monkeypatch.setattr(confirm, "ask_to_confirm", lambda _: answer)
    prompt = confirm.unrestored_prompt(CommonOptions(yes=yes, json=True), Output(json=True))
    assert prompt(["AWS refused sts:AssumeRole\x1b[2J", "max-size of web was 3 before the rollout"]) is ends
    out, err = capsys.readouterr()
    assert "AWS refused sts:AssumeRole" in err
    assert "\x1b" not in err
    line = json.loads(out)
    assert (line["event"], line["found"]) == ("unrestored", "max-size of web was 3 before the rollout")


def test_yes_shows_what_it_accepts(capsys: pytest.CaptureFixture[str]) -> None:
    prompt = instruction_prompt(CommonOptions(yes=True, json=True), Output(json=True))
    assert prompt is not None
    assert prompt([EVIL])
    out, err = capsys.readouterr()
    assert "command on this machine at after_healthy: curl" in err
    line = json.loads(out)
    assert (line["event"], line["kind"], line["content"]) == ("instruction", "command", list(EVIL.content))


def test_each_command_that_continues_a_rollout_refuses_by_name(
    rolling: Rolling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = awsroll.HookSpec(point=HookPoint.AFTER_HEALTHY, command=("true", "--smoke"))
    own: dict[str, Any] = {"session": rolling.sandbox.session(), "store": rolling.store, "clock": rolling.clock}
    stopped = operations.roll(rolling.request(hooks=(hook,)), Context(**own, stop_requested=lambda: True))
    monkeypatch.setattr(CommonOptions, "session", lambda _: rolling.sandbox.session())
    before, record = changes(rolling), rolling.store.load(stopped.rollout_id)
    (tmp_path / "other.yaml").write_text("hooks: [{point: after_healthy, command: [./other-test]}]")

    for command in ("resume", "rollback", "abort"):
        words = [command, stopped.rollout_id, "--state", str(tmp_path / "state")]
        assert run(words) == 2
        err = capsys.readouterr().err
        assert "names what its caller has not given: command on this machine at after_healthy: true --smoke" in err
        again = f"awsroll resume {stopped.rollout_id} -f FILE --state {tmp_path / 'state'}"
        assert f"nothing was changed. Give the rollout file again (`{again}`)" in err
        assert run([*words, "-f", str(tmp_path / "other.yaml"), "--yes", "--json"]) == 2
        out, err = capsys.readouterr()
        assert json.loads(out.splitlines()[-1])["event"] == "refused"
        assert "does not have: command on this machine at after_healthy: true --smoke" in err
        assert "the given request has: command on this machine at after_healthy: ./other-test" in err

    assert (changes(rolling), rolling.store.load(stopped.rollout_id)) == (before, record)
