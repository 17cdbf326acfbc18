"""`awsroll list` and `awsroll status`: the state of rollouts from their records, without AWS."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from awsroll.cli.main import run
from awsroll.core.model.status import Mode, Outcome
from awsroll.ports import Record
from awsroll.stores import LocalStore
from tests.stores.records import T0, busy_record, record


def _ended(rollout_id: str, outcome: Outcome, hours: int) -> Record:
    plain = record(rollout_id, hours=hours)
    ended = replace(plain.status, mode=Mode.ENDED, outcome=outcome, ended_at=T0 + timedelta(hours=hours + 1))
    return replace(plain, status=ended)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path)
    store.save(_ended("web-old", Outcome.SUCCEEDED, hours=-2))
    store.save(_ended("web-bad", Outcome.STOPPED, hours=-1))
    store.save(busy_record())
    return store


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_list_prints_one_object_a_line(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--json", "--state", str(store.directory)]) == 0

    listed = lines(capsys)
    assert [(line["rollout_id"], line["status"], line["phase"]) for line in listed] == [
        ("web-1", "interrupted", "Progressing"),
        ("web-bad", "stopped", "Failed"),
        ("web-old", "succeeded", "Succeeded"),
    ]
    assert {"event", "at", "rollout_id", "fleet", "status", "phase", "started_at"} <= set(listed[0])


def test_a_rollout_is_listed_as_running_while_it_is_driven(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    with store.drive(busy_record().rollout):
        run(["list", "--json", "--state", str(store.directory)])

    assert lines(capsys)[0]["status"] == "running"


def test_list_shows_a_table_and_names_damaged_records(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    (store.directory / "rollouts" / "web-bad" / "record.json").write_text("{")

    assert run(["list", "--state", str(store.directory)]) == 0

    out, err = capsys.readouterr()
    assert [row.split()[0] for row in out.splitlines()] == ["ROLLOUT", "web-1", "web-old", "web-bad"]
    assert out.splitlines()[-1].split()[1:4] == ["?", "?", "unreadable"]
    assert "web-bad" in err
    assert str(store.directory / "rollouts" / "web-bad" / "record.json") in err


def test_list_prints_an_unreadable_record_as_an_object(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    path = store.directory / "rollouts" / "web-1" / "record.json"
    path.write_text("{")

    assert run(["list", "--json", "--state", str(store.directory)]) == 0

    shown = lines(capsys)[-1]
    assert {"event", "at", "rollout_id", "fleet", "status", "phase", "started_at"} <= set(shown)
    assert (shown["rollout_id"], shown["fleet"], shown["status"]) == ("web-1", "web", "unreadable")
    assert (shown["location"], shown["may_be_unfinished"]) == (str(path), True)
    assert "truncated" in shown["reason"]


def test_repair_lists_an_unreadable_record_that_may_be_unfinished(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    (store.directory / "rollouts" / "web-1" / "record.json").write_text("{")

    assert run(["repair", "--state", str(store.directory)]) == 3
    out, err = capsys.readouterr()
    assert "rollout web-1 of web is unreadable; the rollout may be unfinished" in out
    assert "left changes" not in err

    assert run(["repair", "--json", "--state", str(store.directory)]) == 3
    shown = [(line["event"], line["rollout_id"]) for line in lines(capsys)]
    assert shown == [("unsettled", "web-1"), ("repair", None)]


def test_an_empty_store_is_not_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--state", str(tmp_path)]) == 0
    assert "there are no rollouts in" in capsys.readouterr().err


def test_status_shows_a_rollout(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "web-1", "--state", str(store.directory)]) == 0

    out = capsys.readouterr().out
    for words in (
        "web-1",
        "interrupted",
        "3 in total, none changed, 1 failed, 2 in flight",
        "draining",
        "Target.Timeout",
        "look at this",
    ):
        assert words in out


def test_status_without_an_id_shows_the_newest_rollout(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--json", "--state", str(store.directory)]) == 0

    (shown,) = lines(capsys)
    assert shown["event"] == "status"
    assert shown["rollout_id"] == "web-1"
    assert shown["in_flight"] == ["i-1", "i-2"]


@pytest.mark.parametrize("command", ["status", "resume"])
def test_an_unknown_rollout_is_refused(command: str, store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "web-9", "--state", str(store.directory)]) == 2
    assert "there is no rollout web-9" in capsys.readouterr().err


def test_a_damaged_record_is_refused(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    (store.directory / "rollouts" / "web-1" / "record.json").write_text("{")

    assert run(["status", "web-1", "--state", str(store.directory)]) == 2
    err = capsys.readouterr().err
    assert "rollout web-1 of web is unreadable; the rollout may be unfinished" in err
    assert "nothing was changed" in err


def test_a_damaged_lock_hides_no_rollout(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    (store.directory / "rollouts" / "web-1" / "lock.json").write_text("{")

    assert run(["list", "--json", "--state", str(store.directory)]) == 0
    assert lines(capsys)[0]["status"] == "interrupted"
