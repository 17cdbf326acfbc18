"""Times for people: in the zone of their machine, with its name. JSON has UTC."""

from datetime import datetime


def clock_time(at: datetime) -> str:
    """Return the time of day, such as `14:03:05 CET`."""
    return f"{at.astimezone():%H:%M:%S %Z}"


def short_time(at: datetime) -> str:
    """Return the time of day without its zone, for a view that names the zone once: `14:03:05`."""
    return f"{at.astimezone():%H:%M:%S}"


def zone_name(at: datetime) -> str:
    """Return the name of the time zone of this machine, such as `CET`."""
    return f"{at.astimezone():%Z}"


def local_moment(at: datetime) -> str:
    """Return a date and time, such as `2026-01-31 14:03:05 CET`."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
