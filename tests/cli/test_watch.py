"""`awsroll watch` and `awsroll explain` from the store alone, and the drawing of fleets of every size."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from awsroll.cli import output
from awsroll.cli.live_drawing import draw, time_left, wait_text
from awsroll.cli.main import run
from awsroll.cli.output import shows_live_view
from awsroll.core.classify.capacity import Bounds
from awsroll.core.classify.counts import ServerCounts
from awsroll.core.model.phases import ServerPhase, UntouchedServer
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.timeline.cell import LETTERS, Cell
from awsroll.core.timeline.lines import event_line
from awsroll.core.timeline.picture import Picture
from awsroll.core.timeline.stored_picture import stored_picture
from awsroll.driver.read_story import stored_course
from awsroll.ports import Record
from awsroll.stores import LocalStore, Segment
from tests.stores.records import T0, busy_record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LINES = (
    'n 0 "us-east-1a"',
    'n 1 "lt-1:1"',
    "s 0 i-1 0 1",
    "m 0 0 O - f",
    "s 1 i-2 0 1",
    "m 2 1 V 600 f Target.Timeout",
    "c 0 2 1 3 3 2 3 3",
)


def _picture(servers: int, **changes: object) -> Picture:
    moving = max(1, servers // 20)
    cells = []
    for number in range(servers):
        name, zone = f"i-{number:017}", f"us-east-1{'abc'[number % 3]}"
        cell = Cell(instance_id=name, zone=zone, state=UntouchedServer.OUTDATED)
        if number < moving:
            until = NOW + timedelta(seconds=30 + number)
            cell = replace(cell, state=ServerPhase.DRAINING, reason="Target.X", until=until, ends_well=True)
        cells.append(cell)
    counts = ServerCounts(
        total=servers, replaced=0, reloaded=0, failed=0, skipped=0, in_flight=moving, updated=0, wanted=servers
    )
    made = Picture(
        cells=tuple(sorted(cells, key=lambda cell: (cell.zone, cell.instance_id))),
        stage="",
        goal=servers,
        counts=counts,
        serving=servers - moving,
        serving_new=0,
        live=servers,
        running=servers,
        in_flight=moving,
        limits=Bounds(desired=servers, max_unavailable=moving, max_surge=0),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def _drawn(shown: Picture, width: int = 80, **options: object) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=width, height=24, **options)  # type: ignore[arg-type]
    events = tuple(f"event {number}" for number in range(6))
    console.print(draw(busy_record().rollout, shown, now=NOW, started_at=NOW, events=events, size=console.size))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("servers", [1, 9, 60, 500, 1000])
def test_the_view_of_every_fleet_fits_the_terminal(servers: int, width: int) -> None:
    lines = _drawn(_picture(servers), width)

    assert len(lines) < 24
    assert max(map(len, lines)) <= width
    cells = "".join(line.removeprefix(f"us-east-1{line[9:10]}") for line in lines[1:] if line[:1] in ("u", " "))
    assert cells.count("D") + cells.count("O") == (6 if servers == 1000 else servers)
    assert any("draining: Target.X, " in line and " s left" in line for line in lines)


def test_the_last_line_has_room_for_the_keys_that_the_terminal_shows_behind_it() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, height=24)
    record, shown = busy_record(), _picture(9)
    console.print(
        draw(
            record.rollout, shown, now=NOW, started_at=NOW, events=("an event of a long text " * 9,), size=console.size
        )
    )

    last = stream.getvalue().splitlines()[-1]
    assert last.startswith("an event")
    assert last.endswith("…")
    assert len(last + "^C^C") < 80


def _words(drawn: str) -> list[str]:
    """Return the words and letters of a view, without the bar: without colours, its rest is blank."""
    return re.sub(r"[━╸╺]", " ", _ESCAPES.sub("", drawn)).split()


def test_without_colours_the_view_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    colours = {"force_terminal": True, "color_system": "standard"}
    coloured = "\n".join(_drawn(_picture(9), 120, **colours))
    monkeypatch.setenv("NO_COLOR", "1")
    plain = "\n".join(_drawn(_picture(9), 120, **colours))

    assert re.search(r"\x1b\[[0-9;]*3[0-9]", coloured)
    assert not re.search(r"\x1b\[[0-9;]*(3[0-9]|9[0-9])", plain)
    assert _words(coloured) == _words(plain)


def test_each_state_has_a_letter_of_its_own() -> None:
    assert len(set(LETTERS.values())) == len(LETTERS)
    assert set(LETTERS) >= {*ServerPhase} - {ServerPhase.NONE, ServerPhase.SERVING}


def test_the_time_left_knows_bakes_and_checkpoints_and_never_says_zero() -> None:
    half = replace(_picture(10).counts, updated=5)
    shown = _picture(10, counts=half)
    baking = replace(shown, counts=replace(half, updated=10), rests_until=NOW + timedelta(seconds=90))

    assert time_left(shown, NOW, 160) == ", about 2 min 40 s left"
    assert time_left(shown, NOW, None) == time_left(shown, NOW, 0.2) == ""
    assert time_left(baking, NOW, 100) == ", 1 min 30 s of the bake time left"
    assert time_left(replace(baking, rests_until=NOW), NOW, 100) == ""
    assert time_left(replace(shown, rests_until=NOW + timedelta(seconds=9)), NOW, 100) == ", 9 s of the checkpoint left"
    assert time_left(replace(baking, rests_until=None), NOW, 100) == ""


def test_a_wait_says_its_reason_and_what_happens_then() -> None:
    cell = Cell(instance_id="i-1", zone="a", state=ServerPhase.VERIFYING, reason="Target.Timeout")

    assert wait_text(cell, NOW) == "i-1 verifying: Target.Timeout"
    assert wait_text(replace(cell, until=NOW + timedelta(seconds=61)), NOW).endswith("fails in 1 min 1 s")
    leaving = replace(cell, state=ServerPhase.DRAINING, until=NOW + timedelta(seconds=61))
    assert wait_text(leaving, NOW).endswith("at most 1 min 1 s")


@pytest.mark.parametrize(
    ("environment", "shows"), [({}, True), ({"TERM": "dumb"}, False), ({"CI": "true"}, False), ({"CI": "0"}, True)]
)
def test_a_dumb_terminal_and_a_pipeline_get_plain_lines(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, shows: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("TERM", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(output.sys, "stderr", Terminal())

    assert shows_live_view() is shows


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path)
    lines = (*LINES, event_line(3, "checkpoint.reached", {"number": 1}))
    store.timeline("web-1").write(0, Segment(started_at=T0, lines=lines), before=None)
    return store


def _save(store: LocalStore, **changes: object) -> Record:
    record = busy_record()
    servers = {"i-1": Server(phase=ServerPhase.DRAINING, since=T0)}
    return store.save(replace(record, status=replace(record.status, servers=servers, **changes)))  # type: ignore[arg-type]


def test_watch_shows_the_newest_rollout_and_ends_with_its_exit_code(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _save(store, mode=Mode.ENDED, outcome=Outcome.ROLLED_BACK, ended_at=T0 + timedelta(seconds=9))

    assert run(["watch", "--state", str(store.directory)]) == 1

    said = capsys.readouterr()
    assert "checkpoint reached: number 1" in said.err
    assert "web-1  0/3 updated, serving 3 (floor 2), live 3 (ceiling 3), ended" in said.err
    assert "status     rolled back" in said.out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observed_at": None}, "capacity not observed yet"),
        ({"observed_at": T0}, "capacity not recorded yet"),
        ({"observed_at": T0, "mode": Mode.ENDED, "ended_at": T0}, "capacity not recorded"),
    ],
    ids=["before the first observation", "no timeline", "ended"],
)
def test_a_record_without_a_timeline_invents_no_capacity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], words: str
) -> None:
    bare = LocalStore(tmp_path)
    record = _save(bare, **changes)
    shown = stored_picture(record.rollout, record.status, stored_course(record, bare), UserRequests())

    run(["watch", "web-1", "--state", str(tmp_path)])

    assert f"0/3 updated, {words}, " in capsys.readouterr().err
    assert not any("serving" in line or "live" in line for line in _drawn(shown))


def test_watch_ends_if_no_process_drives_the_rollout(store: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    _save(store)

    assert run(["watch", "web-1", "--json", "--state", str(store.directory)]) == 130

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    watched = next(line for line in lines if line["event"] == "watched")
    assert watched["servers"] == {"i-1": "draining", "i-2": "verifying"}
    assert (watched["serving"], watched["floor"], watched["ceiling"]) == (3, 2, 3)
    assert lines[-1]["event"] == "report"


def test_watch_all_prints_a_line_for_each_unfinished_rollout(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _save(store)

    assert run(["watch", "--all", "--state", str(store.directory)]) == 0

    (line,) = capsys.readouterr().out.splitlines()
    assert line == "web-1  0/3 updated, serving 3 (floor 2), live 3 (ceiling 3), rolling"


def test_explain_uses_the_record_where_aws_cannot_be_asked(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _save(store)
    state = ["--state", str(store.directory), "--region", "eu-west-1"]

    assert run(["explain", "web-1", "i-9", *state]) == 0
    paragraph = capsys.readouterr().out
    assert paragraph.startswith("i-9: most likely the health check gets no answer in time. Check that the application")
    assert "not read: AWS, because the rollout is in us-east-1: pass --region us-east-1" in paragraph

    assert run(["explain", "web-1", "--json", *state]) == 0
    subjects = [json.loads(line)["subject"] for line in capsys.readouterr().out.splitlines()]
    assert subjects == ["the rollout (running)", "i-9", "i-1 (draining)"]

    assert run(["explain", "web-1", "i-7", *state]) == 2
    assert "no server i-7 fails or is in flight in rollout web-1" in capsys.readouterr().err
