"""The end of a command after an unexpected error: a message, a crash file, and exit code 70.

An unexpected error is a defect of awsroll. The code is never 1, because 1 means that a rollout was rolled back.
"""

import traceback
from collections.abc import Sequence
from pathlib import Path

from awsroll.cli.exit_codes import Exit
from awsroll.cli.output import json_event, write_messages
from awsroll.cli.process_state import ProcessState

READ_ONLY = frozenset(
    {"completion", "doctor", "explain", "init", "list", "plan", "policy", "report", "schema", "status", "watch"}
)
_HERE = Path(__file__).parents[1]


def end_unexpectedly(error: BaseException, arguments: Sequence[str], state: ProcessState, *, as_json: bool) -> Exit:
    """Say that the command failed, what that means for the fleet, and where the details are; return the exit code."""
    reason = f"awsroll failed unexpectedly; {_meaning(arguments, state)}"
    path, details = _crash_file(error, arguments)
    write_messages(reason, details)
    if as_json:
        json_event(
            "failed", rollout_id=next(iter(state.rollouts), ""), reason=reason, error=place(error), crash_file=path
        )
    return Exit.FAILED


def _meaning(arguments: Sequence[str], state: ProcessState) -> str:
    if arguments and arguments[0] in READ_ONLY:
        return "this command changes nothing"
    if not state.rollouts:
        return "no rollout was started"
    commands = " and ".join(f"`awsroll status {name}` and `awsroll resume {name}`" for name in state.rollouts)
    return f"the fleet may be mixed; {commands}"


def _crash_file(error: BaseException, arguments: Sequence[str]) -> tuple[str, str]:
    """Write the crash file; return its path (empty if it cannot be written), and the line about it."""
    try:
        from awsroll.cli.crash_file import write_crash_file  # noqa: PLC0415 - only a defect needs it

        path = write_crash_file(error, arguments)
    except Exception as failure:  # noqa: BLE001 - nothing may hide the first error
        return "", f"{place(error)}. No crash file was written ({type(failure).__name__}: {failure})"
    return str(path), f"{place(error)}. Attach the crash file to a bug report: {path}"


def place(error: BaseException) -> str:
    """Return the kind of an error and the last line of awsroll that it passed."""
    kind = type(error).__name__
    try:
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(_HERE)
        ]
    except Exception:  # noqa: BLE001 - see above
        return kind
    if not frames:
        return kind
    return f"{kind} in awsroll/{Path(frames[-1].filename).relative_to(_HERE)}, line {frames[-1].lineno}"
