"""Converts values to plain ones for JSON, without the fields that have their default: a record is mostly such fields.

Only the status of a rollout is written so. Its defaults mean "nothing has happened" and do not change between versions.
The request is written in full: a later version may have other defaults for options.
"""

from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any


def without_defaults(value: Any) -> Any:
    """Return a value with a mapping for each dataclass, which lacks the fields that equal their default."""
    kind: Any = type(value)
    if kind is str:
        return value
    if kind is tuple:
        return [without_defaults(each) for each in value]
    if kind is dict:
        return {key: without_defaults(each) for key, each in value.items()}
    if not is_dataclass(value):
        return value
    given = ((name, getattr(value, name), default) for name, default in _defaults(kind))
    return {name: without_defaults(each) for name, each, default in given if each != default}


@cache
def _defaults(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a dataclass with their defaults; `MISSING` equals no value."""
    return tuple(
        (field.name, field.default if field.default_factory is MISSING else field.default_factory())
        for field in fields(kind)
    )
