"""Report files: HTML that opens offline and is safe to open, Markdown for a pipeline's summary, JUnit XML and JSON."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from awsroll.core.model.phases import ServerPhase, UntouchedServer
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.timeline.course import Course, Fact, Lane, Sample, Stay
from awsroll.errors import SpecError
from awsroll.report.report_files import ReportFormat, format_of, written_as
from awsroll.report.story import Story, tell
from tests.stores.records import T0, busy_record

HOSTILE = "<script>alert(1)</script> \"'`|[x](javascript:1) \x1b[2J\u202e\x00 http://evil.example/ @everyone"
_VOID = {"meta", "br", "link", "img", "hr", "input"}


def course(servers: int = 2, *, text: str = "") -> Course:
    """Return a course in which each server is replaced, one every ten seconds."""
    lanes, samples = list[Lane](), list[tuple[float, Sample]]()
    for number in range(servers):
        zone, at = f"zone-{'abc'[number % 3]}", number * 10.0
        left = (Stay(at=0, state=UntouchedServer.OUTDATED), Stay(at=at, state=ServerPhase.DRAINING, reason=text))
        lanes.append(
            Lane(
                instance_id=f"i-old{number}{text}", zone=zone, version="v1", stays=(*left, Stay(at=at + 30, state=None))
            )
        )
        arriving = (Stay(at=at + 1, state=ServerPhase.LAUNCHING), Stay(at=at + 5, state=ServerPhase.VERIFYING))
        arrived = Stay(at=at + 9, state=UntouchedServer.CURRENT)
        lanes.append(Lane(instance_id=f"i-new{number}", zone=zone, version="v2", stays=(*arriving, arrived)))
        sample = Sample(
            serving_old=servers - number - 1,
            serving_new=number,
            live=servers,
            with_draining=servers + 1,
            floor=servers - 1,
            ceiling=servers,
            desired=servers,
        )
        samples.append((at, sample))
    facts = (
        Fact(at=1, name="group.processes-suspended", fields={"change": f"web: suspended AZRebalance{text}"}),
        Fact(at=2, name="checkpoint.reached", fields={"number": "1"}),
        Fact(at=9, name="checkpoint.passed", fields={"number": "1", "by": f"ana{text}"}),
    )
    end = servers * 10.0 + 30
    return Course(started_at=T0, samples=tuple(samples), lanes=tuple(lanes), facts=facts, seconds=end)


def story(servers: int = 2, *, text: str = "", outcome: Outcome = Outcome.SUCCEEDED) -> Story:
    record = busy_record()
    failures = tuple(replace(failure, cause=f"{failure.cause}{text}") for failure in record.status.failures)
    status = replace(
        record.status,
        mode=Mode.ENDED,
        outcome=outcome,
        reason=text,
        ended_at=T0 + timedelta(seconds=90),
        failures=failures,
        warnings=(f"look at this{text}",),
    )
    rollout = replace(record.rollout, fleet=f"web{text}")
    return tell(replace(record, rollout=rollout, status=status), course(servers, text=text), at=T0)


class Page(HTMLParser):
    """Checks that each element is closed in order, and collects the elements and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("text", ["", HOSTILE], ids=["plain", "hostile"])
def test_the_page_is_well_formed_and_refers_to_nothing_outside(text: str) -> None:
    html = written_as(story(text=text, outcome=Outcome.ROLLED_BACK), ReportFormat.HTML)
    page = Page(html)

    assert page.open == []
    assert set(page.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "b", "i", "span", "div"),
        *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg", "path", "text"),
    }
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("href", "src", "style")]
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", html)


def test_the_page_has_both_colour_schemes_and_fits_its_size() -> None:
    small, large = (written_as(story(servers), ReportFormat.HTML) for servers in (9, 1000))

    assert "prefers-color-scheme:dark" in small
    assert len(small.encode()) < 1_000_000
    assert len(large.encode()) < 5_000_000


def test_the_page_tells_the_story() -> None:
    text = re.sub("<[^>]+>", " ", written_as(story(), ReportFormat.HTML))

    for words in (
        "web: lt-1:1 -&gt; lt-1:2",
        "Target.Timeout",
        "web: suspended AZRebalance",
        "checkpoint 1",
        "draining",
        "look at this",
        "extra instance hours",
    ):
        assert words in text, words


def test_a_report_says_who_started_the_rollout_and_why() -> None:
    plain = story()
    named = replace(plain.report, started_by="arn:aws:iam::123456789012:user/jo", message="fix login", ref="v2")

    page, text = (written_as(replace(plain, report=named), form) for form in (ReportFormat.HTML, ReportFormat.MARKDOWN))

    assert "Started by arn:aws:iam::123456789012:user/jo: fix login (v2)" in page
    assert "user/jo\\: fix login (v2)" in text
    assert "Started by" not in written_as(plain, ReportFormat.HTML)


def test_a_page_without_a_timeline_says_so() -> None:
    result = tell(busy_record(), Course(started_at=T0), at=T0 + timedelta(seconds=9))

    html = written_as(result, ReportFormat.HTML)

    assert "no timeline of this rollout" in html
    assert "<svg" not in html


def test_markdown_escapes_what_could_be_markup_and_stays_short() -> None:
    markdown = written_as(story(1000, text=HOSTILE), ReportFormat.MARKDOWN)

    assert len(markdown) < 20_000
    assert "<script>" not in markdown
    assert "\x1b" not in markdown
    assert not re.search(r"(?<!\\)\]\(", markdown)
    assert " @everyone" not in markdown
    assert all(line.count("|") - line.count("\\|") in (0, 3, 4, 5) for line in markdown.splitlines())


def test_junit_has_a_test_for_the_rollout_its_promise_and_each_new_server() -> None:
    suite = ET.fromstring(  # noqa: S314 - our own text
        written_as(story(text="<&\x01", outcome=Outcome.ROLLED_BACK), ReportFormat.JUNIT)
    )

    names = [case.get("name") for case in suite]
    assert names == ["rollout web-1", "serving capacity never below the floor", "i-new0", "i-new1", "i-9"]
    assert suite.get("tests") == "5"
    assert suite.get("failures") == "2"
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["rollout web-1", "i-9"]


def test_json_has_the_report_and_the_timeline() -> None:
    result = json.loads(written_as(story(), ReportFormat.JSON))

    assert result["status"] == "succeeded"
    assert [gate["approval"] for gate in result["gates"]] == ["not needed"]
    assert result["timings"][0] == {
        "step": "draining",
        "count": 2,
        "median": 30.0,
        "slowest": 30.0,
        "slowest_id": "i-old0",
        "by_zone": [["zone-a", 30.0], ["zone-b", 30.0]],
    }
    assert result["surge_hours"] == round(50 / 3600, 3)
    assert len(result["servers"]) == 4


def rehearsed(*facts: Fact) -> Story:
    """Return the story of a rollout with a rehearsal and these events."""
    record = busy_record()
    gates = replace(record.rollout.gates, rehearses=True)
    events = replace(course(), facts=facts)
    return tell(replace(record, rollout=replace(record.rollout, gates=gates)), events, at=T0)


RETURNS = Fact(at=80, name="rehearsal.returns", fields={"server": "i-new0", "verdict": "errors: continue"})
PASSED = Fact(at=200, name="rehearsal.passed", fields={"verdict": "errors: wait"})


def test_the_report_has_a_section_about_the_rehearsal_in_each_format() -> None:
    shown = rehearsed(RETURNS, PASSED)
    html, markdown = (written_as(shown, kind) for kind in (ReportFormat.HTML, ReportFormat.MARKDOWN))

    assert json.loads(written_as(shown, ReportFormat.JSON))["rehearsal"] == [
        {"way": "to the new version", "server": "i-new0", "seconds": 80, "verdict": "errors: continue"},
        {"way": "back", "server": "i-new0", "seconds": 120, "verdict": "errors: wait"},
    ]
    assert "### Rehearsal" in markdown
    assert "| back | i-new0 | 2 min 0 s | errors\\: wait |" in markdown
    assert "<h2>Rehearsal</h2>" in html
    assert "1 min 20 s" in html


def test_the_report_says_which_way_of_a_rehearsal_did_not_pass() -> None:
    ways = [[(each.way, each.seconds) for each in rehearsed(*facts).rehearsal] for facts in ((), (RETURNS,))]

    assert ways == [[("to the new version", None)], [("to the new version", 80), ("back", None)]]
    assert "did not pass" in written_as(rehearsed(RETURNS), ReportFormat.MARKDOWN)


def test_a_rollout_without_a_rehearsal_has_no_section_about_one() -> None:
    assert "Rehearsal" not in written_as(story(), ReportFormat.MARKDOWN)


def test_the_name_of_the_file_chooses_the_format() -> None:
    assert format_of("out/Report.HTML") is ReportFormat.HTML
    with pytest.raises(SpecError, match=r"report\.pdf: a report file ends in"):
        format_of("report.pdf")
