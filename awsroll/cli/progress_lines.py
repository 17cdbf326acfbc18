"""Progress where there is no terminal: one plain line an event, on standard error."""

from datetime import datetime
from typing import TextIO

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status

_SELF_EXPLAINING = ("instance_id", "instance_ids", "message", "rollout_id", "cause")
_USUAL = "done"  # the answer of AWS that need not be mentioned


def in_words(name: str, fields: dict[str, object]) -> str:
    """Return an event as one readable line: `instance deregistered: i-0abc, reason outdated`."""
    said = [_said(key, value) for key, value in fields.items() if value not in (None, "", (), [], _USUAL)]
    what = name.replace(".", " ")
    return f"{what}: {', '.join(said)}" if said else what


def _said(key: str, value: object) -> str:
    text = " ".join(str(one) for one in value) if isinstance(value, (tuple, list)) else str(value)
    return text if key in _SELF_EXPLAINING else f"{key.replace('_', ' ')} {text}"


class PlainLines:
    """Writes each event as one line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write one line."""
        self._write(f"{at:%H:%M:%S} {in_words(name, fields)}")

    def _write(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads any more: the rollout goes on
            self._stream = None

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Write nothing: a look that changes nothing is no news."""


class FleetLines(PlainLines):
    """Writes each event of many fleets as one line that begins with the fleet's name."""

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write one line; what is of no single fleet has its wave in it."""
        fleet = fields.pop("fleet_name", "")
        if not fleet:
            super().event(name, at, **fields)
            return
        fields.pop("wave", None)
        self._write(f"{fleet}: {at:%H:%M:%S} {in_words(name, fields)}")
