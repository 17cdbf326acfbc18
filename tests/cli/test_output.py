"""Output for people and scripts: JSON lines, plain lines, the live view, reports and lists."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TextIO

import pytest
from rich.console import Console

from awsroll.cli.aligned_text import aligned, wrapped
from awsroll.cli.given_instructions import show_instructions
from awsroll.cli.live import LiveView
from awsroll.cli.local_time import clock_time, local_moment
from awsroll.cli.output import Output, write_messages
from awsroll.cli.progress_lines import FleetLines, PlainLines
from awsroll.cli.render_history import summaries_text, who
from awsroll.cli.render_report import next_step, report_text
from awsroll.cli.terminal_text import terminal
from awsroll.core.model.amount import Amount
from awsroll.core.model.duration_text import duration
from awsroll.core.model.observation import Instance, Observation, Target, TargetGroup, TargetKey, TargetState
from awsroll.core.model.phases import ServerPhase, UntouchedServer
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Gates
from awsroll.core.model.server_record import Server, Slots
from awsroll.core.model.status import Outcome, Status
from awsroll.core.model.status_parts import Failure
from awsroll.core.request.instructions import Instruction, InstructionKind
from awsroll.core.timeline.picture import picture
from awsroll.events import JsonLines, Tee
from awsroll.ports import Sink
from awsroll.report import Traffic, build_report, summarize
from tests.stores.records import T0, WEB, busy_record, record
from tests.support.status import changed

KEY = TargetKey(target_group=WEB, port=80)


class ClosedReader(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def _observation() -> tuple[Rollout, Observation, Status]:
    rollout = record().rollout
    old = rollout.baseline[0].template
    servers = (
        Instance(instance_id="i-1", template=old, targets=(Target(key=KEY, state=TargetState.HEALTHY),)),
        Instance(instance_id="i-2", template=old, targets=(Target(key=KEY, state=TargetState.DRAINING),)),
        Instance(instance_id="i-3", template=rollout.template, targets=(Target(key=KEY, state=TargetState.HEALTHY),)),
    )
    observation = Observation(at=T0, instances=servers, target_groups=(TargetGroup(arn=WEB, name="web", port=80),))
    slots = (Slots(zone="", subnet_id="s", targets=(KEY,), instance_ids=("i-1", "i-2", "i-3")),)
    status = changed(record().status, slots=slots, servers={}, retiring=("i-2",), serving=("i-3",))
    return rollout, observation, status


def test_json_lines_begin_with_event_and_time() -> None:
    stream = io.StringIO()

    JsonLines(stream).event("instance.launched", T0, instance_ids=("i-1",), outcome=Outcome.RUNNING, since=T0)

    assert stream.getvalue() == (
        '{"event": "instance.launched", "at": "2026-01-01T00:00:00.000Z", "rollout_id": null, "instance_ids": ["i-1"], '
        '"outcome": "running", "since": "2026-01-01T00:00:00.000Z"}\n'
    )


def test_plain_lines_omit_the_usual_answer() -> None:
    stream = io.StringIO()

    PlainLines(stream).event("instance.launched", T0, answer="done", instance_ids=("i-1", "i-2"), reason="surging")

    assert stream.getvalue() == f"{clock_time(T0)} instance launched: i-1 i-2, reason surging\n"


@pytest.mark.parametrize("make", [JsonLines, PlainLines], ids=["json", "plain"])
def test_a_closed_reader_does_not_stop_the_rollout(make: Callable[[TextIO], Sink]) -> None:
    received = io.StringIO()
    sink = Tee(make(ClosedReader()), PlainLines(received))

    sink.event("instance.launched", T0)
    sink.event("instance.serving", T0)

    assert len(received.getvalue().splitlines()) == 2


def test_the_picture_counts_what_serves_and_what_is_in_flight() -> None:
    shown = picture(*_observation())

    assert {cell.instance_id: cell.state for cell in shown.cells} == {
        "i-1": UntouchedServer.OUTDATED,
        "i-2": ServerPhase.DRAINING,
        "i-3": UntouchedServer.CURRENT,
    }
    assert (shown.done, shown.goal, shown.serving, shown.running) == (1, 3, 2, 3)


def test_the_picture_tells_where_a_rollout_stands_and_who_is_kept() -> None:
    rollout, observation, status = _observation()
    kept = replace(status, servers=status.servers | {"i-2": Server(phase=ServerPhase.KEPT, since=T0)})
    gated = replace(rollout, gates=Gates(checkpoints=(Amount(value=1), Amount(value=50, is_percentage=True))))

    assert picture(rollout, observation, kept).cells[1].state is ServerPhase.KEPT
    assert picture(gated, observation, changed(kept, closed_since=T0, passed=1)).stage == "at checkpoint 2 of 2 (50%)"
    assert picture(rollout, observation, changed(kept, baking_since=T0)).stage == "baking"
    assert picture(rollout, observation, replace(kept, rolling_back=True)).stage == "rolling back"
    assert picture(rollout, observation, kept).stage == ""


def test_the_live_view_shows_the_fleet_and_keeps_warnings() -> None:
    stream = io.StringIO()
    rollout, observation, status = _observation()
    console = Console(file=stream, force_terminal=True, width=120)

    with LiveView(console) as view:
        view.event("rollout.created", T0, rollout_id="web-1")
        view.event("preflight.warning", T0, message="mind the gap")
        view.observed(rollout, observation, replace(status, started_at=datetime.now(UTC)))
        view.event("instance.deregistered", T0, instance_ids=("i-2",))

    text = stream.getvalue()
    for words in ("1/3", "old, serving", "new, serving", "never below", "instance deregistered: i-2", "mind the gap"):
        assert words in text


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eevil\u2028forged\nline [red]x[/red] [link=http://evil]y[/link] :smile: \udc80"
SHOWN = (
    "\\x1b]0;owned\\x07\\x1b[2J\\u202eevil\\u2028forged\\nline [red]x[/red] [link=http://evil]y[/link] :smile: \\udc80"
)


def test_the_live_view_shows_hostile_text_and_obeys_none_of_it() -> None:
    stream = io.StringIO()
    rollout, observation, status = _observation()

    with LiveView(terminal(file=stream, force_terminal=True, width=400)) as view:
        view.event("rollout.warning", T0, message=HOSTILE)
        view.observed(replace(rollout, fleet=HOSTILE), observation, status)
        view.event("instance.serving", T0, cause=HOSTILE)

    text = stream.getvalue()
    assert text.count(SHOWN) >= 3
    for letter in ("\x1b]0", "\x07", "\x1b]8", "\u202e", "\u2028"):
        assert letter not in text


def test_plain_lines_and_tables_stay_one_line_each() -> None:
    stream = io.StringIO()

    PlainLines(stream).event("rollout.failure", T0, instance_id="i-1", cause=HOSTILE)
    FleetLines(stream).event("rollout.failure", T0, fleet_name=HOSTILE, cause=("x", HOSTILE))

    assert stream.getvalue().splitlines() == [
        f"{clock_time(T0)} rollout failure: i-1, {SHOWN}",
        f"{SHOWN}: {clock_time(T0)} rollout failure: x {SHOWN}",
    ]
    assert aligned([("reason", HOSTILE), ("a", "b")]).splitlines() == [f"reason  {SHOWN}", "a       b"]


def test_reports_lists_and_messages_show_hostile_text(capsys: pytest.CaptureFixture[str]) -> None:
    report = replace(build_report(busy_record(), at=T0), status=Outcome.STOPPED, reason=HOSTILE, warnings=(HOSTILE,))

    Output().result(report_text(report))
    Output().result(HOSTILE.replace("\n", " "))
    write_messages(next_step(report))

    out, err = capsys.readouterr()
    assert out.count(SHOWN) == 2
    assert err.count(SHOWN) == err.count("\n") == 1


def test_a_json_line_stays_one_line_of_valid_json() -> None:
    stream = io.StringIO()

    JsonLines(stream).event("x", T0, cause=HOSTILE, numbers=(float("inf"), 1), odd={1: {Outcome.PAUSED}})

    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {
        "event": "x",
        "at": "2026-01-01T00:00:00.000Z",
        "rollout_id": None,
        "cause": HOSTILE,
        "numbers": ["inf", 1],
        "odd": {"1": ["paused"]},
    }


def test_the_live_view_shows_which_approval_is_awaited_and_its_command() -> None:
    stream = io.StringIO()
    rollout, observation, status = _observation()
    gated = replace(rollout, gates=Gates(checkpoints=(Amount(value=1),), needs_approval=True))
    now = datetime.now(UTC)

    with LiveView(Console(file=stream, force_terminal=True, width=120)) as view:
        view.event("rollout.created", T0, rollout_id="web-1")
        view.observed(gated, observation, changed(replace(status, started_at=now), closed_since=now))

    text = stream.getvalue()
    assert "approval awaited for 0 s" in text
    assert "checkpoint 1 of 1: 1 of 3 servers on lt-1:2" in text
    assert "awsroll approve web-1 --checkpoint 1" in text
    assert "left" not in text
    assert "3 in total, none changed, 0 failed, 1 in flight" in text


def test_a_plain_line_says_an_awaited_approval_once() -> None:
    stream = io.StringIO()
    fields = {
        "checkpoint": 1,
        "checkpoints": 2,
        "updated": 1,
        "servers": 3,
        "command": "c",
        "message": "approve with c",
    }

    PlainLines(stream).event("approval.awaited", T0, **fields)

    assert stream.getvalue() == f"{clock_time(T0)} approval awaited: approve with c\n"


@pytest.mark.parametrize(
    ("outcome", "reason", "words"),
    [
        (Outcome.ROLLED_BACK, "rolled back by request", "rolled back by request"),
        (Outcome.ROLLED_BACK, "alarm a is in ALARM", "rolled back: alarm a is in ALARM"),
        (Outcome.PAUSED, "paused by request", "paused by request"),
        (Outcome.STOPPED, "aborted by request", "stopped: aborted by request"),
        (Outcome.SUCCEEDED, "", "succeeded"),
    ],
)
def test_no_text_says_an_outcome_twice(outcome: Outcome, reason: str, words: str) -> None:
    ended = replace(build_report(busy_record(), at=T0), status=outcome, reason=reason)

    assert f"status     {words}\n" in report_text(ended)
    assert next_step(ended).startswith(words if next_step(ended) else "")


def test_the_report_begins_with_the_dropped_requests() -> None:
    report = replace(build_report(busy_record(), at=T0), traffic=Traffic(requests=7, dropped=0, by_version={"v1": 7}))

    assert report_text(report).startswith("0 of 7 requests dropped; never fewer than - of ")


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        (Outcome.SUCCEEDED, ""),
        (Outcome.INTERRUPTED, "`awsroll resume web-1`"),
        (Outcome.PAUSED, "`awsroll resume web-1`"),
        (Outcome.ROLLED_BACK, "the fleet runs lt-1:1 again"),
        (Outcome.STOPPED, "`awsroll rollback web-1`"),
    ],
    ids=str,
)
def test_every_result_names_the_next_step(outcome: Outcome, advice: str) -> None:
    report = replace(build_report(busy_record(), at=T0), status=outcome, reason="no luck")

    step = next_step(report, serving="2 of 3 servers serve")

    assert advice in step
    assert bool(step) is bool(advice)


@pytest.mark.parametrize("quiet", [False, True], ids=["readable", "quiet"])
def test_json_on_standard_output_leaves_the_readable_lines_on_standard_error(
    capsys: pytest.CaptureFixture[str], *, quiet: bool
) -> None:
    with Output(json=True, quiet=quiet).progress() as sink:
        sink.event("instance.launched", T0, instance_ids=("i-1",))

    streams = capsys.readouterr()
    assert [json.loads(line)["event"] for line in streams.out.splitlines()] == ["instance.launched"]
    assert streams.err == ("" if quiet else f"{clock_time(T0)} instance launched: i-1\n")


def test_times_for_people_name_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert (clock_time(T0), local_moment(T0)) == ("09:00:00 JST", "2026-01-01 09:00:00 JST")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_lists_are_aligned() -> None:
    plain = record("web-10")
    by = "arn:aws:sts::123456789012:assumed-role/deploy/ci-42"
    named = replace(
        plain.rollout, started_by=by, message="fix the login", ref="4f2a1", template_names=(("lt-1", "web"),)
    )
    rollouts = (
        summarize(record("web-1"), is_driven=True),
        summarize(replace(plain, rollout=named), is_driven=False),
    )

    text = summaries_text(rollouts, now=T0 + timedelta(seconds=61))

    started = local_moment(T0).split()
    heading, first, second = (line.split() for line in text.splitlines())
    assert heading == ["ROLLOUT", "FLEET", "VERSION", "STATUS", "STARTED", "DURATION", "BY", "WHY"]
    assert first[-9:] == ["running", *started, "1", "min", "1", "s", "-"]
    assert second[-6:] == ["s", "deploy/ci-42", "fix", "the", "login", "(4f2a1)"]
    assert "web:" in text.splitlines()[2]
    assert len({line.index("web ") for line in text.splitlines()[1:]}) == 1


def test_a_list_has_who_approved_and_fits_a_narrow_terminal() -> None:
    known = record("web-10")
    requests = known.status.user_requests.approving(1).named("approve 1", "arn:aws:iam::123456789012:user/jo")
    known = replace(
        known,
        rollout=replace(known.rollout, started_by="arn:aws:iam::123456789012:user/al", message="fix the login"),
        status=changed(known.status, user_requests=requests.approving(2).named("approve 2", "root@vm")),
    )
    summary, now = summarize(known, is_driven=False), T0 + timedelta(seconds=61)

    wide, narrow = (summaries_text([summary], now=now, width=width).splitlines() for width in (None, 75))

    assert summary.approved_by == ("arn:aws:iam::123456789012:user/jo", "root@vm")
    assert wide[0].split()[-5:] == ["DURATION", "BY", "APPROVED", "BY", "WHY"]
    assert wide[1].endswith("al  jo, root@vm  fix the login")
    assert narrow == [
        "web-10  web  lt-1:1 -> lt-1:2  interrupted  1 min 1 s",
        f"    {local_moment(T0)} by al, approved by jo, root@vm: fix the login",
    ]


def test_a_line_breaks_between_words_and_never_within_a_command() -> None:
    text = "paused. Continue with `awsroll resume web-1 --state s3://a/b`, or not"

    lines = wrapped(text, 40)

    assert lines == ["paused. Continue with", "`awsroll resume web-1 --state s3://a/b`,", "or not"]
    assert wrapped(text, None) == [text]


def test_a_result_names_versions_by_their_template_and_says_a_cause_once() -> None:
    failed = busy_record()
    failed = replace(failed, rollout=replace(failed.rollout, template_names=(("lt-1", "web"),)))
    failure = Failure(instance_id="i-9", cause="not healthy", at=T0)
    status = changed(failed.status, failures=(failure,), reason="i-9: not healthy")
    report = replace(build_report(replace(failed, status=status), at=T0), status=Outcome.ROLLED_BACK)

    assert report_text(report).count("i-9: not healthy") == 1
    assert next_step(report).endswith("the fleet runs web:1 again")
    assert max(map(len, report_text(report, width=60).splitlines())) <= 60


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:iam::123456789012:user/teams/jo", "teams/jo"),
        ("arn:aws:sts::123456789012:assumed-role/deploy/ci", "deploy/ci"),
        ("arn:aws:iam::123456789012:root", "root"),
        ("", ""),
    ],
)
def test_callers_have_short_names(arn: str, name: str) -> None:
    assert who(arn) == name


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (61, "1 min 1 s"), (7800, "2 h 10 min")], ids=["seconds", "minutes", "hours"]
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_a_person_confirms_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    content = ("x" * 10_000,)

    show_instructions(Output(), [Instruction(kind=InstructionKind.COMMAND, content=content)])

    assert content[0] in capsys.readouterr().err
