"""Events of many fleets: each event with its fleet and wave, one thread at a time."""

import threading
from datetime import datetime

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.ports import Sink


class FleetSink:
    """Passes on the events of one fleet, with its name and wave.

    Args:
        sink: receives the events of all fleets; one thread uses it at a time.
        lock: shared by the sinks of all fleets.
        fleet_name: the fleet.
        wave: its wave.
    """

    def __init__(self, sink: Sink, lock: threading.Lock, *, fleet_name: str, wave: str) -> None:
        self._sink = sink
        self._lock = lock
        self._names = {"fleet_name": fleet_name, "wave": wave}

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Pass on one event."""
        with self._lock:
            self._sink.event(name, at, **self._names, **fields)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Pass on one observation."""
        with self._lock:
            self._sink.observed(rollout, observation, status)
