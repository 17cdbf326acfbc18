"""A plan says when the rollout may go on, and whether it ends before the windows close."""

from datetime import timedelta

import pytest

from awsroll.core.model.observation import Observation
from awsroll.core.model.period import Schedule
from awsroll.report.planned_window import Fit, planned_window
from awsroll.testing.clock import T0

HOUR = timedelta(hours=1)


def _observed(schedule: Schedule | None) -> Observation:
    return Observation(at=T0, instances=(), target_groups=(), schedule=schedule)


@pytest.mark.parametrize(
    ("low", "high", "fits"), [(600, 3600, Fit.INSIDE), (600, 3601, Fit.PERHAPS), (3601, 9000, Fit.NOT_INSIDE)]
)
def test_the_time_left_is_compared_with_the_estimate(low: float, high: float, fits: Fit) -> None:
    opened = planned_window(_observed(Schedule(changes_at=T0 + HOUR, closes_at=T0 + HOUR)), low=low, high=high)
    assert opened is not None
    assert (opened.opens_at, opened.closes_at, opened.fits) == (None, T0 + HOUR, fits)
    later = Schedule(is_open=False, changes_at=T0 + 9 * HOUR, closes_at=T0 + 10 * HOUR, reason="the window")
    closed = planned_window(_observed(later), low=low, high=high)
    assert closed is not None
    assert (closed.opens_at, closed.closes_at, closed.fits) == (T0 + 9 * HOUR, T0 + 10 * HOUR, fits)


def test_what_is_not_known_is_said() -> None:
    assert planned_window(_observed(None), low=1, high=2) is None
    unknown = planned_window(_observed(Schedule(is_open=False, reason="calendar prod")), low=1, high=2)
    assert unknown is not None
    assert (unknown.fits, unknown.reason) == (Fit.UNKNOWN, "calendar prod")
    endless = planned_window(_observed(Schedule()), low=1, high=2)
    assert endless is not None
    assert (endless.fits, endless.closes_at) == (Fit.INSIDE, None)
