"""Recordings in files: appended while a rollout runs, and read again."""

import os
from collections.abc import Sequence
from pathlib import Path

from awsroll.errors import SpecError
from awsroll.recording.documents import DocumentError
from awsroll.recording.recorded_step import RecordedStep
from awsroll.recording.recording_bytes import packed, unpacked
from awsroll.recording.step_lines import read_steps
from awsroll.stores.atomic_files import LONGEST_FILE, write_whole

_MODE = 0o600
_ADVICE = "A recording is made with `awsroll roll --record FILE` or `awsroll replay ROLLOUT --out FILE`"


def check_recording_file(path: Path) -> None:
    """Check that a recording can be written to a file; create it for this user alone.

    Raises:
        SpecError: if it cannot; nothing else was changed.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE))
    except OSError as error:
        problem = f"the recording cannot be written to {path}: {error.strerror}. Choose another --record"
        raise SpecError(problem) from error


def append_lines(path: Path, lines: Sequence[str]) -> int:
    """Append lines to a recording; return the number of bytes that were written.

    Raises:
        OSError: if they cannot be written.
    """
    data = packed(lines)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE), "ab") as file:
        file.write(data)
    return len(data)


def save_recording(path: Path, lines: Sequence[str]) -> None:
    """Write a recording; replace an existing file.

    Raises:
        SpecError: if the file cannot be written.
    """
    try:
        write_whole(path, packed(lines))
    except OSError as error:
        problem = f"the recording cannot be written to {path}: {error.strerror}. Choose another --out"
        raise SpecError(problem) from error


def load_lines(path: Path) -> tuple[str, ...]:
    """Return the lines of a recording.

    Raises:
        SpecError: if the file cannot be read, or is not compressed as a recording is.
    """
    try:
        with path.open("rb") as file:  # also a pipe; a device may never end
            data = file.read(LONGEST_FILE + 1)
    except OSError as error:
        problem = f"the recording {path} cannot be read: {error.strerror}. {_ADVICE}"
        raise SpecError(problem) from error
    if len(data) > LONGEST_FILE:
        problem = f"{path} is not a recording: it has more than {LONGEST_FILE} bytes. {_ADVICE}"
        raise SpecError(problem)
    try:
        return unpacked(data)
    except DocumentError as error:
        problem = f"{path} is not a recording: {error}. {_ADVICE}"
        raise SpecError(problem) from error


def load_steps(lines: Sequence[str], *, of: str) -> tuple[RecordedStep, ...]:
    """Return the steps of the lines of a recording.

    Args:
        lines: the lines.
        of: the file or the rollout, for messages.

    Raises:
        SpecError: if they are not the lines of a recording.
    """
    try:
        return tuple(read_steps(lines))
    except DocumentError as error:
        problem = f"the recording of {of} cannot be used: {error}. {_ADVICE}"
        raise SpecError(problem) from error
