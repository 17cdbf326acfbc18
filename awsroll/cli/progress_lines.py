"""Progress without a terminal: one plain line per event on standard error."""

from datetime import datetime
from typing import TextIO

from awsroll.cli.local_time import clock_time
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.events import in_words
from awsroll.printable import printable


class PlainLines:
    """A sink that writes each event as one line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write one line."""
        self._write(f"{clock_time(at)} {in_words(name, fields)}")

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
        self._write(f"{fleet}: {clock_time(at)} {in_words(name, fields)}")
