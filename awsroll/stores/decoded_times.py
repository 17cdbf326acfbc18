"""Finds times without a time zone in a decoded value. Nothing writes such a time, and no time can be compared to it."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime


def has_local_times(value: object) -> bool:
    """Return whether a value of dataclasses, mappings and tuples holds a time without a time zone."""
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, datetime):
            if each.tzinfo is None:
                return True
        elif not isinstance(each, str | bytes | int | float | None):
            pending.extend(_parts(each))
    return False


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, tuple | list | set | frozenset):
        return value
    return [getattr(value, field.name) for field in fields(value)] if is_dataclass(value) else ()
