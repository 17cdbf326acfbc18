"""The two charts of a report as inline SVG: the capacity over time, and a lane for each server.

They are drawn here and not by a plotting library: two charts of steps and bars need a few lines, follow the page's
light and dark colours, stay small for a thousand servers, and run wherever awsroll runs, also in a function.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element

from awsroll.core.timeline.cell import LETTERS
from awsroll.core.timeline.course import Course, Sample
from awsroll.core.timeline.figures import Spell, spells
from awsroll.report.markup import add, element
from awsroll.report.story import Story

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 1040, 44, 8, 18, 22
_CAPACITY_HEIGHT = 260
_MOST_STEPS = 2 * _WIDTH  # more samples than this share their column
_TICKS = 6
_NICE = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_NAMED_LANES, _THIN_LANES = (
    60,
    400,
)  # of servers: up to these numbers a lane has a name, or is thin
_LABELS = 150  # width of the column of names
_THICK = 8


class _Scale:
    """Turns seconds into horizontal positions."""

    def __init__(self, seconds: float, *, left: float) -> None:
        self.left = left
        self.seconds = max(seconds, 1.0)
        self.factor = (_WIDTH - left - _RIGHT) / self.seconds

    def x(self, seconds: float) -> str:
        return _short(self.left + max(0.0, min(seconds, self.seconds)) * self.factor)

    def ticks(self) -> Iterable[float]:
        step = next((each for each in _NICE if self.seconds / each <= _TICKS), _NICE[-1])
        return (step * number for number in range(int(self.seconds // step) + 1))


class _Plot:
    """Draws counts over time as steps."""

    def __init__(self, svg: Element, scale: _Scale, samples: Sequence[tuple[float, Sample]], *, most: int) -> None:
        self._svg, self._scale, self._samples = svg, scale, samples
        self._top = most + max(1, round(most * 0.05))

    def y(self, count: float) -> str:
        return _short(_CAPACITY_HEIGHT - _BOTTOM - count / self._top * (_CAPACITY_HEIGHT - _TOP - _BOTTOM))

    def line(self, name: str, of: str, title: str) -> None:
        _add_path(self._svg, self._steps(of), name, title)

    def area(self, name: str, of: str, title: str) -> None:
        _add_path(self._svg, f"{self._steps(of)}V{self.y(0)}H{self._scale.x(self._samples[0][0])}Z", name, title)

    def _steps(self, of: str) -> str:
        values = [(at, getattr(sample, of)) for at, sample in self._samples]
        path = [f"M{self._scale.x(values[0][0])} {self.y(values[0][1])}"]
        for (_, before), (at, value) in pairwise(values):
            if value != before:
                path.append(f"H{self._scale.x(at)}V{self.y(value)}")
        return "".join(path) + f"H{self._scale.x(self._scale.seconds)}"


def capacity_chart(story: Story) -> Element:
    """Return the chart of serving and live servers over time, against floor and ceiling."""
    samples = _thinned(story.course)
    most = max(max(sample.with_draining, sample.ceiling, sample.serving) for _, sample in samples)
    svg = _svg(_CAPACITY_HEIGHT, "Serving and live servers over time, against floor and ceiling")
    scale = _Scale(story.course.seconds, left=_LEFT)
    plot = _Plot(svg, scale, samples, most=most)
    _time_axis(svg, scale, bottom=_CAPACITY_HEIGHT - _BOTTOM)
    for count in _counts(most):
        _add_path(svg, f"M{_LEFT} {plot.y(count)}H{_WIDTH - _RIGHT}", "grid")
        add(svg, "text", count, x=_LEFT - 6, y=plot.y(count), text_anchor="end", dominant_baseline="middle")
    plot.area("N", "serving", "serving, new version")
    plot.area("O", "serving_old", "serving, old version")
    plot.line("running", "with_draining", "running, with draining servers")
    plot.line("live", "live", "live")
    plot.line("limit", "floor", "floor")
    plot.line("limit", "ceiling", "ceiling")
    for gate in story.gates:
        _add_path(svg, f"M{scale.x(gate.reached_at)} {_TOP}V{_CAPACITY_HEIGHT - _BOTTOM}", "gate")
        add(svg, "text", f"checkpoint {gate.number}", x=scale.x(gate.reached_at), y=_TOP - 6)
    return svg


def lanes_chart(course: Course) -> Element:
    """Return the chart with a lane for each server, by zone; the colour of a bar is the phase."""
    by_zone: dict[str, list[str]] = defaultdict(list)
    for lane in course.lanes:
        by_zone[lane.zone].append(lane.instance_id)
    is_named = len(course.lanes) <= _NAMED_LANES
    height = 16 if is_named else 4 if len(course.lanes) <= _THIN_LANES else 2
    rows, labels, bottom = dict[str, int](), list[tuple[int, str, str]](), _TOP
    for zone in sorted(by_zone):
        labels.append((bottom + 12, zone or "no zone", "bold"))
        bottom += 18
        for name in by_zone[zone]:
            rows[name] = bottom
            if is_named:
                labels.append((bottom + 11, name, "normal"))
            bottom += height
        bottom += 4
    svg, scale = _svg(bottom + _BOTTOM, "The phases of each server over time"), _Scale(course.seconds, left=_LABELS)
    _time_axis(svg, scale, bottom=bottom)
    for position, text, weight in labels:
        add(svg, "text", text, x=4, y=position, font_weight=weight)
    bars = [(spell, _bar(spell, scale, rows[spell.lane.instance_id], height)) for spell in spells(course)]
    (_add_titled if is_named else _add_together)(svg, bars)
    return svg


def _bar(spell: Spell, scale: _Scale, row: int, height: int) -> str:
    thickness = height - 3 if height > _THICK else max(height - 1, 2)
    return f"M{scale.x(spell.begin)} {row}H{scale.x(spell.end)}v{thickness}H{scale.x(spell.begin)}z"


def _add_titled(svg: Element, bars: Iterable[tuple[Spell, str]]) -> None:
    """Add each bar of a small fleet on its own, with a title."""
    for spell, bar in bars:
        _add_path(svg, bar, LETTERS[spell.state], _title(spell))


def _add_together(svg: Element, bars: Iterable[tuple[Spell, str]]) -> None:
    """Add the bars of a large fleet as one path for each phase."""
    paths: dict[str, list[str]] = defaultdict(list)
    for spell, bar in bars:
        paths[LETTERS[spell.state]].append(bar)
    for letter, each in paths.items():
        _add_path(svg, "".join(each), letter)


def _title(spell: Spell) -> str:
    return f"{spell.lane.instance_id} ({spell.lane.version}) {spell.state}: {spell.seconds:.0f} s"


def _add_path(svg: Element, numbers: str, name: str, title: str = "") -> None:
    path = add(svg, "path", class_=name)
    path.set("d", numbers)  # made of letters and numbers of this module, and longer than `printable` allows
    if title:
        add(path, "title", title)


def _svg(height: float, label: str) -> Element:
    return element("svg", viewBox=f"0 0 {_WIDTH} {height}", role="img", aria_label=label)


def _time_axis(svg: Element, scale: _Scale, *, bottom: float) -> None:
    for seconds in scale.ticks():
        x = scale.x(seconds)
        _add_path(svg, f"M{x} {_TOP}V{bottom}", "grid")
        anchor = "start" if seconds == 0 else "middle"
        add(svg, "text", clock_text(seconds), x=x, y=bottom + 15, text_anchor=anchor)


def clock_text(seconds: float) -> str:
    """Return a time since the start: `45 s`, `3:05`, `1:02:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"


def _counts(most: int) -> Iterable[int]:
    step = next(
        (each * 10**power for power in range(7) for each in (1, 2, 5) if most / (each * 10**power) <= _TICKS), most
    )
    return range(0, most + 1, step)


def _thinned(course: Course) -> list[tuple[float, Sample]]:
    """Return the samples; of too many, those with the fewest serving servers of each column, which matter most."""
    samples = list(course.samples)
    if len(samples) <= _MOST_STEPS:
        return samples
    columns: dict[int, tuple[float, Sample]] = {}
    for at, sample in samples:
        column = int(at / max(course.seconds, 1.0) * _MOST_STEPS)
        if column not in columns or sample.serving <= columns[column][1].serving:
            columns[column] = (at, sample)
    return list(columns.values())


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
