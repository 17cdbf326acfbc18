"""Check the keys of a mapping that a person wrote, with dashes or underscores."""

from collections.abc import Mapping, Sequence
from typing import Any

from awsroll.core.model.value_errors import shown
from awsroll.errors import SpecError

_LONGEST_COMPARED = 60


def named(values: Mapping[Any, Any], known: Sequence[str], *, where: str, listed_by: str) -> dict[str, Any]:
    """Return values under their names in Python.

    Args:
        values: the values as written.
        known: the known names.
        where: the start of each error message, such as `the file web.yaml`.
        listed_by: the command that lists the known names.

    Raises:
        SpecError: if a key is unknown or is given in both spellings. It reports every such key.
    """
    names = {spelling: name for name in known for spelling in spellings(name)}
    by_name: dict[str, Any] = {}
    problems = []
    for key, value in values.items():
        name = names.get(key) if isinstance(key, str) else None
        if name is None:
            near = nearest(key, list(names))
            advice = f": did you mean {near}?" if near else f"; `{listed_by}` lists the known keys"
            problems.append(f"{where} has an unknown key {shown(key)}{advice}")
        elif name in by_name:
            problems.append(f"{where} gives {dashed(name)} twice, with dashes and with underscores")
        else:
            by_name[name] = value
    if problems:
        raise SpecError(*problems)
    return by_name


def dashed(name: str) -> str:
    """Return the name of a field as an option or a key: `launch-template`."""
    return name.replace("_", "-")


def spellings(name: str) -> tuple[str, ...]:
    """Return the ways in which a key may be written: with dashes, and with underscores."""
    return tuple(dict.fromkeys((dashed(name), name)))


def nearest(word: object, known: Sequence[str], *, likeness: float = 0.6) -> str:
    """Return the known word that is most like a word; empty if none is at least that alike (1: the same)."""
    if not isinstance(word, str) or len(word) > _LONGEST_COMPARED:
        return ""
    from difflib import get_close_matches  # noqa: PLC0415 - slow to import, and only for a wrong word

    found = get_close_matches(word, known, n=1, cutoff=likeness)
    return found[0] if found else ""
