"""Copy a dataclass with other values, and keep the object itself where the values are the same.

Most steps of a rollout change nothing: seven of ten copies would equal their original. Keeping the object saves the
copy, and what was derived from it stays valid.
"""

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

__all__ = ["replace"]

if TYPE_CHECKING:  # type checkers know the fields of each class by this name
    from dataclasses import replace
else:

    def replace(original: Any, /, **values: Any) -> Any:
        """Return a copy of a frozen dataclass with these values, or the object itself if it has them already."""
        for name, value in values.items():
            kept = getattr(original, name)
            if kept is not value and kept != value:
                return _copy(original, values)
        return original


_Fields: TypeAlias = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]
_FIELDS: dict[type[Any], _Fields] = {}
"""Of each dataclass that was copied: the names of its fields, and a function that reads all of them at once."""


def _copy(original: Any, values: dict[str, Any]) -> Any:
    """Copy a dataclass whose fields are all arguments of its constructor, as `dataclasses.replace` does."""
    kind = type(original)
    names, read = _FIELDS.get(kind) or _fields_of(kind)
    return kind(**(dict(zip(names, read(original), strict=True)) | values))


def _fields_of(kind: type[Any]) -> _Fields:
    names = tuple(field.name for field in dataclasses.fields(kind))
    _FIELDS[kind] = names, attrgetter(*names) if len(names) > 1 else lambda one: (getattr(one, names[0]),)
    return _FIELDS[kind]
