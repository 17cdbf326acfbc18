"""Values as documents: lists of lines of JSON, so that two versions of a value differ in few lines.

A field of a dataclass is one line. A field that holds a tuple or a mapping has one line for each entry. So a change of
one server changes one line. A value that was made from its document equals the original, with mappings in their order:
the planner may go through a mapping in its order, and a plan must be made again from exactly the same input.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

import msgspec

from awsroll.errors import SpecError
from awsroll.stores.value_bounds import bounds_problem

Document: TypeAlias = tuple[str, ...]
Value = TypeVar("Value")

_ENCODER = msgspec.json.Encoder()
_FIELD, _ENTRY, _PAIR = "=", "[", "{"
_KINDS = frozenset((_FIELD, _ENTRY, _PAIR))


class DocumentError(ValueError):
    """Raised when lines are not the document of a value."""


def document_of(value: Any) -> Document:
    """Return the document of a dataclass."""
    return tuple(_lines(value))


def _lines(value: Any) -> Iterator[str]:
    for field in fields(value):
        name, content = field.name, getattr(value, field.name)
        if content in ((), {}):
            yield f"{name}{_FIELD}{text(content)}"  # a field without a default must be there
        elif isinstance(content, tuple):
            yield from (f"{name}{_ENTRY}{text(each)}" for each in content)
        elif isinstance(content, dict):
            yield from (f"{name}{_PAIR}{text(key)}:{text(each)}" for key, each in content.items())
        else:
            yield f"{name}{_FIELD}{text(content)}"


def text(value: object) -> str:
    """Return a value as compact JSON."""
    return _ENCODER.encode(value).decode()


def value_of(document: Iterable[str], kind: type[Value]) -> Value:
    """Return the value of a document.

    Raises:
        DocumentError: if it is not a document of such a value.
    """
    whole = f"{{{','.join(_members(document))}}}"
    try:
        value = msgspec.json.decode(whole, type=kind)
    except (msgspec.MsgspecError, SpecError, ValueError, RecursionError) as error:
        raise DocumentError(str(error)) from error
    if problem := bounds_problem(whole.encode(), value):
        raise DocumentError(problem)
    return value


def _members(document: Iterable[str]) -> Iterator[str]:
    entries: dict[str, tuple[str, list[str]]] = {}
    for line in document:
        name, mark, content = _split(line)
        if mark == _FIELD:
            entries[name] = (mark, [content])
        elif entries.setdefault(name, (mark, []))[0] != mark:
            problem = f"the field {name} has two forms"
            raise DocumentError(problem)
        else:
            entries[name][1].append(content)
    for name, (mark, contents) in entries.items():
        yield f'"{name}":{_joined(mark, contents)}'


def _split(line: str) -> tuple[str, str, str]:
    at = next((at for at, letter in enumerate(line) if letter in _KINDS), 0)
    name = line[:at]
    if not name.isidentifier():
        problem = "a line has no field"
        raise DocumentError(problem)
    return name, line[at], line[at + 1 :]


def _joined(mark: str, contents: list[str]) -> str:
    if mark == _FIELD:
        return contents[0]
    joined = ",".join(contents)
    return f"[{joined}]" if mark == _ENTRY else f"{{{joined}}}"
