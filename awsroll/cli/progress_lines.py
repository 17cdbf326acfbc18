"""Progress without a terminal: one plain line per event on standard error."""

from datetime import datetime
from typing import TextIO

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.printable import printable

_SHOWN_WITHOUT_KEY = ("instance_id", "instance_ids", "message", "rollout_id", "cause")
_IN_MESSAGES = ("checkpoint", "checkpoints", "updated", "servers", "command")  # the message says the same
_USUAL_ANSWER = "done"


def in_words(name: str, fields: dict[str, object]) -> str:
    """Return an event as one readable line, such as `instance deregistered: i-0abc, reason outdated`."""
    shown = {key: value for key, value in fields.items() if value not in (None, "", (), [], _USUAL_ANSWER)}
    if "message" in shown:
        shown = {key: value for key, value in shown.items() if key not in _IN_MESSAGES}
    details = [_detail(key, value) for key, value in shown.items()]
    fact = name.replace(".", " ")
    return f"{fact}: {', '.join(details)}" if details else fact


def _detail(key: str, value: object) -> str:
    text = " ".join(str(item) for item in value) if isinstance(value, (tuple, list)) else str(value)
    return text if key in _SHOWN_WITHOUT_KEY else f"{key.replace('_', ' ')} {text}"


class PlainLines:
    """A sink that writes each event as one line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write one line."""
        self._write(f"{at:%H:%M:%S} {in_words(name, fields)}")

    def _write(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(f"{printable(line)}\n")
            self._stream.flush()
        except (OSError, ValueError):  # the reader has closed the stream; the rollout continues
            self._stream = None

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Write nothing: an observation alone is not an event."""


class FleetLines(PlainLines):
    """A sink for many fleets: each line begins with the name of the fleet."""

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write one line; an event of a whole wave names the wave instead of a fleet."""
        fleet = fields.pop("fleet_name", "")
        if not fleet:
            super().event(name, at, **fields)
            return
        fields.pop("wave", None)
        self._write(f"{fleet}: {at:%H:%M:%S} {in_words(name, fields)}")
