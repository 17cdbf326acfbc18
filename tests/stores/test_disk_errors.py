"""A disk that fails: the error says so, and no reader ever finds a half-written record."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from awsroll.errors import StateError
from awsroll.stores.backend import WriteConflictError
from awsroll.stores.directory_backend import DirectoryBackend

KEY = "rollouts/web-1/record.json"
OLD, NEW = b"old " * 5_000, b"new " * 7_000
WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota of this user is used up",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk reports an input/output error",
    errno.EMFILE: "this process has too many open files",
    errno.EACCES: "this user has no permission",
}
OPERATIONS: dict[str, tuple[Any, str]] = {
    "open": (os, "open"),
    "fsync": (os, "fsync"),
    "fchmod": (os, "fchmod"),
    "flock": (fcntl, "flock"),
    "mkstemp": (tempfile, "mkstemp"),
    "fdopen": (os, "fdopen"),
    "scandir": (os, "scandir"),
    "mkdir": (Path, "mkdir"),
    "chmod": (Path, "chmod"),
    "lstat": (os, "lstat"),
    "stat": (Path, "stat"),
    "iterdir": (Path, "iterdir"),
    "replace": (Path, "replace"),
    "unlink": (Path, "unlink"),
}


@contextmanager
def failing(name: str, *, call: int, code: int) -> Iterator[list[int]]:
    """Fail one call of a file operation; yield the number of calls made so far."""
    owner, attribute = OPERATIONS[name]
    real: Callable[..., Any] = getattr(owner, attribute)
    calls = [0]

    def operation(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, attribute, operation)
        yield calls


@contextmanager
def full_after(bytes_left: int) -> Iterator[None]:
    """Let a disk take this many bytes; the write that meets the end stores a part."""
    real, left = os.fdopen, [bytes_left]

    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file

        def __enter__(self) -> Self:
            self._file.__enter__()
            return self

        def __exit__(self, *error: object) -> None:
            self._file.__exit__(*error)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def write(self, data: bytes) -> int:
            self._file.write(data[: left[0]])
            self._file.flush()
            if len(data) > left[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return len(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdopen", lambda handle, mode: Full(real(handle, mode)))
        yield


def error_of(call: Callable[[], object]) -> StateError | None:
    try:
        call()
    except StateError as error:
        return error
    return None


def written_before(place: Path) -> tuple[DirectoryBackend, str]:
    backend = DirectoryBackend(place)
    return backend, backend.write(KEY, OLD, None)


def stored(place: Path) -> bytes:
    entry = DirectoryBackend(place).read(KEY)
    assert entry is not None
    return entry.data


@pytest.mark.parametrize("code", WORDS, ids=lambda code: errno.errorcode[code])
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_failed_file_operation_is_a_clear_error_and_leaves_a_whole_record(
    tmp_path: Path, name: str, code: int
) -> None:
    tried = 0
    for number in range(1, 100):
        place = tmp_path / str(number)
        backend, version = written_before(place)
        with failing(name, call=number, code=code) as calls:
            error = error_of(lambda backend=backend, version=version: backend.write(KEY, NEW, version))
        if error is not None:
            assert not isinstance(error, WriteConflictError)
            assert str(place) in str(error)
            assert f": {WORDS[code]}" in str(error)
            assert str(error).startswith("cannot read") or "awsroll resume" in str(error)
        assert stored(place) in (OLD, NEW)
        assert [path for path in place.rglob("*") if path.name.startswith(".partial")] == []
        if calls[0] < number:
            break
        tried += 1
    else:
        pytest.fail("the writes never came to an end")
    assert tried or name in ("scandir", "unlink", "chmod", "fchmod")


@pytest.mark.parametrize("code", WORDS, ids=lambda code: errno.errorcode[code])
@pytest.mark.parametrize("name", ["open", "fdopen", "lstat", "scandir"])
def test_a_read_that_fails_is_never_an_empty_answer(tmp_path: Path, name: str, code: int) -> None:
    backend, _ = written_before(tmp_path / "state")
    asked: dict[str, Callable[[], object]] = {
        "read": lambda: backend.read(KEY),
        "keys": lambda: backend.keys("rollouts/"),
    }
    answers = {question: ask() for question, ask in asked.items()}
    for question, ask in asked.items():
        for number in range(1, 20):
            with failing(name, call=number, code=code):
                answered: list[object] = []
                error = error_of(lambda ask=ask, answered=answered: answered.append(ask()))
            if error is None:
                denied = [("rollouts/web-1",)] if (name, code) == ("scandir", errno.EACCES) else []
                assert answered in ([answers[question]], denied), "a folder without permission stands for its files"
            else:
                assert WORDS[code] in str(error)
                assert "nothing was changed" in str(error)


@pytest.mark.parametrize("room", [0, 1, 4_096, len(NEW) - 1])
def test_a_disk_that_fills_during_a_write_keeps_the_last_record(tmp_path: Path, room: int) -> None:
    place = tmp_path / "state"
    backend, version = written_before(place)

    with full_after(room), pytest.raises(StateError, match=r"the disk is full\. The last saved record is complete"):
        backend.write(KEY, NEW, version)

    assert stored(place) == OLD
    assert backend.write(KEY, NEW, version)
    assert stored(place) == NEW


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path: Path) -> None:
    backend, version = written_before(tmp_path / "state")

    with failing("fsync", call=2, code=errno.EINVAL):
        backend.write(KEY, NEW, version)

    assert stored(tmp_path / "state") == NEW
