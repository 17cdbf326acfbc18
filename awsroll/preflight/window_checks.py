"""The checks of windows and freezes: what cannot be evaluated, unknown change calendars, and a rollout that waits."""

from collections.abc import Mapping
from datetime import datetime

from awsroll.core.model.period import CalendarState
from awsroll.core.model.rollout_choices import Gates
from awsroll.preflight.findings import Findings


def check_windows(gates: Gates, calendars: Mapping[str, CalendarState], at: datetime, findings: Findings) -> None:
    """Refuse windows and freezes that mean nothing. Warn of those that are overridden, note those that are closed.

    Args:
        gates: the gates of the rollout.
        calendars: the states of its change calendars, by name.
        at: the current instant.
        findings: where to add what is found.
    """
    if not (gates.windows or gates.freezes):
        if gates.override:
            findings.refuse("--override-freeze: the request has no windows and no freezes: remove it")
        return
    from awsroll.schedules import schedule_at, wrong_periods  # noqa: PLC0415 - few rollouts have windows

    wrong = [*wrong_periods("window", gates.windows), *wrong_periods("freeze", gates.freezes)]
    unknown = [name for name, state in calendars.items() if state.is_open is None]
    wrong += [f"there is no change calendar {name!r}: check its name and region" for name in unknown]
    for problem in wrong:
        findings.refuse(problem)
    if wrong:
        return
    schedule = schedule_at(gates.windows, gates.freezes, calendars, at)
    if gates.override:
        findings.warn(f"windows and freezes are overridden: {gates.override}")
    elif not schedule.is_open and schedule.changes_at is None and not calendars:
        findings.refuse(f"the rollout could never go on: it waits for {schedule.reason}. Check windows and freezes")
    elif not schedule.is_open:
        findings.note(f"the rollout starts nothing yet: it waits for {schedule.reason}")
