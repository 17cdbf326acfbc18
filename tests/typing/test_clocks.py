"""No code branches on the class of a clock: `Clock.is_real_time` says what a clock can do."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "awsroll"


def test_no_isinstance_of_a_clock() -> None:
    calls = [
        f"{path.relative_to(PACKAGE)}: {ast.unparse(node)}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "isinstance"
        and "Clock" in ast.unparse(node.args[1])
    ]

    assert calls == []
