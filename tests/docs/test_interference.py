"""The table of what others may do names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_outcome_is_proven_by_a_test_of_that_name() -> None:
    rows = [line for line in (ROOT / "docs" / "interference.md").read_text().splitlines() if line.startswith("| ")][1:]
    named = [re.findall(r"`(test_\w+)`", row.rsplit("|", 2)[1]) for row in rows]
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }

    assert len(rows) > 10
    assert all(named)
    assert {name for names in named for name in names} <= written
