"""Durations for people."""

_TEN_SECONDS, _MINUTE, _FIVE_MINUTES = 10, 60, 300
_TEN_MINUTES, _TWO_HOURS = 600, 7200


def duration(seconds: float) -> str:
    """Return a duration for people, such as `48 s`, `12 min 5 s` or `2 h 10 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def rough_duration(seconds: float) -> str:
    """Return an estimated duration for people, without digits that promise too much: `50 s`, `14 min`, `2 h 10 min`."""
    unit = _TEN_SECONDS if seconds < _TEN_MINUTES else _MINUTE if seconds < _TWO_HOURS else _FIVE_MINUTES
    rounded = unit * max(1, round(seconds / unit))
    return duration(rounded).removesuffix(" 0 s").removesuffix(" 0 min")
