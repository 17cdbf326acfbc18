"""The streams of the program: full, closed, read in part, or unable to show a character. None of them exits with 1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import clean_environment
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.process

PROGRAM = f"{sys.executable} -m awsroll"
CASES = {
    "full": (f"{PROGRAM} schema > /dev/full", 2, "No space left on device"),
    "full-for-help": (f"{PROGRAM} --help > /dev/full", 2, "No space left on device"),
    "reader-gone": (f"{PROGRAM} schema | true; exit ${{PIPESTATUS[0]}}", 0, ""),
    "reader-of-help-gone": (f"{PROGRAM} --help | true; exit ${{PIPESTATUS[0]}}", 0, ""),
    "all-closed": (f"{PROGRAM} list <&- >&- 2>&-", 0, ""),
    "messages-closed": (f"{PROGRAM} list 2>&-", 0, ""),
    "messages-full": (f"{PROGRAM} list 2>/dev/full", 0, ""),
    "ascii": (f"PYTHONIOENCODING=ascii {PROGRAM} plan -f größer.yaml", 2, "gr\\xf6\\xdfer.yaml cannot be read"),
    "not-text": (f"{PROGRAM} plan --asg $'\\xff\\x1b[31m'", 2, "is not valid UTF-8"),
}


@pytest.mark.parametrize(("command", "code", "message"), CASES.values(), ids=CASES)
def test_a_stream_that_cannot_be_used_ends_in_a_clean_code(
    command: str, code: int, message: str, tmp_path: Path
) -> None:
    finished = subprocess.run(
        ["bash", "-c", command],
        env=clean_environment({"XDG_STATE_HOME": str(tmp_path), "PYTHONUTF8": "1", "LC_ALL": "C"}),
        cwd=os.fspath(Path(__file__).parents[2]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    err = finished.stderr.decode()
    assert finished.returncode == code, err
    assert message in err
    assert all(line.startswith("awsroll: ") for line in err.splitlines())
