"""Decodes YAML to plain values: the safe types only, without tags, with each key once, and not deeply nested.

Plain text is a number only if it is written in decimal, and never a date: `1:30`, `010` and `2024-05-01` are strings.
PyYAML would read 90, 8 and a date. Booleans are those of YAML 1.1, such as `yes` and `off`.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from awsroll.files.file_checks import check_depth, note_key, too_deep

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_VALUES = 200_000  # also those that aliases repeat


class _PlainLoader(_Loader):  # type: ignore[misc]  # the class depends on the installed PyYAML
    """PyYAML's safe loader with other rules for plain text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute


for _tag, _form, _first in (
    ("bool", r"(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)", "yYnNtTfFoO"),
    ("null", r"(?:~|null|Null|NULL|)", "~nN\0"),
    ("merge", r"(?:<<)", "<"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    ("float", r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))", "-+."),
):
    _PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^{_form}$(?!\n)"), ["" if each == "\0" else each for each in _first]
    )


def decode_yaml(text: str) -> Any:
    """Return the plain values in YAML.

    Raises:
        ValueError: if the text is not YAML, has a tag, is nested too deeply, or gives a key twice.
    """
    try:
        _check(text)
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise too_deep() from error


def _check(text: str) -> None:
    """Check the events of a text, before values are built from them.

    Raises:
        ValueError: see `decode_yaml`.
    """
    open_values: list[_Open] = [_Open()]
    sizes: dict[str, int] = {}
    events: Iterator[Any] = yaml.parse(text, Loader=_Loader)
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.NodeEvent):
            open_values[-1].note(event, line)
            size = 1 if not isinstance(event, yaml.AliasEvent) else sizes.get(event.anchor or "", _MOST_VALUES)
            open_values[-1].size += size
        if isinstance(event, yaml.ScalarEvent):
            _check_tag(event, line)
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            _check_tag(event, line)
            check_depth(len(open_values))
            open_values.append(_Open(is_mapping=isinstance(event, yaml.MappingStartEvent), anchor=event.anchor or ""))
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = open_values.pop()
            open_values[-1].size += closed.size
            sizes[closed.anchor] = closed.size
        if open_values[-1].size > _MOST_VALUES:
            problem = f"line {line}: it has more than {_MOST_VALUES} values, or an alias of itself"
            raise ValueError(problem)


def _check_tag(event: Any, line: int) -> None:
    if event.tag is not None:
        problem = f"line {line} has the tag {event.tag!r}: remove it, and put text in quotes"
        raise ValueError(problem)


class _Open:
    """A mapping or a list that is being read, and the number of values in it."""

    def __init__(self, *, is_mapping: bool = False, anchor: str = "") -> None:
        self.anchor = anchor
        self.size = 0
        self._is_mapping = is_mapping
        self._is_key = True
        self._keys: dict[str, int] = {}

    def note(self, event: Any, line: int) -> None:
        """Take the next value in it, which in a mapping is a key or a value in turn."""
        if self._is_mapping and self._is_key and isinstance(event, yaml.ScalarEvent):
            note_key(self._keys, event.value, line)
        self._is_key = not self._is_key
