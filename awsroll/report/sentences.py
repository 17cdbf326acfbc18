"""The sentences and rows that every format of a report shares."""

from awsroll.core.model.duration_text import duration
from awsroll.core.model.status import Outcome
from awsroll.report.story import Story
from awsroll.report.svg_charts import clock_text


def headline(story: Story) -> str:
    """Return what was rolled: `web: lt-1:1 -> lt-1:2`."""
    report = story.report
    return f"{report.fleet}: {report.versions}"


def outcome_words(story: Story) -> str:
    """Return how the rollout ended, in words."""
    return story.report.status.value.replace("_", " ")


def purpose(story: Story) -> str:
    """Return who started the rollout and why, in one sentence; empty if neither is known."""
    report = story.report
    why = f"{report.message} ({report.ref})" if report.message and report.ref else report.message or report.ref
    by = f"Started by {report.started_by}" if report.started_by else ""
    return ": ".join(part for part in (by, why) if part)


def lead(story: Story) -> str:
    """Return the result in one sentence, with the promise first."""
    report, counts = story.report, story.report.instances
    changed, how = (counts.reloaded, "reloaded") if story.rollout.reloads else (counts.replaced, "replaced")
    words = [f"{changed} of {counts.total} servers {how} in {duration(report.elapsed_s)}"]
    if report.min_serving is not None:
        words.append(f"never fewer than {report.min_serving} serving")
    if report.traffic is not None:
        words.insert(0, f"{report.traffic.dropped} of {report.traffic.requests} requests dropped")
    if report.status is not Outcome.SUCCEEDED:
        words.append(f"{counts.failed} failed")
    return "; ".join(words) + "."


REHEARSAL_HEADING = ("Way", "Server", "Took", "Judge")


def rehearsal_rows(story: Story) -> list[tuple[str, str, str, str]]:
    """Return a row for each way of the rehearsal that began: which way, the server, how long, and the verdict."""
    return [
        (
            each.way,
            each.server or "-",
            "did not pass" if each.seconds is None else duration(each.seconds),
            each.verdict or "-",
        )
        for each in story.rehearsal
    ]


def gate_rows(story: Story) -> list[tuple[str, str, str, str]]:
    """Return a row for each checkpoint that was reached: its name, when, how long it waited, and the approval."""
    rows = []
    for gate in story.gates:
        waited = "still waits" if gate.opened_at is None else duration(gate.opened_at - gate.reached_at)
        name = f"{gate.number} ({gate.checkpoint})" if gate.checkpoint else str(gate.number)
        rows.append((name, clock_text(gate.reached_at), waited, gate.approval))
    return rows
