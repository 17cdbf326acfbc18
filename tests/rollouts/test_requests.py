"""What a Python program asks for is right, or it is refused before anything is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awsroll.errors import SpecError
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=True, servers=2, zones=2)


def test_a_strategy_given_as_a_plain_string_is_that_strategy(rolling: Rolling) -> None:
    report = rolling.roll(strategy="double-half")

    assert report.succeeded
    assert report.strategy == "double-half"
    assert report.min_serving == 2


@pytest.mark.parametrize(
    "wrong",
    [{"strategy": "doublehalf"}, {"protected": "never"}, {"on_failure": 1}, {"poll": "soon"}, {"hooks": [{}]}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_value_is_refused_before_anything_is_written(rolling: Rolling, wrong: dict[str, Any]) -> None:
    before = rolling.sandbox.calls.copy()

    with pytest.raises(SpecError, match=next(iter(wrong)).replace("_", "-")):
        rolling.roll(**wrong)

    assert rolling.sandbox.calls == before
    assert rolling.store.list() == ()


def test_a_fleet_in_nine_target_groups_fits_the_tag_that_names_it(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        name = "a-name-of-twenty-eight-chars"
        rolling = enter(sandbox, clock, tmp_path, grouped=False, servers=2, target_groups=9, name=name)
        report = rolling.roll()
        assert report.succeeded, report.reason
        assert len(report.fleet) > 256
