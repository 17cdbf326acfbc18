"""Inputs that are almost right: valid values with a few mistakes in types, keys, numbers, nesting and text."""

import json
import math
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings, strategies as st

from tests.support.search import LONG

INPUTS = 130
"""Inputs of one test in CI. Ten tests and more together try at least 1,000 of them, and ten times as many at night."""

fuzzed = settings(
    max_examples=10 * INPUTS if LONG else INPUTS,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)

_DEEP: Any = "x"
for _ in range(60):
    _DEEP = [_DEEP]

NUMBERS: list[Any] = [
    *(0, -1, 1, 2, -0.0, 0.5, 1.5, 2.0, 1e-9, 1e13, 1e300, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400),
    *(math.inf, -math.inf, math.nan, 2592000, 2592001, 999_999, 1_000_000),
]
TIMES: list[Any] = [
    *(
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "2026-01-01T00:00:00",
        "2026-13-45",
        "24:61",
        "2026-01-01",
    ),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00+00:00:30", 1767225600, 1e300),
]
TEXTS: list[Any] = [
    *("", " ", "0", "-5", "200%", "101%", "0%", "100%", "٣", "1e3", "721h", "10m", "90s", "2h", "1:30", "0x10", "nan"),
    *(
        "\x00",
        "web\n",
        "\x1b[31mred",
        "\u202egnp",
        "\u2028",
        "\ud800",
        "\udcff",
        "a" * 3000,
        "é" * 300,
        "🙂",
        "$Latest",
    ),
    *(
        "true",
        "null",
        "none",
        "~",
        "<<",
        "*a",
        "&a",
        "!!int",
        "{",
        "[",
        "]",
        "web:7",
        "double-half",
        "dubble",
        "reload",
    ),
    *(*TIMES[:5], "../../x"),
    *("arn:aws:iam::111122223333:role/x", "eu-west-1", "rollouts/web-1/record.json", "i-0123456789abcdef0"),
]
OTHERS: list[Any] = [None, True, False, [], {}, [[]], [None], {"a": 1}, {"": {}}, {"a" * 200: [1]}, _DEEP]
ODD = [*NUMBERS, *TEXTS, *OTHERS]


def mutated(value: Any, edits: int, seed: int) -> Any:
    """Return a copy of a value with some mistakes. The same seed makes the same mistakes."""
    random = Random(seed)  # noqa: S311 - no secret
    holder = {"": deepcopy(value)}
    for _ in range(edits):
        parent, key = _place(holder, random)
        random.choice(_EDITS)(parent, key, random)
    return holder.get("")


def broken_text(text: str, edits: int, seed: int) -> bytes:
    """Return the bytes of a text with some mistakes."""
    random = Random(seed)  # noqa: S311 - see above
    data = text.encode("utf-8", "surrogatepass")
    for _ in range(edits):
        data = random.choice(_CUTS)(data, random)
    return data


def seeds() -> st.SearchStrategy[int]:
    return st.integers(0, 2**48)


def mutations(valid: list[Any], *, most: int = 3) -> st.SearchStrategy[Any]:
    """Return valid values with up to `most` mistakes; now and then without any."""
    return st.builds(mutated, st.sampled_from(valid), st.integers(0, most), seeds())


def as_json(value: Any) -> str:
    return json.dumps(value, default=str, skipkeys=True)


def _place(holder: dict[Any, Any], random: Random) -> tuple[Any, Any]:
    """Return a random place in nested values: the container and the key or index."""
    parent, key = holder, ""
    while random.random() < (0.97 if parent is holder else 0.7):
        child = parent[key]
        if not isinstance(child, dict | list) or not child:
            break
        parent = child
        key = random.choice(list(child)) if isinstance(child, dict) else random.randrange(len(child))
    return parent, key


def _replace(parent: Any, key: Any, random: Random) -> None:
    parent[key] = deepcopy(random.choice(ODD))


def _remove(parent: Any, key: Any, random: Random) -> None:
    if key == "":
        parent[key] = deepcopy(random.choice(OTHERS))
    else:
        del parent[key]


def _rename(parent: Any, key: Any, random: Random) -> None:
    if isinstance(parent, dict) and isinstance(key, str) and key:
        other = random.choice([key.replace("_", "-"), key.replace("-", "_"), key[:-1], key.upper(), *TEXTS])
        parent[other] = parent.pop(key)


def _add(parent: Any, key: Any, random: Random) -> None:
    inner = parent[key]
    if isinstance(inner, dict):
        inner[random.choice([*TEXTS, *inner])] = deepcopy(random.choice(ODD))
    elif isinstance(inner, list):
        inner.append(deepcopy(random.choice([*ODD, *inner])))


def _wrap(parent: Any, key: Any, random: Random) -> None:
    parent[key] = random.choice([[parent[key]], {"a": parent[key]}, [parent[key]] * 3, str(parent[key])])


def _nudge(parent: Any, key: Any, random: Random) -> None:
    value = parent[key]
    if isinstance(value, bool):
        parent[key] = not value
    elif isinstance(value, int | float):
        half = value + 0.5 if abs(value) < 2**50 else value
        parent[key] = random.choice([-value, value * 10, half, 10**19, 2**63 - 1, f"{value}s", f"{value}%"])
    elif isinstance(value, str) and value[4:5] == "-" and value[10:11] == "T":
        parent[key] = random.choice(TIMES)
    elif isinstance(value, str):
        where = random.randrange(len(value) + 1)
        parent[key] = value[:where] + random.choice(TEXTS)[:5] + value[where + random.randrange(3) :]


_EDITS: list[Callable[[Any, Any, Random], None]] = [_replace, _replace, _remove, _rename, _add, _wrap, _nudge, _nudge]


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _insert(data: bytes, random: Random) -> bytes:
    where = random.randrange(len(data) + 1)
    some = random.choice(
        [random.randbytes(3), b"\xff", b"\x00", b'"', b"[" * 5000, b"{" * 5000, b"- " * 3000, b"\r\n", b"\t"]
    )
    return data[:where] + some + data[where:]


def _repeat_line(data: bytes, random: Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    where = random.randrange(len(lines))
    return b"".join([*lines[: where + 1], lines[where], *lines[where + 1 :]])


def _repeat_part(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start : start + random.randrange(60)] * 2 + data[start:]


def _flip(data: bytes, random: Random) -> bytes:
    if not data:
        return data
    where = random.randrange(len(data))
    return data[:where] + bytes([data[where] ^ (1 << random.randrange(8))]) + data[where + 1 :]


_CUTS: list[Callable[[bytes, Random], bytes]] = [_truncate, _insert, _repeat_line, _repeat_part, _flip]
