"""`awsroll replay`: the same decisions, what a step knew, the test for a bug report, and what is no recording."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import awsroll.recording.for_tests
from awsroll.cli.main import run
from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.planner import plan
from awsroll.recording import replaying
from awsroll.recording.recording_file import load_lines
from awsroll.stores import LocalStore
from tests.replay.recorded import record
from tests.support.builders import OLD, rollout, standalone

ODD = '\x1b[31m\u202e\'"""\\N{BELL}{x}'


def _slower(rollout: Rollout, observation: Observation, status: Status) -> Plan:
    """Decide as the planner of another version: it waits a second longer after each decision."""
    decided = plan(rollout, observation, status)
    return replace(decided, requeue_seconds=decided.requeue_seconds + 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recording in a file and in a store."""
    folder = tmp_path_factory.mktemp("replay")
    fleet = standalone(outdated=2)
    fleet.add(OLD, count=1, tags={"odd": ODD})
    record(fleet, rollout(fleet), LocalStore(folder / "state"), file=folder / "web.gz")
    return folder


def _other_planner() -> Any:
    return patch.object(replaying.rerun, "__defaults__", (_slower,))


@pytest.mark.parametrize("recording", ["web.gz", "web-20260101-000000-4f2a"])
def test_the_same_planner_decides_the_same(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, recording: str
) -> None:
    monkeypatch.chdir(place)

    assert run(["replay", recording, "--state", "state"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("web-20260101-000000-4f2a: ")
    assert "from 00:00:00 to 00:0" in out
    assert out.endswith("; this version of awsroll decides the same at each step\n")


def test_another_planner_is_reported_with_the_first_difference(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _other_planner():
        assert run(["replay", str(place / "web.gz")]) == 3
        text = capsys.readouterr().out
        assert run(["replay", str(place / "web.gz"), "--json"]) == 3
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert text.startswith("step 1 at 00:00:00 (2026-01-01 00:00:00Z)\nobserved: 3 servers, ")
    assert "only recorded:\n  observe-again-after 0.0\nonly decided now:\n  observe-again-after 1.0\n" in text
    assert "decides differently at" in text
    assert [each["event"] for each in events] == ["step", "replayed"]
    assert events[1]["different"] == list(range(1, events[1]["steps"] + 1))


def test_a_time_shows_what_the_rollout_knew_then(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", str(place / "web.gz"), "--at", "00:01:00"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("step ")
    assert " at 00:00:" in lines[0] or " at 00:01:00" in lines[0]
    assert any(line.startswith("  i-") and "zone-a" in line for line in lines)
    assert "decided:" in lines
    assert run(["replay", str(place / "web.gz"), "--at", "soon"]) == 2
    assert "Write it as 00:12:30" in capsys.readouterr().err


def test_a_recording_of_the_store_becomes_a_file(place: Path, tmp_path: Path) -> None:
    state = ["--state", str(place / "state")]

    assert run(["replay", "web-20260101-000000-4f2a", "--out", str(tmp_path / "web.gz"), *state]) == 0

    assert load_lines(tmp_path / "web.gz") == load_lines(place / "web.gz")
    assert (tmp_path / "web.gz").stat().st_mode & 0o077 == 0
    assert run(["replay", "web-20260101-000000-4f2a", "--out", str(tmp_path / "no" / "web.gz"), *state]) == 2


def test_the_test_of_a_bug_report_passes_here_and_fails_with_another_planner(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["replay", str(place / "web.gz"), "--at", "00:00:00", "--pytest"]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert text.isascii()
    names: dict[str, Any] = {}

    exec(compile(text, "test_bug.py", "exec"), names)  # noqa: S102 - this is what pytest does with it
    tests = [value for name, value in names.items() if name.startswith("test_")]

    assert len(tests) == 2
    for test in tests:
        test()
    with _other_planner(), pytest.raises(AssertionError):
        tests[0]()
    with patch.object(awsroll.recording.for_tests, "plan", _slower), pytest.raises(AssertionError):
        tests[1]()


def test_text_from_outside_is_escaped(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for at in range(0, 200, 20):
        assert run(["replay", str(place / "web.gz"), "--at", f"00:{at // 60:02}:{at % 60:02}"]) == 0
        shown = capsys.readouterr().out
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def _damaged(lines: tuple[str, ...]) -> dict[str, bytes]:
    heading, first, *others = lines
    step = json.loads(first)

    def made(*parts: str) -> bytes:
        return gzip.compress("".join(f"{part}\n" for part in parts).encode())

    def changed(**fields: Any) -> str:
        return json.dumps({**step, **fields})

    return {
        "no gzip": b"PK\x03\x04 something else",
        "empty": b"",
        "no heading": made(first, *others),
        "no lines": made(),
        "only a heading": made(heading),
        "cut line": made(heading, first[:100]),
        "run outside": made(heading, changed(observation=[[0, 9]])),
        "negative run": made(heading, first, changed(observation=[[-1, 1]])),
        "unknown form": made(heading.replace(":1,", ":2,", 1), first),
        "two rollouts": made(heading, first, heading.replace("4f2a", "4f2b"), first),
        "unknown field": made(heading, changed(more=1)),
        "local time": made(heading, changed(observation=['at="2026-01-01T00:00:00"'])),
        "far time": made(heading, changed(observation=['at="9999-12-31T23:59:59Z"'])),
        "missing status": made(heading, changed(before=[])),
        "wrong value": made(heading, changed(before=[*step["before"], "servers=7"])),
        "no name": made(heading, changed(before=[*step["before"], "{}{}"])),
        "more keys": made(heading, changed(observation=[*step["observation"], 'at=1,"at":2'])),
        "deep": made(heading, changed(observation=["at=" + "[" * 100_000])),
        "not utf-8": gzip.compress(heading.encode() + b"\n\xff\xfe\n"),
    }


@pytest.mark.parametrize("name", _damaged(("{}", '{"before":[],"observation":[]}')))
def test_a_file_that_is_no_recording_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "bad.gz").write_bytes(_damaged(load_lines(place / "web.gz"))[name])

    assert run(["replay", str(tmp_path / "bad.gz")]) == 2

    message = capsys.readouterr().err
    assert message.startswith("awsroll: ")
    assert "recording" in message
    assert "Traceback" not in message


def test_a_missing_file_and_a_rollout_without_a_recording_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ["--state", str(tmp_path)]
    assert run(["replay", str(tmp_path / "no.gz"), *state]) == 2
    assert "cannot be read: No such file or directory" in capsys.readouterr().err
    assert run(["replay", "web-1", *state]) == 2
    assert "there is no rollout web-1" in capsys.readouterr().err


def test_the_end_that_a_crash_cut_off_is_left_out(place: Path, tmp_path: Path) -> None:
    whole = (place / "web.gz").read_bytes()
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) - 200])

    assert run(["replay", str(tmp_path / "cut.gz")]) == 0
    assert len(load_lines(tmp_path / "cut.gz")) < len(load_lines(place / "web.gz"))
