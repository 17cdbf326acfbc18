"""Events of many fleets: each event with its fleet and wave, one thread at a time."""

import threading
from collections.abc import Mapping
from datetime import datetime

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.request.waves import FleetEnding
from awsroll.core.wave_turns import Facts, Turn, WaveFacts, bake_left
from awsroll.ports import Clock, Sink


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


class WaveEvents:
    """Emits the events of waves. The sink gets one event at a time.

    Args:
        sink: receives the events of all fleets.
        lock: shared by the sinks of all fleets.
        clock: the time of the events.
    """

    def __init__(self, sink: Sink, lock: threading.Lock, clock: Clock) -> None:
        self._sink = sink
        self._lock = lock
        self._clock = clock
        self._wave = ""
        self._baking = ""
        self._warned: set[tuple[str, str]] = set()

    def tell(self, turn: Turn, facts: Facts) -> None:
        """Emit what a turn means for its wave, once."""
        waves = {wave.name: wave for wave in facts.waves}
        failure = turn.failure or facts.failure
        if turn.failure is not None:
            on_failure = waves[turn.failure.wave].limits.on_failure
            self._emit("wave.failed", wave=turn.failure.wave, reason=turn.failure.reason, on_failure=str(on_failure))
        if turn.is_over:
            self._end(waves, is_failed=failure is not None)
        elif turn.wave and turn.wave != self._wave:
            self._end(waves, is_failed=False)
            self._wave = turn.wave
            self._emit("wave.begun", wave=turn.wave, fleets=[fleet.name for fleet in waves[turn.wave].fleets])
        if turn.wave and turn.wait_seconds is not None and turn.wave != self._baking:
            self._baking = turn.wave
            self._emit("wave.baking", wave=turn.wave, seconds=round(bake_left(facts, waves[turn.wave])))
        if failure is not None:
            for name in turn.turn_back:
                self._emit("fleet.turns-back", fleet_name=name, reason=f"wave {failure.wave}: {failure.reason}")

    def _end(self, waves: Mapping[str, WaveFacts], *, is_failed: bool) -> None:
        if not self._wave:
            return
        wave = waves[self._wave]
        is_incomplete = is_failed or wave.waiting or FleetEnding.INTERRUPTED in wave.endings
        not_begun = [fleet.name for fleet in wave.waiting]
        self._emit("wave.stopped" if is_incomplete else "wave.passed", wave=self._wave, not_begun=not_begun)

    def refused(self, fleet_name: str, wave: str, reason: str) -> None:
        """Emit that a fleet was refused."""
        self._emit("fleet.refused", fleet_name=fleet_name, wave=wave, reason=reason)

    def warn(self, wave: str, message: str) -> None:
        """Emit a warning about a wave, or about all of them (`""`), once; without a message, nothing."""
        if message and (wave, message) not in self._warned:
            self._warned.add((wave, message))
            self._emit("wave.warning", wave=wave, message=message)

    def _emit(self, event: str, **fields: object) -> None:
        with self._lock:
            self._sink.event(event, self._clock.now(), **fields)
