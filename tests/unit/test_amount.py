import pytest

from awsroll.core.model.amount import Amount
from awsroll.errors import SpecError


@pytest.mark.parametrize(
    ("text", "desired", "down", "up"),
    [
        pytest.param("2", 9, 2, 2, id="a-count-is-itself"),
        pytest.param(3, 9, 3, 3, id="a-number"),
        pytest.param("25%", 6, 1, 2, id="a-percentage-rounds-away-from-danger"),
        pytest.param("100%", 7, 7, 7, id="everything"),
        pytest.param("1%", 6, 0, 1, id="less-than-one"),
        pytest.param(" 50 % ", 4, 2, 2, id="spaces-are-harmless"),
    ],
)
def test_an_amount_resolves_against_the_desired_capacity(text: str | int, desired: int, down: int, up: int) -> None:
    amount = Amount.parse(text)

    assert amount.rounded_down(desired) == down
    assert amount.rounded_up(desired) == up


@pytest.mark.parametrize("text", ["", "-1", "1.5", "many", "%", "10 percent", "0x2"])
def test_refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(SpecError, match="is not an amount: pass a whole number"):
        Amount.parse(text)


def test_refuses_more_than_the_whole_fleet() -> None:
    with pytest.raises(SpecError, match="150% is more than the whole fleet"):
        Amount.parse("150%")


def test_reads_as_it_was_written() -> None:
    assert [str(Amount.parse(text)) for text in ("3", "30%")] == ["3", "30%"]


def test_a_cap_may_be_several_times_the_fleet() -> None:
    assert Amount.parse("250%", most_percent=1000).rounded_up(9) == 23
    with pytest.raises(SpecError, match="1001% is more than allowed: a percentage is from 0% to 1000%"):
        Amount.parse("1001%", most_percent=1000)
