"""The lines of a timeline: what an observation or an event adds to the file, and how a file is read again.

    n <number> <name>                                  a zone or a version, which later lines name by its number
    s <number> <id> <zone> <version>                   a server, which later lines name by its number
    m <time> <server> <letter> <until> <how> <reason>  a server in another state, or with another reason
    c <time> <seven counts>                            the capacity
    e <time> <event> <fields as JSON>                  an event
    a <service:Operation> <count>                      AWS calls
    x <time>                                           the timeline is full: what follows is left out

Times are seconds since the start of the rollout. A file is a series of segments. Each segment begins with all that a
writer must know to continue it, so that a new process reads the last segment alone. A line that cannot be read is
skipped: a timeline is for people, and no decision depends on it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime

from awsroll.core.timeline.cell import GONE, LETTERS, STATES, Cell
from awsroll.core.timeline.course import Course, Fact, Lane, Sample, Stay
from awsroll.core.timeline.picture import Picture

_NO_TIME = "-"
_ENDS_WELL, _FAILS = "w", "f"
_LONGEST_FIELD = 600
_LONGEST_REASON = 200


@dataclass(slots=True)
class Frame:
    """What a writer knows of the lines so far."""

    started_at: datetime
    names: dict[str, int] = field(default_factory=dict)
    servers: dict[str, int] = field(default_factory=dict)
    cells: dict[str, Cell] = field(default_factory=dict)
    sample: Sample | None = None
    count: int = 0

    def seconds(self, at: datetime) -> float:
        """Return the time since the start of the rollout."""
        return round((at - self.started_at).total_seconds(), 1)

    def add(self, picture: Picture, at: datetime) -> Iterator[str]:
        """Yield the lines that an observation adds: what has changed since the last one."""
        shown = {cell.instance_id: cell for cell in picture.cells}
        for cell in picture.cells:
            if self.cells.get(cell.instance_id) != cell:
                yield from self._change(cell, at)
        for name in [name for name in self.cells if name not in shown]:
            del self.cells[name]
            yield f"m {self.seconds(at):g} {self.servers[name]} {GONE} {_NO_TIME} {_FAILS}"
        sample = sample_of(picture)
        if sample != self.sample:
            self.sample = sample
            yield _sample_line(self.seconds(at), sample)

    def opening(self, at: datetime) -> Iterator[str]:
        """Yield the lines that begin a new segment: all that its writer knows."""
        self.names, known = {}, sorted(self.cells.values(), key=lambda cell: self.servers[cell.instance_id])
        for cell in known:
            yield from self._introduce(cell)
            yield self._move_line(cell, at)
        if self.sample is not None:
            yield _sample_line(self.seconds(at), self.sample)

    def _change(self, cell: Cell, at: datetime) -> Iterator[str]:
        if cell.instance_id not in self.servers:
            self.servers[cell.instance_id] = self.count
            self.count += 1
            yield from self._introduce(cell)
        elif cell.version != self.cells.get(cell.instance_id, cell).version:
            yield from self._introduce(cell)  # it was reloaded
        self.cells[cell.instance_id] = cell
        yield self._move_line(cell, at)

    def _introduce(self, cell: Cell) -> Iterator[str]:
        for name in (cell.zone, cell.version):
            if name not in self.names:
                self.names[name] = len(self.names)
                yield f"n {self.names[name]} {json.dumps(name)}"
        number = self.servers[cell.instance_id]
        yield f"s {number} {cell.instance_id} {self.names[cell.zone]} {self.names[cell.version]}"

    def _move_line(self, cell: Cell, at: datetime) -> str:
        until = _NO_TIME if cell.until is None else f"{self.seconds(cell.until):g}"
        how, reason = _ENDS_WELL if cell.ends_well else _FAILS, cell.reason[:_LONGEST_REASON]
        number = self.servers[cell.instance_id]
        return f"m {self.seconds(at):g} {number} {LETTERS[cell.state]} {until} {how} {reason}".rstrip()


def sample_of(picture: Picture) -> Sample:
    """Return the capacity that a picture shows."""
    return Sample(
        serving_old=picture.serving - picture.serving_new,
        serving_new=picture.serving_new,
        live=picture.live,
        with_draining=picture.running,
        floor=picture.limits.floor,
        ceiling=picture.limits.ceiling,
        desired=picture.limits.desired,
    )


def _sample_line(seconds: float, sample: Sample) -> str:
    return f"c {seconds:g} {' '.join(map(str, astuple(sample)))}"


def event_line(seconds: float, name: str, fields: Mapping[str, object]) -> str:
    """Return the line of an event; its fields become text."""
    texts = {key: _text(value)[:_LONGEST_FIELD] for key, value in fields.items() if value not in (None, "", (), [])}
    return f"e {seconds:g} {name} {json.dumps(texts)}"


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def call_lines(calls: Mapping[str, int]) -> Iterator[str]:
    """Yield the lines of AWS calls."""
    return (f"a {operation} {count}" for operation, count in sorted(calls.items()))


def full_line(seconds: float) -> str:
    """Return the line that says that the timeline is full."""
    return f"x {seconds:g}"


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reader:
    """The values that the lines so far make."""

    names: dict[int, str] = field(default_factory=dict)
    servers: dict[int, str] = field(default_factory=dict)
    lanes: dict[str, tuple[str, str]] = field(default_factory=dict)
    stays: dict[str, list[Stay]] = field(default_factory=dict)
    samples: list[tuple[float, Sample]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    seconds: float = 0
    is_complete: bool = True

    def read(self, line: str) -> None:
        """Read one line; skip a line that cannot be read."""
        kind, _, rest = line.partition(" ")
        reader = {"n": self._name, "s": self._server, "m": self._move, "c": self._sample, "e": self._event}.get(kind)
        try:
            if reader is not None:
                reader(rest)
            elif kind == "a":
                operation, count = rest.split(" ")
                self.calls[operation] = self.calls.get(operation, 0) + int(count)
            elif kind == "x":
                self.is_complete = False
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def _name(self, rest: str) -> None:
        number, _, name = rest.partition(" ")
        self.names[int(number)] = str(json.loads(name))

    def _server(self, rest: str) -> None:
        number, name, zone, version = rest.split(" ")
        self.lanes[name] = self.names[int(zone)], self.names[int(version)]
        self.servers[int(number)] = name  # the number of a server that has left can name another one later

    def _move(self, rest: str) -> None:
        at, number, letter, until, how, *reason = rest.split(" ", 5)
        stay = Stay(
            at=self._seconds(at),
            state=None if letter == GONE else STATES[letter],
            until=None if until == _NO_TIME else _finite(until),
            ends_well=how == _ENDS_WELL,
            reason=reason[0] if reason else "",
        )
        stays = self.stays.setdefault(self.servers[int(number)], [])
        same = stays and (stays[-1].state, stays[-1].reason) == (stay.state, stay.reason)
        if not same or stays[-1].until != stay.until:
            stays.append(stay)  # the opening of a segment says again what is known

    def _sample(self, rest: str) -> None:
        at, *counts = rest.split(" ")
        old, new, live, draining, floor, ceiling, desired = map(int, counts[:7])
        sample = Sample(
            serving_old=old,
            serving_new=new,
            live=live,
            with_draining=draining,
            floor=floor,
            ceiling=ceiling,
            desired=desired,
        )
        if not self.samples or self.samples[-1][1] != sample:
            self.samples.append((self._seconds(at), sample))

    def _event(self, rest: str) -> None:
        at, name, fields = rest.split(" ", 2)
        plain = json.loads(fields)
        texts = {str(key): str(value) for key, value in plain.items()}
        self.facts.append(Fact(at=self._seconds(at), name=name, fields=texts))

    def course(self, started_at: datetime) -> Course:
        """Return what the lines describe."""
        return Course(
            started_at=started_at,
            samples=tuple(self.samples),
            lanes=tuple(
                Lane(instance_id=name, zone=zone, version=version, stays=tuple(self.stays.get(name, ())))
                for name, (zone, version) in self.lanes.items()
            ),
            facts=tuple(self.facts),
            calls=self.calls,
            seconds=self.seconds,
            is_complete=self.is_complete,
        )

    def _seconds(self, text: str) -> float:
        seconds = _finite(text)
        self.seconds = max(self.seconds, seconds)
        return seconds


def _finite(text: str) -> float:
    value = float(text)
    if not abs(value) < 1e10:  # noqa: PLR2004 - three hundred years
        raise ValueError(text)
    return value


def read_course(started_at: datetime, lines: Iterable[str]) -> Course:
    """Return the course that lines describe."""
    return _read(lines).course(started_at)


def continued(started_at: datetime, lines: Iterable[str]) -> Frame:
    """Return the frame of a writer that continues a segment."""
    reader = _read(lines)
    return Frame(
        started_at=started_at,
        names={name: number for number, name in reader.names.items()},
        servers={name: number for number, name in reader.servers.items()},
        cells={cell.instance_id: cell for cell in reader.course(started_at).cells()},
        sample=reader.samples[-1][1] if reader.samples else None,
        count=max(reader.servers, default=-1) + 1,
    )


def _read(lines: Iterable[str]) -> _Reader:
    reader = _Reader()
    for line in lines:
        reader.read(line)
    return reader
