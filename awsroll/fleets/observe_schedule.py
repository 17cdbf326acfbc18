"""Observes the windows and freezes of a rollout: their time zones and cron expressions, and the change calendars."""

from datetime import datetime

from awsroll.aws.calendar_states import observe_calendars
from awsroll.aws.connection import Connection
from awsroll.core.model.period import Schedule, calendars_of
from awsroll.core.model.rollout import Rollout


def observe_schedule(aws: Connection, rollout: Rollout, at: datetime) -> Schedule | None:
    """Return what the windows and freezes say at an instant; None if the rollout follows none."""
    gates = rollout.gates
    if not gates.is_scheduled:
        return None
    from awsroll.schedules import schedule_at  # noqa: PLC0415 - few rollouts have windows: the others start faster

    calendars = observe_calendars(aws.ssm, calendars_of((*gates.windows, *gates.freezes)))
    return schedule_at(gates.windows, gates.freezes, calendars, at)
