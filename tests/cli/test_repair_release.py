"""`awsroll repair --release`: what it prints, asks and returns."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from awsroll.cli.main import run
from awsroll.core.model.status import Mode
from awsroll.sandbox import Sandbox
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock
from tests.stores.records import busy_record, record


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[LocalStore]:
    store = LocalStore(tmp_path)
    store.save(busy_record())
    with Sandbox(clock=VirtualClock()):
        yield store


def release(store: LocalStore, *words: str) -> int:
    return run(["repair", "--release", *words, "--state", str(store.directory), "--region", "us-east-1"])


def test_without_confirmation_it_shows_what_is_left_and_changes_nothing(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release(store, "web-1") == 3

    shown = capsys.readouterr()
    assert "not restored: server i-1 was in flight (draining): check whether it takes requests\n" in shown.out
    assert "web: nothing was changed. Pass --yes to release it without a prompt\n" in shown.err
    assert store.load("web-1").status.mode is Mode.ROLLING


def test_once_confirmed_the_rollout_has_ended(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert release(store, "web-1", "--yes", "--json") == 3

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    last = lines[-1]
    assert (last["event"], last["rollout_id"], last["acted"], last["notes"]) == ("release", "web-1", True, [])
    assert [line["found"] for line in lines if line["event"] == "unrestored"] == last["unrestored"]
    assert store.load("web-1").status.mode is Mode.ENDED


def test_with_nothing_left_to_restore_it_exits_with_0(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.save(record("web-2"))
    assert release(store, "web-2", "--yes") == 0
    assert capsys.readouterr().out == "web: released from rollout web-2\n"


@pytest.mark.parametrize("words", [(), ("web-1", "--asg", "web"), ("web-1", "--target-group", "w")])
def test_it_needs_a_rollout_and_no_fleet(
    store: LocalStore, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert release(store, *words) == 2
    assert "--release needs the ROLLOUT, and no fleet; nothing was changed" in capsys.readouterr().err
