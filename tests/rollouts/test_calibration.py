"""The ranges of a plan hold true durations and numbers of calls. `tests.rollouts.calibration` measures more fleets."""

from tests.rollouts.calibration import cases, measure, share_of_calls, shares


def test_the_range_of_a_plan_holds_most_true_durations_and_numbers_of_calls() -> None:
    measured = [measure(case) for case in cases()[::5]]

    unknown, known = shares(measured)
    assert unknown >= 0.8, list(map(str, measured))
    assert known >= 0.8, list(map(str, measured))
    assert share_of_calls(measured) >= 0.8, list(map(str, measured))
    for each in (each for pair in measured for each in pair):
        assert each.report.succeeded
        assert each.plan.api_calls is not None
        assert 1 / 3 < each.plan.api_calls.total / each.report.api_calls.total < 3, str(each)
