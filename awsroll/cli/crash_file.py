"""The crash file: what a bug report needs about an unexpected error, without secrets.

It has the names of the options but not their values, and the traceback without the values of variables.
"""

import os
import platform
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from awsroll.stores.local_store import default_directory
from awsroll.version import __version__

FOLDER = "crashes"
_HIDDEN = "***"
_SECRET_WORDS = ("SECRET", "TOKEN", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL")
_SHORTEST_HIDDEN = 4  # hiding each `1` would leave no traceback to read
_LIBRARIES = ("boto3", "botocore", "click", "msgspec", "rich", "structlog")


def write_crash_file(error: BaseException, arguments: Sequence[str]) -> Path:
    """Write the file for this user alone; return its path.

    Raises:
        OSError: if it cannot be written.
    """
    folder = default_directory() / FOLDER
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{os.getpid()}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(crash_text(error, arguments))
    return path


def crash_text(error: BaseException, arguments: Sequence[str]) -> str:
    """Return the content of the file."""
    lines = [
        f"awsroll {__version__}",
        f"time: {datetime.now(UTC).isoformat(timespec='seconds')}",
        f"python: {platform.python_version()} ({platform.python_implementation()}) on {platform.platform()}",
        f"libraries: {', '.join(_library(name) for name in _LIBRARIES)}",
        f"command: awsroll {' '.join(_without_values(arguments))}",
        "",
        "Read this file before you attach it to a bug report: error messages may name your resources.",
        "",
        *traceback.format_exception(error),
    ]
    return _without_secrets("\n".join(line.rstrip("\n") for line in lines) + "\n", arguments)


def _library(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"{name} unknown"


def _without_values(arguments: Sequence[str]) -> list[str]:
    """Return the command and the names of its options. Whatever else is given is a value."""
    command, names = [], [_HIDDEN if _is_value(each) else each.partition("=")[0] for each in arguments[1:]]
    if arguments:
        command = [arguments[0] if arguments[0].isidentifier() else _HIDDEN]
    return command + names


def _is_value(argument: str) -> bool:
    return not argument.startswith("-") or argument.lstrip("-")[:1].isdigit()


def _without_secrets(text: str, arguments: Sequence[str]) -> str:
    given = [each.partition("=")[2] if each.startswith("--") else each for each in arguments[1:]]
    named = [value for name, value in os.environ.items() if any(word in name.upper() for word in _SECRET_WORDS)]
    values = {value for value in (*given, *named) if len(value) >= _SHORTEST_HIDDEN and not value.startswith("-")}
    own = {sys.prefix, sys.executable}
    for value in sorted(values - own, key=len, reverse=True):
        text = text.replace(value, _HIDDEN)
    return text
