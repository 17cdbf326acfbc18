"""Every tag name is written once, in `core/tags.py`."""

import ast
from pathlib import Path

import pytest

from awsroll.core import tags

PACKAGE = Path(tags.__file__).parents[1]
NAMES = {name: value for name, value in vars(tags).items() if name.isupper()}
KEYS = tuple(value for name, value in NAMES.items() if name.endswith(("_TAG", "SETTING_PREFIX", "PORTS_PREFIX")))


def _literals(path: Path) -> set[str]:
    """Return the string literals of a file, without its docstrings."""
    tree = ast.parse(path.read_text())
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements
    }


# The sandbox plays AWS, which writes AWS's tags.
FOLDERS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py") if path.parent.name != "sandbox")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_tag_name_is_written_in_one_file(folder: str) -> None:
    files = [path for path in (PACKAGE / folder).rglob("*.py") if path != Path(tags.__file__)]
    again = {f"{path.relative_to(PACKAGE)}: {text}" for path in files for text in _literals(path) if _names_a_tag(text)}
    assert not again


def _names_a_tag(text: str) -> bool:
    return any(key in text for key in KEYS)


def test_no_two_tags_have_the_same_name() -> None:
    assert len(set(NAMES.values())) == len(NAMES)
