"""Change calendars of Systems Manager: `GetCalendarState`.

A calendar has transitions: from each instant on it is open or closed. A test sets them; the events of a real calendar
come from its document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.handler_parts import refuse, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters
    from awsroll.sandbox.interfaces import InstanceContext

OPEN, CLOSED = "OPEN", "CLOSED"


class ChangeCalendars:
    """The calendars of one region, by name.

    Args:
        context: the time.
    """

    def __init__(self, context: InstanceContext) -> None:
        self._context = context
        self._calendars: dict[str, dict[datetime, str]] = {}

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {"GetCalendarState": self.state}

    def put(self, name: str, transitions: dict[datetime, str]) -> None:
        """Set a calendar: from each instant on it is `OPEN` or `CLOSED`; before the first it is `OPEN`."""
        self._calendars[name] = dict(sorted(transitions.items()))

    def state(self, parameters: Parameters) -> Answer:
        """Return the state of one or several calendars: closed if one of them is."""
        at = _instant(parameters.get("AtTime"), self._context.now())
        states, changes = [], []
        for name in parameters["CalendarNames"]:
            calendar = self._calendars.get(name)
            if calendar is None:
                refuse(f"Document with name {name} does not exist.", code="InvalidDocument")
            states.append(next((state for since, state in reversed(calendar.items()) if since <= at), OPEN))
            changes += [since for since in calendar if since > at][:1]
        following = {"NextTransitionTime": f"{min(changes):%Y-%m-%dT%H:%M:%SZ}"} if changes else {}
        return {"State": CLOSED if CLOSED in states else OPEN, "AtTime": f"{at:%Y-%m-%dT%H:%M:%SZ}", **following}


def _instant(text: object, now: datetime) -> datetime:
    if text is None:
        return now
    return timestamp(text, code="ValidationException")
