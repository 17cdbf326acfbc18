"""The alarms of waves: which are armed, and which of them are in ALARM.

The alarms of a wave are read in each region and account of its fleets, with the credentials of the fleet. The own
alarms of a fleet are armed once its rollout has succeeded: until then, its rollout watches them.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from awsroll.aws.alarm_states import observe_alarms
from awsroll.aws.connection import Connection
from awsroll.core.model.observation import Alarm, AlarmState
from awsroll.core.request.waves import FleetSpec, WaveSpec
from awsroll.errors import AwsrollError

_Place = tuple[str, str]  # region and role


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAlarms:
    """What the alarms of one wave say.

    Attributes:
        firing: which alarm is in ALARM, where and why; empty if none is.
        unread: why alarms could not be read; empty if they could.
    """

    firing: str = ""
    unread: str = ""


class ArmedAlarms:
    """Reads the alarms of waves; one thread may use it.

    Args:
        connect: returns the connection with which a fleet is rolled.
    """

    def __init__(self, connect: Callable[[FleetSpec], Connection]) -> None:
        self._connect = connect
        self._connections: dict[_Place, Connection] = {}

    def see(self, wave: WaveSpec, succeeded: Collection[str]) -> SeenAlarms:
        """Read the alarms of a wave that has begun, and those of its fleets that have succeeded."""
        firing, unread = "", ""
        for fleet, names in _armed(wave, succeeded):
            try:
                alarms = self._read(fleet, names)
            except AwsrollError as error:
                unread = unread or f"the alarms {', '.join(names)} could not be read: {error}"
                continue
            in_alarm = (alarm for alarm in alarms if alarm.state is AlarmState.ALARM)
            firing = firing or next((_described(alarm, fleet) for alarm in in_alarm), "")
        return SeenAlarms(firing=firing, unread=unread)

    def problems(self, wave: WaveSpec) -> tuple[str, ...]:
        """Return the alarms of a wave that no place of its fleets has, and those that are in ALARM already.

        Raises:
            AwsError: if AWS refused or did not answer.
        """
        found: dict[str, list[str]] = {name: [] for name in wave.alarm}
        for fleet, names in _armed(wave, ()):
            for alarm in self._read(fleet, names):
                if alarm.state is not AlarmState.MISSING:
                    found[alarm.name].append(_described(alarm, fleet) if alarm.state is AlarmState.ALARM else "")
        unknown = (name for name, seen in found.items() if not seen)
        missing = (f"wave {wave.name}: there is no CloudWatch alarm {name!r}" for name in unknown)
        firing = (f"wave {wave.name}: {text} already" for seen in found.values() for text in seen if text)
        return (*missing, *firing)

    def _read(self, fleet: FleetSpec, names: Sequence[str]) -> tuple[Alarm, ...]:
        place = (fleet.region, fleet.role)
        if place not in self._connections:
            self._connections[place] = self._connect(fleet)
        return observe_alarms(self._connections[place].cloudwatch, names)


def is_armed(wave: WaveSpec) -> bool:
    """Return whether a wave or a fleet of it names alarms."""
    return bool(wave.alarm) or any(fleet.request.alarm for fleet in wave.fleets)


def _armed(wave: WaveSpec, succeeded: Collection[str]) -> Iterable[tuple[FleetSpec, tuple[str, ...]]]:
    """Return the names of the armed alarms of each place, with a fleet of the place."""
    armed: dict[_Place, tuple[FleetSpec, dict[str, None]]] = {}
    for fleet in wave.fleets:
        _, names = armed.setdefault((fleet.region, fleet.role), (fleet, dict.fromkeys(wave.alarm)))
        if fleet.name in succeeded:
            names.update(dict.fromkeys(fleet.request.alarm))
    return [(fleet, tuple(names)) for fleet, names in armed.values() if names]


def _described(alarm: Alarm, fleet: FleetSpec) -> str:
    where = f" in {fleet.region}" if fleet.region else ""
    why = f": {alarm.reason}" if alarm.reason else ""
    return f"alarm {alarm.name}{where} is in ALARM{why}"
