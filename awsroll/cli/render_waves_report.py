"""The result of many fleets as text: one line per fleet under its wave, and the next steps."""

from awsroll.cli.aligned_text import aligned
from awsroll.core.model.duration_text import duration
from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetEnding
from awsroll.report import FleetReport, FleetsReport


def wave_heading(name: str, concurrency: int, tolerated: int, fleets: int) -> str:
    """Return the heading of a wave, such as `wave canary: 3 fleets, 1 at a time, 0 may fail`."""
    return (
        f"wave {name}: {fleets} {'fleet' if fleets == 1 else 'fleets'}, {concurrency} at a time, {tolerated} may fail"
    )


def fleets_text(report: FleetsReport) -> str:
    """Return the closing report of many fleets as lines."""
    lines = [f"status   {report.status}", f"elapsed  {duration((report.ended_at - report.started_at).total_seconds())}"]
    for wave in report.waves:
        lines.append(f"wave {wave.name}: {_words(wave.status)}")
        lines.append(aligned([_row(fleet) for fleet in wave.fleets]))
    return "\n".join(lines)


def next_steps(report: FleetsReport) -> list[str]:
    """Return what the user should know and do next about all fleets together; empty after success."""
    refused = [fleet for fleet in report.fleets if fleet.status is FleetEnding.REFUSED]
    not_begun = [fleet.fleet_name for fleet in report.fleets if fleet.status is FleetEnding.NOT_BEGUN]
    again = "`awsroll roll -f` with the same file; fleets that are done are left alone"
    messages = [f"{fleet.fleet_name}: refused: {fleet.reason}" for fleet in refused]
    if report.status is Outcome.INTERRUPTED:
        messages.append(f"interrupted; the records are saved. Continue with {again}")
    if not_begun:
        messages.append(f"not begun: {', '.join(not_begun)}")
    if not_begun and report.status is not Outcome.INTERRUPTED:
        messages.append(f"more fleets failed than the wave tolerates. Fix the cause, then continue with {again}")
    return messages


def _row(fleet: FleetReport) -> tuple[str, ...]:
    report = fleet.report
    if report is None:
        return (f"  {fleet.fleet_name}", _words(fleet.status), "", "")
    done = report.instances.replaced + report.instances.reloaded
    counts = f"{done} of {report.instances.total} changed, {report.instances.failed} failed"
    return (f"  {fleet.fleet_name}", _words(fleet.status), report.rollout_id, counts)


def _words(ending: FleetEnding) -> str:
    return ending.value.replace("_", " ")
