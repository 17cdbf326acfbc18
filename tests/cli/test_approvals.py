"""`awsroll approve` and `awsroll status` on the record of a rollout that waits at a checkpoint."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from awsroll.cli.local_time import local_moment
from awsroll.cli.main import run
from awsroll.core.model.amount import Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.rollout_choices import Gates
from awsroll.core.model.status import Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.driver.caller_name import local_name
from awsroll.stores import LocalStore
from tests.stores.records import T0, record
from tests.support.status import changed

PLACE = "checkpoint 2 of 3: 2 of 3 servers on lt-1:2"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Return a store with a rollout that waits at its second checkpoint. No process drives it."""
    store, plain = LocalStore(tmp_path), record()
    gates = Gates(checkpoints=tuple(Amount(value=value) for value in (1, 2, 3)), needs_approval=True)
    status = changed(plain.status, closed_since=T0, passed=1, serving=("i-7", "i-8"))
    store.save(replace(plain, rollout=replace(plain.rollout, gates=gates), status=status))
    return store


def command(store: LocalStore, *words: str) -> int:
    return run([*words, "--state", str(store.directory)])


def line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return fields


@pytest.mark.parametrize("more", [(), ("--checkpoint", "2")], ids=["unnamed", "named"])
@pytest.mark.parametrize("word", ["approved", "rejected"])
def test_an_answer_says_which_checkpoint_it_is_for(
    store: LocalStore, capsys: pytest.CaptureFixture[str], word: str, more: tuple[str, ...]
) -> None:
    reject = ("--reject",) if word == "rejected" else ()

    assert command(store, "approve", "web-1", *more, *reject) == 0

    assert (
        f"web-1: {word} {PLACE}; no process drives it; `awsroll resume web-1 --state {store.directory}`"
        in capsys.readouterr().out
    )
    expected = UserRequests(approved=2) if word == "approved" else UserRequests(rejected=True, rejected_gate=2)
    what = "approve 2" if word == "approved" else "reject 2"
    assert store.user_requests("web-1") == expected.named(what, local_name())


def test_the_json_of_an_answer_has_the_checkpoint(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(store, "approve", "web-1", "--json") == 0

    asked = line(capsys)
    assert (asked["event"], asked["what"], asked["driven"]) == ("asked", "approve", False)
    assert (asked["approval"]["checkpoint"], asked["approval"]["answer"]) == (2, "approved")


@pytest.mark.parametrize("second", [(), ("--reject",), ("--checkpoint", "2"), ("--checkpoint", "3")])
def test_a_second_answer_is_refused_and_changes_nothing(
    store: LocalStore, capsys: pytest.CaptureFixture[str], second: tuple[str, ...]
) -> None:
    command(store, "approve", "web-1")
    capsys.readouterr()

    assert command(store, "approve", "web-1", *second) == 2
    assert "nothing was changed" in capsys.readouterr().err
    assert store.user_requests("web-1") == UserRequests(approved=2).named("approve 2", local_name())


@pytest.mark.parametrize("number", ["1", "3", "4"])
def test_an_answer_to_another_checkpoint_is_refused(
    store: LocalStore, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    assert command(store, "approve", "web-1", "--checkpoint", number) == 2
    assert f"checkpoint {number}" in capsys.readouterr().err
    assert store.user_requests("web-1") == UserRequests()


def test_an_answer_is_refused_while_no_checkpoint_waits(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.save(record("web-2"))
    moving = store.load("web-1")
    store.save(replace(moving, status=changed(moving.status, closed_since=None)))

    for rollout in ("web-1", "web-2"):
        assert command(store, "approve", rollout, "--json") == 2
        assert line(capsys)["event"] == "refused"
        assert store.user_requests(rollout) == UserRequests()


def test_status_shows_the_checkpoint_that_waits_and_the_command(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(store, "status", "web-1") == 0
    shown = capsys.readouterr().out
    assert f"awaited at {PLACE}, since {local_moment(T0)}" in shown
    assert f"`awsroll approve web-1 --checkpoint 2 --state {store.directory}`" in shown

    command(store, "status", "web-1", "--json")
    approval = line(capsys)["approval"]
    assert (approval["checkpoint"], approval["command"]) == (2, "awsroll approve web-1 --checkpoint 2")


def test_status_shows_the_verdict_of_the_judge_and_what_is_missing(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    errors, made = Hook(point=HookPoint.WHILE_JUDGING, name="errors", command=("count",)), record("web-2")
    store.save(replace(made, rollout=replace(made.rollout, hooks=(errors,))))

    assert command(store, "status", "web-2") == 0
    assert "errors: wait: no comparison yet" in capsys.readouterr().out
    command(store, "status", "web-2", "--json")
    assert line(capsys)["judge"]["errors"]["verdict"] == "wait"


def test_status_shows_an_answer_that_the_rollout_has_not_acted_on(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    command(store, "approve", "web-1")
    command(store, "status", "web-1")

    assert "approved, and the rollout has not acted on it yet" in capsys.readouterr().out


def test_an_answer_is_accepted_while_the_rollout_is_paused_at_its_checkpoint(store: LocalStore) -> None:
    waiting = store.load("web-1")
    store.save(replace(waiting, status=replace(waiting.status, outcome=Outcome.PAUSED, reason="paused by request")))

    assert command(store, "approve", "web-1", "--checkpoint", "2") == 0
