"""No module that reads or changes a fleet waits by itself: `awsroll.aws.retry` is the one place for asking again."""

import ast
from pathlib import Path

import awsroll

_FLEETS = Path(awsroll.__file__).parent / "fleets"


def test_no_module_of_the_fleets_sleeps() -> None:
    sleeps = [
        f"{path.name}:{node.lineno}"
        for path in sorted(_FLEETS.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "sleep"
    ]
    assert sleeps == []
