"""The bounds of times and numbers in stored values, so that sums of them cannot overflow.

A value with a valid checksum can still hold a time without a zone, a time of the year 9999 or a number with 30 digits.
The text is searched first: walking through a large record takes longer than decoding it.
"""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from awsroll.core.model.value_errors import shown

_YEARS = range(2000, 2300)
_BOUNDED_ELSEWHERE = "expires_at"  # `leases` ends a lease that is longer than any lease can be
_MOST = 10**13
_SUSPICIOUS = re.compile(
    rb'"\d{4}-\d\d-\d\d[T ][\d:.]+"'  # a time without a zone
    rb'|"(?!2[012]\d\d-)\d{4}-\d\d-\d\d[T ]'  # a year far from now
    rb"|[:,\[]-?(?:\d{13,}|[\d.]+[eE])"  # a large number
)


def bounds_problem(body: bytes, content: object) -> str:
    """Return why a decoded value cannot be used; empty if all its times and numbers are in their bounds.

    Args:
        body: the compact JSON of the value.
        content: the value.
    """
    if _SUSPICIOUS.search(body) is None:
        return ""
    return next(filter(None, map(_problem, _leaves(content))), "")


def _leaves(value: Any) -> Iterator[Any]:
    if is_dataclass(value):
        for field in fields(value):
            if field.name != _BOUNDED_ELSEWHERE or getattr(value, field.name).tzinfo is None:
                yield from _leaves(getattr(value, field.name))
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(key)
            yield from _leaves(each)
    elif isinstance(value, tuple | list | frozenset | set):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _problem(value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return f"the time {value.isoformat()} has no time zone"
        return "" if value.year in _YEARS else f"the time {value.isoformat()} is out of bounds"
    if isinstance(value, int | float) and not abs(value) <= _MOST:
        return f"the number {shown(value)} is out of bounds"
    return ""
