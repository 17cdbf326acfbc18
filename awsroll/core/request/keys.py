"""Check the keys of a file, which are written with dashes or underscores."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from awsroll.errors import SpecError


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
    by_name: dict[str, Any] = {}
    problems = []
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name not in known:
            problems.append(f"{where} has an unknown key {key!r}{_near(name, known, listed_by)}")
        elif name in by_name:
            problems.append(f"{where} gives {name.replace('_', '-')} twice, with dashes and with underscores")
        by_name[name] = value
    if problems:
        raise SpecError(*problems)
    return by_name


def _near(name: str, known: Sequence[str], listed_by: str) -> str:
    near = get_close_matches(name, known, n=1)
    return f": did you mean {near[0].replace('_', '-')}?" if near else f"; `{listed_by}` lists the known keys"
