"""Keys as people write them in a file: with dashes or underscores, each once, and none that nothing has."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from awsroll.errors import SpecError


def named(values: Mapping[Any, Any], known: Sequence[str], *, where: str, listed_by: str) -> dict[str, Any]:
    """Return the values under their names in Python.

    Args:
        values: as they were written.
        known: the names that there are.
        where: begins each complaint: `the file web.yaml`.
        listed_by: the command that lists the names.

    Raises:
        SpecError: if a key is unknown, or given in both spellings; all of them.
    """
    found: dict[str, Any] = {}
    problems = []
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name not in known:
            problems.append(f"{where} has an unknown key {key!r}{_near(name, known, listed_by)}")
        elif name in found:
            problems.append(f"{where} gives {name.replace('_', '-')} twice, with dashes and with underscores")
        found[name] = value
    if problems:
        raise SpecError(*problems)
    return found


def _near(name: str, known: Sequence[str], listed_by: str) -> str:
    near = get_close_matches(name, known, n=1)
    return f": did you mean {near[0].replace('_', '-')}?" if near else f"; `{listed_by}` lists those that there are"
