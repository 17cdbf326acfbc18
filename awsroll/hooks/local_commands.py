"""A hook that is a command: a program started without a shell, and ended with all its children at its timeout.

The program receives the event as JSON on standard input and as `AWSROLL_*` variables, in the environment of awsroll.
If it fails, the end of its output becomes part of the failure.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict

import msgspec

from awsroll.core.model.hook_calls import HookEvent, HookRun

_OUTPUT_CHARACTERS = 300
_GRACE_SECONDS = 1.0  # between SIGTERM and SIGKILL


class HookFailedError(Exception):
    """Raised when a hook has failed; the message gives the cause in one line."""


class LocalCommand:
    """One run of a command.

    Args:
        run: the command and the event.
    """

    def __init__(self, run: HookRun) -> None:
        self._run = run
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._is_ended = False

    def __call__(self) -> bytes:
        """Run the command until it ends, and return its output.

        Raises:
            HookFailedError: if the command cannot be started, fails, or takes longer than its timeout.
        """
        seconds = self._run.hook.timeout_seconds
        process = self._start()
        try:
            output, _ = process.communicate(as_json(self._run.event), timeout=seconds)
        except subprocess.TimeoutExpired:
            self.end()
            problem = f"not finished within {seconds:g} s{_tail(_remaining_output(process))}"
            raise HookFailedError(problem) from None
        if process.returncode != 0:
            problem = f"{_how_it_ended(process.returncode)}{_tail(output)}"
            raise HookFailedError(problem)
        return output

    def end(self) -> None:
        """End the command and its children: SIGTERM, and SIGKILL a second later."""
        with self._lock:
            self._is_ended = True
            process = self._process
        if process is None or process.poll() is not None:
            return
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        _signal(process, signal.SIGKILL)

    def _start(self) -> "subprocess.Popen[bytes]":
        command = self._run.hook.command
        with self._lock:
            if self._is_ended:
                problem = "ended before it started"
                raise HookFailedError(problem)
            try:
                self._process = subprocess.Popen(  # noqa: S603  (the user's own command)
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **variables(self._run.event)},
                    start_new_session=True,  # so that its children can be ended with it
                )
            except OSError as error:
                problem = f"{command[0]} cannot be started: {error.strerror}"
                raise HookFailedError(problem) from error
            return self._process


def as_json(event: HookEvent) -> bytes:
    """Return the event as JSON, for commands and functions."""
    return msgspec.json.encode(asdict(event))


def variables(event: HookEvent) -> Mapping[str, str]:
    """Return the event as environment variables: `AWSROLL_POINT`, `AWSROLL_INSTANCE_IDS`, and so on."""
    values = {f"AWSROLL_{name.upper()}": value for name, value in asdict(event).items()}
    words = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}
    return {name: " ".join(map(str, each)) for name, each in words.items()}


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _remaining_output(process: "subprocess.Popen[bytes]") -> bytes:
    """Return the output so far: a child that left the session may still hold the pipe."""
    try:
        return process.communicate(timeout=_GRACE_SECONDS)[0]
    except subprocess.TimeoutExpired as error:
        return error.output or b""


def _how_it_ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"ended by signal {-code}"


def _tail(output: bytes | None) -> str:
    text = " ".join((output or b"").decode(errors="replace").split())
    return f": {text[-_OUTPUT_CHARACTERS:]}" if text else ""
