"""Writes a test of pytest that makes the decisions of a recording again."""

from base64 import b64encode
from collections.abc import Sequence
from textwrap import wrap

from awsroll.recording.readable import clock_text, step_lines
from awsroll.recording.recording_bytes import packed
from awsroll.recording.replaying import Rerun
from awsroll.version import __version__

_WIDTH = 110
_TEMPLATE = '''"""The decisions of rollout {rollout_id}, written by `awsroll replay --pytest` of awsroll {version}.

Attach this file to a report of a bug. If step {number} ({clock}) should have decided something else, change DECISION.
The recording holds ids, names, tags and settings of the fleet, and no text of commands. Read it before you publish it.

{knew}
"""

from base64 import b64decode

from awsroll.recording.for_tests import decisions_of, recorded_steps, replayed

STEP = {number}
DECISION = (
{decision})
RECORDING = b64decode("""
{data}
""")


def test_each_step_is_decided_as_recorded() -> None:
    assert [each.number for each in replayed(recorded_steps(RECORDING)) if not each.is_same] == []


def test_step_{number}_decides_as_expected() -> None:
    assert decisions_of(recorded_steps(RECORDING)[STEP - 1]) == DECISION
'''


def pytest_file(rollout_id: str, lines: Sequence[str], shown: Rerun) -> str:
    """Return the text of a test.

    Args:
        rollout_id: the rollout.
        lines: the lines of the recording.
        shown: the step whose decision the test shows.
    """
    knew = (_in_docstring(line) for line in step_lines(shown))
    decision = (f"    {_literal(line)},\n" for line in shown.step.decision)
    return _TEMPLATE.format(
        rollout_id=_in_docstring(rollout_id),
        version=__version__,
        number=shown.number,
        clock=clock_text(shown.seconds),
        knew="\n".join(knew),
        decision="".join(decision),
        data="\n".join(wrap(b64encode(packed(lines)).decode(), _WIDTH)),
    )


def _in_docstring(line: str) -> str:
    """Return a line that ends no docstring and begins no escape: its text comes from outside."""
    return ascii(line)[1:-1].replace("\\'", "'").replace("\\", "\\\\").replace('"', "'")


def _literal(line: str) -> str:
    return ascii(line)
