"""docs/interference.md: each row of its table names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_row_names_existing_tests() -> None:
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
