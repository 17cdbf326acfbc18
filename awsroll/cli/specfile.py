"""A rollout file: YAML, TOML or JSON to plain values under the names of `RolloutSpec`'s fields.

Keys may be written with dashes or underscores. Types and meaning are for `request` and `RolloutSpec`.
"""

from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from awsroll.core.spec import RolloutSpec
from awsroll.errors import SpecError

KNOWN = tuple(field.name for field in fields(RolloutSpec))


def read(path: Path) -> dict[str, Any]:
    """Read a rollout file by its suffix: `.toml`, `.json`, else YAML (which JSON is a part of).

    Raises:
        SpecError: if it cannot be read, is no mapping, or has keys that no option has.
    """
    try:
        values = _decode(path.suffix.lower(), path.read_bytes())
    except OSError as error:
        problem = f"the file {path} cannot be read: {error.strerror}"
        raise SpecError(problem) from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        problem = f"the file {path} cannot be read: {_one_line(error)}"
        raise SpecError(problem) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        problem = f"the file {path} must hold options and their values, such as `asg: web`"
        raise SpecError(problem)
    return _named(values, path)


def _decode(suffix: str, data: bytes) -> Any:
    if suffix == ".toml":
        return msgspec.toml.decode(data)
    if suffix == ".json":
        return msgspec.json.decode(data)
    return msgspec.yaml.decode(data)


def _named(values: dict[Any, Any], path: Path) -> dict[str, Any]:
    named: dict[str, Any] = {}
    problems = []
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name not in KNOWN:
            problems.append(f"the file {path} has an unknown key {key!r}{_near(name)}")
        elif name in named:
            problems.append(f"the file {path} gives {name.replace('_', '-')} twice, with dashes and with underscores")
        named[name] = value
    if problems:
        raise SpecError(*problems)
    return named


def _near(name: str) -> str:
    near = get_close_matches(name, KNOWN, n=1)
    return f": did you mean {near[0].replace('_', '-')}?" if near else "; `awsroll schema` lists those that there are"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
