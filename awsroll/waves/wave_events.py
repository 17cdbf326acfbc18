"""What is told of many fleets at once: every event with its fleet and wave, one at a time."""

import threading
from datetime import datetime

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.ports import Sink


class FleetSink:
    """Passes the events of one fleet on, with its name and wave.

    Args:
        sink: for the events of all fleets; it is used by one thread at a time.
        lock: the same for all of them.
        fleet_name: the fleet.
        wave: its wave.
    """

    def __init__(self, sink: Sink, lock: threading.Lock, *, fleet_name: str, wave: str) -> None:
        self._sink = sink
        self._lock = lock
        self._names = {"fleet_name": fleet_name, "wave": wave}

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Pass on one fact."""
        with self._lock:
            self._sink.event(name, at, **self._names, **fields)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Pass on one look."""
        with self._lock:
            self._sink.observed(rollout, observation, status)
