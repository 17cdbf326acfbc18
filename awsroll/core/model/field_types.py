"""The types of a request's fields: obvious forms are converted, other types are problems. Pure.

A Python program can pass any value. A plain string for an enum, one string for a list and a list for a tuple have one
meaning, so they are converted when the request is made. `type_problems` reports each other value before it is used.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import Enum, StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Protocol, Union, get_args, get_origin, get_type_hints


class Request(Protocol):
    """A frozen dataclass of plain values."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def convert_fields(request: Request, *, wraps_single_values: bool) -> None:
    """Convert the fields of a frozen dataclass to their types, where the meaning is certain; leave other values.

    Args:
        request: the dataclass, from its `__post_init__`.
        wraps_single_values: one value that is given for a list is a list of one: `alarm="errors"`.
    """
    for name, wanted in _types_of(type(request)).items():
        value = getattr(request, name)
        converted = _converted(value, wanted, wraps=wraps_single_values)
        if converted is not value:
            object.__setattr__(request, name, converted)


def type_problems(request: Request, name_of: Callable[[str], str]) -> list[str]:
    """Return the problems of values that have another type than their field, one line each.

    Args:
        request: the dataclass.
        name_of: returns the name of a field for people.
    """
    return [
        f"{name_of(name)}: pass {_described(wanted)}, not {value!r}"
        for name, wanted in _types_of(type(request)).items()
        if not _fits(value := getattr(request, name), wanted)
    ]


@cache
def _types_of(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _converted(value: Any, wanted: Any, *, wraps: bool) -> Any:
    if _is_enum(wanted):
        is_plain = isinstance(value, str) and not isinstance(value, Enum)
        return wanted(value) if is_plain and value in set(wanted) else value
    if _is_union(wanted):
        return _converted_to_any(value, get_args(wanted), wraps=wraps)
    if get_origin(wanted) is tuple:
        item = get_args(wanted)[0]
        if isinstance(value, list):
            return tuple(value)
        return (value,) if wraps and not isinstance(value, tuple) and _fits(value, item) else value
    if get_origin(wanted) is dict and isinstance(value, Mapping):
        return {key: _as_list(each) for key, each in value.items()}
    return value


def _converted_to_any(value: Any, choices: tuple[Any, ...], *, wraps: bool) -> Any:
    converted = (_converted(value, choice, wraps=wraps) for choice in choices)
    return next((each for each in converted if each is not value), value)


def _as_list(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, tuple) else value


def _fits(value: Any, wanted: Any) -> bool:
    if _is_union(wanted):
        return any(_fits(value, choice) for choice in get_args(wanted))
    origin = get_origin(wanted)
    if origin is dict:
        key, item = get_args(wanted)
        return isinstance(value, dict) and all(_fits(name, key) and _fits(each, item) for name, each in value.items())
    if origin in (tuple, list):
        return isinstance(value, origin) and all(_fits(each, get_args(wanted)[0]) for each in value)
    if wanted in (int, float):
        kinds = (int, float) if wanted is float else (int,)
        return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, wanted)


def _described(wanted: Any) -> str:
    """Return what to pass for a type, such as `a number`, or the values of an enum."""
    if _is_enum(wanted):
        return f"one of {', '.join(wanted)}"
    if _is_union(wanted):
        choices = [choice for choice in get_args(wanted) if choice is not NoneType]
        return " or ".join(_described(choice) for choice in choices)
    origin = get_origin(wanted)
    if origin is tuple:
        return f"a list with {_described(get_args(wanted)[0])} for each item"
    if origin is dict:
        return "a mapping of names to lists of strings"
    words = {str: "a string", int: "a whole number", float: "a number", bool: "True or False"}
    return words.get(wanted, f"a {getattr(wanted, '__name__', wanted)}")


def _is_enum(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, StrEnum)


def _is_union(wanted: Any) -> bool:
    return get_origin(wanted) in (Union, UnionType)
