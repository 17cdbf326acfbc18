"""Laws of the capacity arithmetic: they hold for every amount and every fleet size."""

from hypothesis import given, strategies as st

from awsroll.core.classify.capacity import bounds
from awsroll.core.model.amount import Amount
from tests.support.builders import rollout, standalone

amounts = st.one_of(
    st.integers(0, 60).map(lambda value: Amount(value=value)),
    st.integers(0, 100).map(lambda value: Amount(value=value, is_percentage=True)),
)
sizes = st.integers(0, 2000)
FLEET = standalone(outdated=1)


def resolved(unavailable: Amount, surge: Amount, desired: int):
    return bounds(rollout(FLEET, max_unavailable=unavailable, max_surge=surge), desired)


@given(amounts, amounts, sizes)
def test_floor_and_ceiling_enclose_desired(unavailable: Amount, surge: Amount, desired: int) -> None:
    limits = resolved(unavailable, surge, desired)
    assert 0 <= limits.floor <= desired <= limits.ceiling


@given(amounts, amounts, st.integers(1, 2000))
def test_something_may_always_move(unavailable: Amount, surge: Amount, desired: int) -> None:
    assert resolved(unavailable, surge, desired).window >= 1


@given(st.integers(1, 60), sizes)
def test_a_count_means_itself_whatever_the_size(count: int, desired: int) -> None:
    limits = resolved(Amount(value=0), Amount(value=count), desired)
    assert (limits.max_unavailable, limits.max_surge) == (0, count)


@given(st.integers(0, 100), sizes)
def test_what_may_be_missing_rounds_down_and_what_may_be_added_rounds_up(percentage: int, desired: int) -> None:
    amount = Amount(value=percentage, is_percentage=True)
    assert amount.rounded_down(desired) * 100 <= percentage * desired <= amount.rounded_up(desired) * 100
    assert amount.rounded_up(desired) - amount.rounded_down(desired) <= 1


@given(amounts, amounts, st.integers(0, 1999))
def test_a_larger_fleet_never_asks_for_fewer_to_serve_in_percentages(
    unavailable: Amount, surge: Amount, n: int
) -> None:
    smaller, larger = resolved(unavailable, surge, n), resolved(unavailable, surge, n + 1)
    assert larger.floor >= smaller.floor
    assert larger.ceiling >= smaller.ceiling


@given(amounts)
def test_an_amount_reads_back_what_it_prints(amount: Amount) -> None:
    assert Amount.parse(str(amount)) == amount
