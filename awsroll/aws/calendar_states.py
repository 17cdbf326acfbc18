"""The states of change calendars of Systems Manager (GetCalendarState, Systems Manager API reference)."""

from collections.abc import Sequence
from datetime import UTC, datetime

from awsroll.aws.ssm import Ssm
from awsroll.core.model.period import CalendarState
from awsroll.errors import AwsRefusedError

_UNKNOWN = frozenset({"InvalidDocument", "InvalidDocumentType", "UnsupportedCalendarException"})


def observe_calendars(ssm: Ssm, names: Sequence[str]) -> dict[str, CalendarState]:
    """Return the state of each calendar, by name. Without names, make no call.

    AWS answers one state for all calendars of a call, so each is asked for on its own.
    """
    return {name: _state(ssm, name) for name in names}


def _state(ssm: Ssm, name: str) -> CalendarState:
    try:
        answer = ssm.calendar_state(name)
    except AwsRefusedError as error:
        if error.code in _UNKNOWN:
            return CalendarState(is_open=None)
        raise
    return CalendarState(
        is_open={"OPEN": True, "CLOSED": False}.get(str(answer.get("State", ""))),
        changes_at=_instant(answer.get("NextTransitionTime")),
    )


def _instant(text: object) -> datetime | None:
    """Return an instant that AWS gives as a text in ISO 8601; None if it gives none."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
