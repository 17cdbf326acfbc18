from dataclasses import dataclass

import pytest

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
