"""The report as Markdown for a pull request or the summary of a pipeline: a screenful, whatever the size of the fleet.

Text from AWS is hostile here too: what could be markup, a link or a mention is escaped.
"""

import re
from collections.abc import Sequence

from awsroll.core.explain.explanation import explain_cause
from awsroll.core.model.duration_text import duration
from awsroll.core.model.status import Outcome
from awsroll.core.model.status_parts import Failure
from awsroll.core.timeline.course import Course
from awsroll.printable import printable
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

_MOST_FAILURES = 20
_MOST_SETTINGS = 20
_LONGEST_TEXT = 500
_COLUMNS = 48
_BARS = "▁▂▃▄▅▆▇█"
_MARKS = {Outcome.SUCCEEDED: "✅", Outcome.ROLLED_BACK: "❌", Outcome.STOPPED: "❌"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&@:])")


def markdown_page(story: Story) -> str:
    """Return the report of a rollout as Markdown."""
    report = story.report
    parts = [
        f"## {_MARKS.get(report.status, '⏸️')} {_text(headline(story))}",
        f"**{_text(outcome_words(story))}**" + (f": {_text(report.reason)}" if report.reason else ""),
        _text(lead(story)),
        _text(purpose(story)),
        _facts(story),
        _capacity(story.course),
        _failures(story),
        _table("Rehearsal", REHEARSAL_HEADING, rehearsal_rows(story)),
        _table("Gates", ("Checkpoint", "Reached", "Waited", "Approval"), gate_rows(story)),
        _table(
            "Step timings",
            ("Step", "Servers", "Median", "Slowest"),
            [
                (each.step, str(each.count), duration(each.median), f"{duration(each.slowest)} ({each.slowest_id})")
                for each in story.timings
            ],
        ),
        _table(
            "Settings changed and restored",
            ("After", "Change", "Reason"),
            [(duration(at), change, why) for at, change, why in story.settings[:_MOST_SETTINGS]],
        ),
        "\n".join(f"- ⚠️ {_text(warning)}" for warning in report.warnings[:_MOST_FAILURES]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(story: Story) -> str:
    report = story.report
    rows = [
        ("rollout", report.rollout_id),
        ("strategy", report.strategy),
        (
            "fewest serving, most live, most running",
            f"{report.min_serving if report.min_serving is not None else '-'}, {report.max_live}, {report.max_running}",
        ),
        ("extra instance hours", f"{story.surge_hours:.2f}"),
    ]
    if report.api_calls.total:
        rows.append(("API calls", f"{report.api_calls.total}, {report.api_calls.mutating} of them changes"))
    return _rows(("", ""), rows)


def _failures(story: Story) -> str:
    failures = story.failures
    rows = [(each.instance_id or "the rollout", each.cause, _fix(each)) for each in failures[:_MOST_FAILURES]]
    text = _table("Failures", ("Server", "Cause", "To try"), rows)
    hidden = len(failures) - _MOST_FAILURES
    return f"{text}\n\nand {hidden} more" if hidden > 0 else text


def _fix(failure: Failure) -> str:
    causes = explain_cause(failure.instance_id, failure.cause).causes
    return causes[0][1] if causes else "-"


def _capacity(course: Course) -> str:
    """Return the serving servers over time as a line of bars, with the lowest number of each column."""
    if not course.samples:
        return ""
    most = max(max(sample.serving, sample.ceiling) for _, sample in course.samples) or 1
    bars, new = [], []
    for column in range(_COLUMNS):
        begin, end = (course.seconds * edge / _COLUMNS for edge in (column, column + 1))
        current = [sample for at, sample in course.samples if begin <= at < end]
        before = [sample for at, sample in course.samples if at < end]
        shown = min(current or before[-1:] or [course.samples[0][1]], key=lambda sample: sample.serving)
        bars.append(_bar(shown.serving, most))
        new.append(_bar(shown.serving_new, most))
    last = course.samples[-1][1]
    limits = f"floor {last.floor}, ceiling {last.ceiling}"
    return f"```text\nserving      {''.join(bars)}  {limits}\nnew version  {''.join(new)}\n```"


def _bar(count: int, most: int) -> str:
    return _BARS[round(count / most * (len(_BARS) - 1))] if count else " "


def _table(title: str, heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"### {title}\n\n{_rows(heading, rows)}" if rows else ""


def _rows(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heading)} |", f"|{' --- |' * len(heading)}"]
    lines += [f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", printable(text, longest=_LONGEST_TEXT))
