import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from awsroll.core.model import replacing
from awsroll.core.model.replacing import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    first: int = 0
    rest: tuple[int, ...] = ()


def test_an_object_with_these_values_is_kept() -> None:
    pair = Pair(first=1, rest=(2, 3))
    assert replace(pair, first=1, rest=(*pair.rest,)) is pair


def test_another_value_makes_a_copy() -> None:
    pair = Pair(first=1)
    assert replace(pair, first=1, rest=(2,)) == Pair(first=1, rest=(2,))
    assert pair == Pair(first=1)


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(AttributeError):
        replace(Pair(), second=1)  # type: ignore[call-arg]


def test_the_core_copies_its_records_by_this_function_alone() -> None:
    core = Path(replacing.__file__).parents[1]
    others = [file for file in core.rglob("*.py") if file.name != "replacing.py"]
    assert [file.name for file in others if re.search(r"from dataclasses import.*\breplace\b", file.read_text())] == []
