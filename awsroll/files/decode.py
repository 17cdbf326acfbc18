"""Decodes YAML, TOML and JSON to plain values. A key that is given twice is refused with its line.

Nothing in a file can make the decoder run code, recurse without end, or build values that are much larger than the
file.
"""

import json
import re
from enum import StrEnum
from typing import Any

from awsroll.files.file_checks import DEEPEST, check_depth, note_key, too_deep

_DOTTED_KEY = re.compile(rf"""(?:(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*\.[ \t]*){{{DEEPEST}}}""")
"""A key of TOML with too many parts. tomllib takes a time that grows with the square of their number."""
_JSON_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]|\n', re.DOTALL)


class Syntax(StrEnum):
    """The syntax of a file."""

    YAML = "YAML"
    TOML = "TOML"
    JSON = "JSON"


SYNTAXES = {".toml": Syntax.TOML, ".json": Syntax.JSON}
"""The syntax by the suffix of a file's name. Every other file is YAML."""


def decode(data: bytes, syntax: Syntax) -> Any:
    """Return the plain values in a text.

    Raises:
        ValueError: if the text does not have this syntax, is nested too deeply, or gives a key twice.
    """
    text = data.decode("utf-8-sig")
    if syntax is Syntax.YAML:
        from awsroll.files.decode_yaml import decode_yaml  # noqa: PLC0415 - PyYAML is slow to import

        return decode_yaml(text)
    if syntax is Syntax.JSON:
        return decode_json(text)
    import tomllib  # noqa: PLC0415 - see above

    if _DOTTED_KEY.search(text):
        raise too_deep()
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise too_deep() from error


def decode_json(text: str) -> Any:
    """Return the plain values in JSON.

    Raises:
        ValueError: if the text is not JSON, is nested too deeply, or gives a key twice.
    """
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise too_deep() from error
    check_json_keys(text)
    return values


def check_json_keys(text: str) -> None:
    """Check that no object of a JSON text gives a key twice. The text must be valid JSON.

    Raises:
        ValueError: with the key and its line; also if the text is nested too deeply.
    """
    line = 1
    objects: list[dict[str, int] | None] = []
    last = ""
    for match in _JSON_PARTS.finditer(text):
        part = match[0]
        if part == "\n":
            line += 1
        elif part in "{[":
            objects.append({} if part == "{" else None)
            check_depth(len(objects))
        elif part in "}]":
            objects.pop()
        elif part == ":":
            keys = objects[-1]
            if keys is not None:
                note_key(keys, json.loads(last), line)
        last = part


def one_line(error: Exception) -> str:
    """Return the message of an error in one printable line."""
    text = " ".join(str(error).split())
    return "".join(character if character.isprintable() else "?" for character in text)


def _refuse_constant(name: str) -> None:
    problem = f"{name} is not a number in JSON"
    raise ValueError(problem)
