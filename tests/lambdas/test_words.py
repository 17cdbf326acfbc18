"""The words of handlers: no error of theirs speaks of flags of the command line, and causes are one sentence."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import awsroll
from awsroll.errors import FleetError
from handling import readable_cause
from named import NAMES, as_keys, handler_error

PACKAGE = Path(awsroll.__file__).parent
COMMAND_LINE = ("cli", "sandbox", "testing", "probe", "report")  # no handler writes a report to a file
FLAG = re.compile(r"(?<![\w-])--[a-z]")


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text in the code that handlers use and that names a flag, with its place."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] in COMMAND_LINE:
            continue
        tree = ast.parse(path.read_text())
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            text = _text(node) if id(node) not in inner else ""
            if FLAG.search(text):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", text  # type: ignore[attr-defined]


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return ""


def test_no_error_of_a_handler_speaks_of_flags() -> None:
    found = dict(texts())
    assert len(found) > 20, "the search finds the texts"
    spoken = {place: shown for place, text in found.items() if FLAG.search(_outside_commands(shown := as_keys(text)))}
    assert spoken == {}


def _outside_commands(message: str) -> str:
    return "".join(message.split("`")[::2])


@pytest.mark.parametrize(("kind", "name"), NAMES, ids=[kind.__name__ for kind, _ in NAMES])
def test_every_class_of_errors_becomes_an_error_in_the_words_of_events(kind: type, name: type) -> None:
    if kind is FleetError:
        assert str(handler_error(FleetError("pass --max-unavailable 1", "see `awsroll plan --asg web`"))) == (
            "pass max_unavailable 1; see `awsroll plan --asg web`"
        )
    assert issubclass(name, Exception)


def test_a_cause_of_lambda_is_its_message() -> None:
    cause = '{"errorMessage": "group web is gone", "errorType": "PreflightRefused", "stackTrace": ["File x"]}'
    assert readable_cause(cause) == "group web is gone"
    assert readable_cause("Lambda timed out") == "Lambda timed out"
    assert readable_cause('{"other": 1}') == '{"other": 1}'
