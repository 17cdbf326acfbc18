"""The live view of many fleets: one line for each, at every size of a terminal."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from awsroll.cli.live_fleets import FleetLine, FleetsView, draw_fleets
from awsroll.core.classify.capacity import Bounds
from awsroll.core.classify.counts import ServerCounts
from awsroll.core.decide.approvals import AwaitedApproval
from awsroll.core.timeline.picture import Picture
from tests.stores.records import T0, record

COUNTS = ServerCounts(total=9, replaced=6, reloaded=0, failed=0, skipped=0, in_flight=1, updated=6, wanted=9)
SHOWN = Picture(
    cells=(),
    stage="",
    goal=9,
    counts=COUNTS,
    serving=8,
    serving_new=6,
    live=9,
    running=10,
    in_flight=1,
    limits=Bounds(desired=9, max_unavailable=1, max_surge=0),
)


def _drawn(*lines: FleetLine, height: int = 24, events: tuple[str, ...] = ()) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=80, height=height)
    console.print(draw_fleets(lines, now=T0 + timedelta(seconds=60), events=events, size=console.size))
    return stream.getvalue().splitlines()


def _line(name: str, **changes: object) -> FleetLine:
    return replace(FleetLine(name=name, shown=SHOWN), **changes)  # type: ignore[arg-type]


def test_each_fleet_has_one_line_with_its_progress_and_capacity() -> None:
    running, ended, new = _drawn(
        _line("web", left=30.0), _line("api", outcome="rolled_back"), FleetLine(name="\x1b[31mevil"), events=()
    )

    assert running == "web           ███████░░░ 6/9  serving 8 of at least 8  rolling, about 30 s left"
    assert ended.endswith("rolled back")
    assert "observing the fleet" in new
    assert "\x1b" not in new


def test_a_rollout_that_waits_for_a_person_shows_the_command_and_no_time_left() -> None:
    approval = AwaitedApproval(
        checkpoint=1, checkpoints=1, updated=1, servers=9, version="v2", since=T0, command="awsroll approve web-1"
    )

    (line,) = _drawn(_line("w", shown=replace(SHOWN, stage="at checkpoint 1 of 1 (1)", approval=approval)))

    assert line == "w  6/9  awsroll approve web-1"
    assert "left" not in line


@pytest.mark.parametrize(("fleets", "height"), [(3, 24), (60, 24), (60, 5), (2, 3)])
def test_the_view_fits_the_terminal_and_shows_running_fleets_first(fleets: int, height: int) -> None:
    lines = [_line(f"ended-{number}", outcome="succeeded") for number in range(fleets - 1)] + [_line("running")]

    shown = _drawn(*lines, height=height, events=tuple(f"event {number}" for number in range(5)))

    assert len(shown) < height
    assert max(map(len, shown)) <= 80
    assert any(line.startswith("running") for line in shown)


def test_events_name_their_fleet_and_its_end_is_in_its_line() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=100, height=10, force_terminal=True)
    with FleetsView(console) as view:
        view.event("rollout.created", T0, rollout_id="web-1", fleet_name="eu")
        view.show([(record().rollout, _line("eu"), None)])
        view.event("rollout.failure", T0, fleet_name="eu", wave="first", cause="no luck")
        view.event("rollout.ended", T0, fleet_name="eu", outcome="stopped")
        view.event("wave.ended", T0, wave="first")

    assert "eu: rollout failure: no luck" in stream.getvalue()
    assert "stopped" in stream.getvalue()
