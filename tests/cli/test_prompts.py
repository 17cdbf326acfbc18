"""The prompt before the first change: a short plan, and a clean answer whatever the user does."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from awsroll.cli.main import run
from awsroll.cli.output import Output
from awsroll.core.model.user_requests import UserRequests
from awsroll.sandbox import Sandbox
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock
from tests.stores.records import busy_record


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.auto_scaling_fleet(desired=2)
        yield sandbox


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], list[str]]:
    """Return a function that sets what the user does at the prompt; it returns the prompts."""
    prompts: list[str] = []

    def answer_with(what: object) -> list[str]:
        def read() -> str:
            prompts.append("asked")
            if isinstance(what, str):
                return what
            raise what  # type: ignore[misc]  # an exception

        monkeypatch.setattr(Output, "can_ask", True)
        monkeypatch.setattr("builtins.input", read)
        return prompts

    return answer_with


NO = [("n", 2), ("", 2), ("perhaps", 2), (EOFError(), 2), (OSError(), 2), (KeyboardInterrupt(), 130)]


@pytest.mark.parametrize(("answer", "code"), NO, ids=["no", "empty", "other", "end", "hang-up", "ctrl-c"])
def test_an_answer_other_than_yes_changes_nothing(
    sandbox: Sandbox,
    terminal: Callable[[object], list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: object,
    code: int,
) -> None:
    terminal(answer)
    before = sandbox.calls.copy()

    assert run(["roll", "--asg", "web", "--launch-first", "--state", str(tmp_path)]) == code

    out, err = capsys.readouterr()
    for words in ("serving never below 2", "2 to update", "Roll web? [y/N] (--yes skips this prompt)"):
        assert words in err
    assert "nothing was changed" in err
    assert out == ""
    assert LocalStore(tmp_path).list() == ()
    assert all(re.search(":(Describe|Get|List)", call) for call in sandbox.calls - before)


def test_a_rollback_shows_its_plan_and_asks(
    terminal: Callable[[object], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, left = LocalStore(tmp_path), busy_record()
    template = left.rollout.baseline[0].template
    store.save(replace(left, rollout=replace(left.rollout, baseline_template=template)))
    terminal("n")

    assert run(["rollback", "web-1", "--state", str(tmp_path)]) == 2

    err = capsys.readouterr().err
    assert "lt-1:2 -> lt-1:1" in err
    assert "Roll web back? [y/N]" in err
    assert "nothing was changed" in err
    assert store.user_requests("web-1") == UserRequests()


def test_a_fleet_on_its_version_needs_no_answer(
    sandbox: Sandbox, terminal: Callable[[object], list[str]], tmp_path: Path
) -> None:
    prompts = terminal("n")
    template = sandbox.auto_scaling_fleet(name="done", desired=1).template_id

    assert run(["roll", "--asg", "done", "--launch-template", f"{template}:1", "--state", str(tmp_path)]) == 0
    assert prompts == []


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_a_process_without_a_stream_has_no_prompt(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    monkeypatch.setattr(f"sys.{stream}", None)

    assert Output().can_ask is False
