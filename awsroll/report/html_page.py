"""The report as one HTML page that opens offline: no script, no image, no font, no address of anything outside."""

from collections.abc import Iterable
from datetime import UTC
from xml.etree.ElementTree import Element

from awsroll.core.explain.explanation import explain_cause
from awsroll.core.model.duration_text import duration
from awsroll.core.model.phases import ServerPhase, UntouchedServer
from awsroll.core.model.status import Outcome
from awsroll.core.timeline.cell import LETTERS, CellState
from awsroll.core.timeline.figures import lowest_serving, spells
from awsroll.printable import printable
from awsroll.report.markup import add, add_table, as_html, element
from awsroll.report.page_style import STYLE
from awsroll.report.sentences import (
    REHEARSAL_HEADING,
    gate_rows,
    headline,
    lead,
    outcome_words,
    purpose,
    rehearsal_rows,
)
from awsroll.report.story import Story
from awsroll.report.svg_charts import capacity_chart, clock_text, lanes_chart

_BADGES = {Outcome.SUCCEEDED: "good", Outcome.ROLLED_BACK: "bad", Outcome.STOPPED: "bad"}
_LONGEST_CAUSE = 20_000
_LEGEND: tuple[CellState, ...] = (
    UntouchedServer.OUTDATED,
    UntouchedServer.CURRENT,
    ServerPhase.DRAINING,
    ServerPhase.LAUNCHING,
    ServerPhase.RELOADING,
    ServerPhase.KEPT,
    ServerPhase.TERMINATING,
    ServerPhase.FAILED,
    UntouchedServer.SKIPPED,
)
_LEGEND_WORDS: dict[CellState, str] = {
    ServerPhase.LAUNCHING: "launching, verifying, returning",
    ServerPhase.FAILED: "failed, unhealthy",
}


def html_page(story: Story) -> str:
    """Return the report of a rollout as an HTML document."""
    root = element("html", lang="en")
    head = add(root, "head")
    add(head, "meta", charset="utf-8")
    add(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    add(head, "title", headline(story))
    add(head, "style").text = STYLE
    main = add(add(root, "body"), "main")
    _summary(main, story)
    _failures(main, story)
    _charts(main, story)
    _rehearsal(main, story)
    _gates(main, story)
    _timings(main, story)
    _settings(main, story)
    _calls(main, story)
    _details(main, story)
    return as_html(root)


def _summary(main: Element, story: Story) -> None:
    report = story.report
    add(main, "h1", headline(story))
    line = add(main, "p")
    add(line, "span", outcome_words(story), class_=f"badge {_BADGES.get(report.status, 'wait')}")
    add(main, "p", lead(story), class_="lead")
    if report.reason:
        add(main, "p", report.reason)
    grid = add(main, "div", class_="facts")
    for name, value in _facts(story):
        fact = add(grid, "div", class_="fact")
        add(fact, "b", value)
        add(fact, "span", name)
    rollout = f"Rollout {report.rollout_id}, {report.strategy}, region {story.rollout.region or '-'}."
    started, ended = (f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" for at in (report.started_at, report.ended_at))
    add(main, "p", f"{rollout} From {started} to {ended}.", class_="soft")
    if sentence := purpose(story):
        add(main, "p", sentence, class_="soft")
    for warning in report.warnings:
        add(main, "p", f"Warning: {warning}")


def _facts(story: Story) -> Iterable[tuple[str, str]]:
    report, counts = story.report, story.report.instances
    changed = counts.reloaded if story.rollout.reloads else counts.replaced
    lowest = report.min_serving if report.min_serving is not None else lowest_serving(story.course)
    yield ("reloaded" if story.rollout.reloads else "replaced"), f"{changed} of {counts.total}"
    yield "failed", str(counts.failed)
    yield "duration", duration(report.elapsed_s)
    yield "fewest serving", "-" if lowest is None else str(lowest)
    yield "most live, most running with draining", f"{report.max_live}, {report.max_running}"
    yield "extra instance hours", f"{story.surge_hours:.2f}"
    if report.api_calls.total:
        yield f"API calls, {report.api_calls.mutating} of them changes", str(report.api_calls.total)
    if report.traffic is not None:
        yield "requests dropped", f"{report.traffic.dropped} of {report.traffic.requests}"


def _failures(main: Element, story: Story) -> None:
    if not story.failures:
        return
    add(main, "h2", "Failures")
    for failure in story.failures:
        box = add(main, "div", class_="failure")
        seconds = (failure.at - story.report.started_at).total_seconds()
        add(box, "b", f"{failure.instance_id or 'the rollout'} after {duration(seconds)}")
        add(box, "p").text = printable(failure.cause, longest=_LONGEST_CAUSE)
        for cause, fix in explain_cause(failure.instance_id, failure.cause).causes[:1]:
            add(box, "p", f"Most likely {cause}. {fix}.")


def _charts(main: Element, story: Story) -> None:
    course = story.course
    if not course.samples:
        add(main, "p", "There is no timeline of this rollout, so the report has no charts.", class_="soft")
        return
    add(main, "h2", "Capacity")
    legend = add(main, "div", class_="legend")
    entries = (("N", "serving, new"), ("O", "serving, old"), ("live stroke", "live"))
    for name, words in (*entries, ("running stroke", "with draining"), ("limit stroke", "floor and ceiling")):
        _legend_entry(legend, name, words)
    main.append(capacity_chart(story))
    add(main, "h2", "Servers")
    legend = add(main, "div", class_="legend")
    for state in _LEGEND:
        _legend_entry(legend, LETTERS[state], _LEGEND_WORDS.get(state, str(state)))
    holder = add(main, "div", class_="tall")
    holder.append(lanes_chart(course))
    if not course.is_complete:
        add(main, "p", "The timeline was full before the end: the last part is not shown.", class_="soft")


def _legend_entry(legend: Element, name: str, words: str) -> None:
    mark = add(add(legend, "span"), "i", class_=name)
    mark.tail = words


def _rehearsal(main: Element, story: Story) -> None:
    if story.rehearsal:
        add(main, "h2", "Rehearsal")
        add_table(main, REHEARSAL_HEADING, rehearsal_rows(story))


def _gates(main: Element, story: Story) -> None:
    if story.gates:
        add(main, "h2", "Gates")
        add_table(main, ("Checkpoint", "Reached", "Waited", "Approval"), gate_rows(story))


def _timings(main: Element, story: Story) -> None:
    if not story.timings:
        return
    zones = sorted({zone for timing in story.timings for zone, _ in timing.by_zone})
    add(main, "h2", "Step timings")
    rows = []
    for timing in story.timings:
        by_zone = dict(timing.by_zone)
        slowest = f"{duration(timing.slowest)} ({timing.slowest_id})"
        medians = [duration(by_zone[zone]) if zone in by_zone else "-" for zone in zones]
        rows.append((timing.step, timing.count, duration(timing.median), slowest, *medians))
    add_table(main, ("Step", "Servers", "Median", "Slowest", *(f"Median in {zone}" for zone in zones)), rows)


def _settings(main: Element, story: Story) -> None:
    if story.settings:
        add(main, "h2", "Settings changed and restored")
        rows = [(clock_text(at), change, reason) for at, change, reason in story.settings]
        add_table(main, ("Time", "Change", "Reason"), rows)


def _calls(main: Element, story: Story) -> None:
    counts = story.report.api_calls.by_operation
    if counts:
        add(main, "h2", "API calls")
        by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        details = add(main, "details")
        add(details, "summary", f"{story.report.api_calls.total} calls of {len(counts)} operations")
        add_table(details, ("Operation", "Calls"), by_count)


def _details(main: Element, story: Story) -> None:
    course = story.course
    if course.lanes:
        details = add(main, "details")
        add(details, "summary", f"Each of {len(course.lanes)} servers")
        rows = [
            (
                spell.lane.instance_id,
                spell.lane.zone,
                spell.lane.version,
                str(spell.state),
                clock_text(spell.begin),
                duration(spell.seconds),
            )
            for spell in spells(course)
            if spell.state is not UntouchedServer.OUTDATED
        ]
        add_table(details, ("Server", "Zone", "Version", "State", "From", "For"), rows)
    if course.facts:
        details = add(main, "details")
        add(details, "summary", f"{len(course.facts)} events")
        events = [
            (clock_text(fact.at), fact.name, ", ".join(f"{key} {value}" for key, value in fact.fields.items()))
            for fact in course.facts
        ]
        add_table(details, ("Time", "Event", "Details"), events)
