"""Every end of a command has a code with one meaning: an unexpected error is 70, and never 1."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from awsroll.cli import listing, main
from awsroll.cli.crash_file import crash_text
from awsroll.cli.main import run
from awsroll.driver import operations, summaries
from awsroll.errors import AwsRefusedError, FleetLockedError
from awsroll.stores import LocalStore
from tests.stores.records import T0, record

DEFECTS = {
    "type-error": TypeError("'<' not supported"),
    "recursion": RecursionError("maximum recursion depth exceeded"),
    "memory": MemoryError(),
    "operating-system": PermissionError(13, "Permission denied"),
    "broken-pipe-of-a-hook": BrokenPipeError(32, "Broken pipe"),
    "end-of-input": EOFError(),
    "assertion": AssertionError("no"),
}


@pytest.fixture
def crashes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    return tmp_path / "state-home" / "awsroll" / "crashes"


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException, name: str = "list_rollouts") -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(summaries if name in ("list_rollouts", "status") else operations, name, fail)


@pytest.mark.parametrize("error", DEFECTS.values(), ids=DEFECTS)
def test_an_unexpected_error_exits_70_with_a_crash_file(
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    crashes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing(monkeypatch, error)

    assert run(["list", "--json", "--state", str(tmp_path / "secret-place")]) == 70

    out, err = capsys.readouterr()
    (path,) = crashes.iterdir()
    first, second = err.splitlines()
    assert first == "awsroll: awsroll failed unexpectedly; this command changes nothing"
    assert str(path) in second
    assert type(error).__name__ in second
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["crash_file"], last["at"][-1]) == ("failed", str(path), "Z")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    text = path.read_text()
    for words in ("awsroll 0.", "python: 3.", "command: awsroll list --json --state ***", "Traceback", "listing.py"):
        assert words in text
    assert "secret-place" not in text


@pytest.mark.parametrize(
    ("words", "operation", "message"),
    [
        (
            ["resume", "web-1"],
            "resume",
            "the fleet may be mixed; `awsroll status web-1 STATE` and `awsroll resume web-1 STATE`",
        ),
        (["rollback", "web-1"], "rollback", "the fleet may be mixed; `awsroll status web-1 STATE`"),
        (["pause", "web-1"], "pause", "the fleet may be mixed; `awsroll status web-1 STATE`"),
        (["status", "web-1"], "status", "this command changes nothing"),
        (["roll", "--asg", "web"], "roll", "no rollout was started"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_message_says_what_it_means_for_the_fleet(
    words: list[str],
    operation: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    crashes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    LocalStore(tmp_path / "state").save(record())
    failing(monkeypatch, KeyError("x"), operation)

    assert run([*words, "--state", str(tmp_path / "state")]) == 70
    message = message.replace("STATE", f"--state {tmp_path / 'state'}")
    assert f"awsroll failed unexpectedly; {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "web is held; this process changed nothing. Wait for it",
            "web is held; this process changed nothing. Wait for it",
        ),
        ("web is held. Wait for it", "web is held. Wait for it. Nothing was changed"),
    ],
)
def test_a_refusal_says_once_what_was_left_unchanged(
    message: str, shown: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, FleetLockedError(message), "roll")

    assert run(["roll", "--asg", "web", "--state", str(tmp_path)]) == 4
    assert capsys.readouterr().err == f"awsroll: {shown}\n"


def test_a_rollout_that_has_started_is_named_also_by_a_refusal(
    monkeypatch: pytest.MonkeyPatch, crashes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def start_and_fail(error: Exception) -> Callable[..., None]:
        def roll(_: object, context: operations.Context) -> None:
            assert context.sink is not None
            context.sink.event("rollout.created", T0, rollout_id="web-7")
            raise error

        return roll

    words = ["roll", "--asg", "web", "--json", "--state", str(tmp_path)]
    monkeypatch.setattr(operations, "roll", start_and_fail(ValueError("x")))
    assert run(words) == 70
    out, err = capsys.readouterr()
    state = f"--state {tmp_path}"
    assert f"the fleet may be mixed; `awsroll status web-7 {state}` and `awsroll resume web-7 {state}`" in err
    assert json.loads(out.splitlines()[-1])["rollout_id"] == "web-7"

    refused = AwsRefusedError("ec2:X: no", code="X", operation="ec2:X")
    monkeypatch.setattr(operations, "roll", start_and_fail(refused))
    assert run(words) == 3, "5 would say that nothing was changed"
    out, err = capsys.readouterr()
    assert f"`awsroll resume web-7 {state}`" in err
    assert json.loads(out.splitlines()[-1])["event"] == "failed"


def test_an_interruption_before_a_rollout_says_that_nothing_was_changed(
    monkeypatch: pytest.MonkeyPatch, crashes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, words in (("list_rollouts", ["list"]), ("roll", ["roll", "--asg", "web"])):
        failing(monkeypatch, KeyboardInterrupt(), name)

        assert run([*words, "--json", "--state", str(tmp_path)]) == 130

        out, err = capsys.readouterr()
        assert err == "awsroll: interrupted; nothing was changed\n"
        shown = {"event": "interrupted", "at": "", "rollout_id": None, "reason": err[9:-1]}
        assert json.loads(out) | {"at": ""} == shown
    assert not crashes.exists()


def test_without_a_place_for_a_crash_file_the_error_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    failing(monkeypatch, KeyError("x"))

    assert run(["list", "--state", str(tmp_path)]) == 70
    err = capsys.readouterr().err
    assert "KeyError in awsroll/cli/" in err
    assert "No crash file was written (" in err


def test_a_crash_file_holds_no_value_of_an_option_or_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    monkeypatch.setenv("MY_TOKEN", "tick-tock")
    words = ["roll", "--command", "curl -u me:pass", "--profile=prod-admin", "--poll", "1", "-f", "web.yaml", "-1"]

    text = crash_text(ValueError("curl -u me:pass failed with hush-hush, tick-tock, prod-admin, web.yaml"), words)

    assert "command: awsroll roll --command *** --profile --poll *** -f *** ***\n" in text
    assert "ValueError: *** failed with ***, ***, ***, ***" in text


def test_an_error_of_a_thread_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    import threading

    error = KeyError("x")
    main.report_thread(threading.ExceptHookArgs((KeyError, error, None, None)))

    assert (
        capsys.readouterr().err == "awsroll: a part of awsroll failed unexpectedly, the command continues: KeyError\n"
    )


class Full:
    def write(self, _: str) -> int:
        raise OSError(28, os.strerror(28))

    def flush(self) -> None: ...


class Closed(Full):
    def write(self, _: str) -> int:
        raise BrokenPipeError(32, os.strerror(32))


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
@pytest.mark.parametrize(("stream", "code"), [(Full(), 2), (Closed(), 0)], ids=["full", "reader-gone"])
def test_a_result_that_cannot_be_written_is_no_success_unless_its_reader_has_gone(
    stream: Full,
    code: int,
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    LocalStore(tmp_path).save(record())
    with monkeypatch.context() as patch:
        patch.setattr(listing.Output.result.__globals__["sys"], "stdout", stream)
        ended = run(["list", "--state", str(tmp_path), *(["--json"] if as_json else [])])

    assert ended == code
    assert ("No space left on device" in capsys.readouterr().err) is (code == 2)


def test_a_command_that_acts_keeps_its_code_if_its_result_is_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    LocalStore(tmp_path).save(record())
    with monkeypatch.context() as patch:
        patch.setattr(listing.Output.result.__globals__["sys"], "stdout", Full())
        assert run(["pause", "web-1", "--state", str(tmp_path)]) == 0
    assert "the result is incomplete" in capsys.readouterr().err
