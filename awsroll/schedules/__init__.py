"""Evaluates windows and freezes: whether a rollout may go on at an instant, and when that changes.

Pure but for the table of time zones, which it reads from the system or from the package `tzdata`. So the core does not
import it: a fleet puts the result into each observation.
"""

from awsroll.schedules.schedule_at import schedule_at, wrong_periods

__all__ = ["schedule_at", "wrong_periods"]
