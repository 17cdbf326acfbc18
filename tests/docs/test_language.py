"""The project's texts use plain English: no banned word, and docstrings that begin with a verb."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKED = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "awsroll", "lambda", "cdk", "tests")
SUFFIXES = {".py", ".md"}

# Words that make a reader read twice. A phrase may be broken over two lines, or be a part of a name.
BANNED = (
    "nobody",
    "whoever",
    "so many",
    "no more(?! than)",
    "any more(?! than)",
    "wish(?:e[sd])?",
    "heed(?:s|ed|ing)?",
    "mend(?:s|ed|ing)?",
    "for good",
    "at the least",
    "what came of",
    "in vain",
    "told",
    "a moment ago",
    "let go of",
    "lies beside",
    "anew",
    "thereof",
)
# Places that must hold a banned word, and why. The key is "path: word".
QUOTED = {
    "tests/docs/test_language.py: *": "this list of the words",
    "CHANGELOG.md: wishes": "the old public name, which users search for",
}

_GAP = r"\s+(?:#:?\s*)?"
_WORDS = re.compile(rf"(?<![a-z])(?:{'|'.join(BANNED)})(?![a-z])".replace(" ", _GAP), re.IGNORECASE)


def _files() -> Iterator[Path]:
    for name in CHECKED:
        path = ROOT / name
        yield from sorted(path.rglob("*")) if path.is_dir() else (path,)


def _texts() -> Iterator[tuple[str, str]]:
    """Return the path and text of each checked file."""
    for path in _files():
        name = path.relative_to(ROOT).as_posix()
        is_text = path.suffix in SUFFIXES and path.is_file()
        if is_text:
            yield name, path.read_text()


def _uses(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Return the lines and words of a text's banned words, without the quoted ones."""
    for match in _WORDS.finditer(text):
        word = " ".join(match[0].replace("#", " ").split()).lower()
        if f"{name}: {word}" not in QUOTED and f"{name}: *" not in QUOTED:
            yield text.count("\n", 0, match.start()) + 1, word


def test_no_text_uses_a_banned_word() -> None:
    uses = [f"{name}:{line}: {word!r}" for name, text in _texts() for line, word in _uses(name, text)]

    assert uses == [], "reword these, or give a reason in QUOTED:\n" + "\n".join(uses)


def test_each_exception_is_still_needed() -> None:
    unused = [key for key in QUOTED if not _WORDS.search((ROOT / key.split(": ")[0]).read_text())]

    assert unused == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It is no\n    # more there.", ["no more"]),
        ("def heed_wishes(): ...", ["heed", "wishes"]),
        ("We recommend no more than two; amend it.", []),
    ],
    ids=["broken-over-two-comment-lines", "a-part-of-a-name", "harmless-neighbours"],
)
def test_banned_words_are_recognised(text: str, words: list[str]) -> None:
    assert [word for _, word in _uses("a.py", text)] == words


# ruff's D401 finds verbs in another form ("Returns"); these are words that are no verb at all.
_NO_VERBS = "A All An Any Each Every How If No One That The This True What When Where Whether Which Who Why"
NO_VERBS = frozenset(_NO_VERBS.split(" "))
_PROPERTIES = {"property", "cached_property", "setter"}


def _public_functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Return the public functions and methods that have a docstring; a property reads as a noun."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or ast.get_docstring(node) is None:
            continue
        names = {getattr(name, "attr", getattr(name, "id", "")) for name in node.decorator_list}
        if not names & _PROPERTIES:
            yield node


def test_each_public_docstring_begins_with_a_verb() -> None:
    others = [
        f"{name}:{node.lineno}: {first}"
        for name, text in _texts()
        if name.startswith("awsroll/")
        for node in _public_functions(ast.parse(text))
        if (first := str(ast.get_docstring(node)).split()[0].rstrip(".,:;")) in NO_VERBS or not first.istitle()
    ]

    assert others == [], "begin with a verb (Return, Raise, Check): " + ", ".join(others)
