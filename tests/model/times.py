"""Time as ordered events: the model has no running clock, only classes of age.

"Now" never moves. Instead the record's instants grow older when time passes, in two strides: A_WHILE (longer than every
wait that settles something: a lost answer, a lagging capacity, an unobserved drain) and LONG (longer than every
deadline, gate and bake time). An instant's age is then rounded down to the classes that its readers distinguish.
"""

from datetime import UTC, datetime, timedelta

from awsroll.core.model.rollout_choices import Limits

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A_WHILE, LONG = 60.0, 300.0
DELAY = 30.0
LIMITS = Limits(
    drain_seconds=LONG,
    launch_seconds=LONG,
    healthy_seconds=LONG,
    skipped_seconds=LONG,
    settle_seconds=A_WHILE,
    progress_seconds=3e7,  # no progress deadline: a rollout that can only wait is a problem
)
_SOON = NOW + timedelta(seconds=10)
_INSTANTS = {seconds: NOW - timedelta(seconds=seconds) for seconds in (0.0, A_WHILE, LONG)}
FRESH, AGED, OVERDUE = _INSTANTS.values()


def aged(instant: datetime, elapsed: float, *classes: float) -> datetime:
    """Return the instant once `elapsed` has passed, rounded down to the oldest class that its age has reached."""
    if instant is NOW and not elapsed:
        return NOW
    age = (NOW - instant).total_seconds() + elapsed
    return _INSTANTS[max((each for each in classes if age >= each), default=0.0)]


def aged_or_none(instant: datetime | None, elapsed: float, *classes: float) -> datetime | None:
    """Do the same for an optional instant."""
    return None if instant is None else aged(instant, elapsed, *classes)


def still_to_come(instant: datetime | None, elapsed: float) -> datetime | None:
    """Return an instant that may be in the future: still in the future, or now."""
    if instant is None:
        return None
    return _SOON if instant - timedelta(seconds=elapsed) > NOW else NOW
