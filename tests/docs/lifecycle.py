"""Draws the life of a server into docs/architecture.md, from the table of moves.

`python -m tests.docs.lifecycle` writes the diagram; a test fails while the page shows another one.
"""

from pathlib import Path

from awsroll.core.lifecycle import MOVES
from awsroll.core.model.phases import ServerPhase

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
BEGIN, END = "<!-- lifecycle -->", "<!-- /lifecycle -->"


def diagram() -> str:
    """Return the table of moves as a Mermaid state diagram. The phase `none` is drawn as its start and end."""
    lines = ["```mermaid", "stateDiagram-v2"]
    for before in ServerPhase:
        lines += [f"    {_name(before)} --> {_name(after)}" for after in ServerPhase if after in MOVES[before]]
    return "\n".join([*lines, "```"])


def _name(phase: ServerPhase) -> str:
    return "[*]" if phase is ServerPhase.NONE else phase.value


def drawn(page: str) -> str:
    """Return the page with the diagram between its two comments."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{diagram()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
