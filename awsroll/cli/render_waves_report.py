"""The result of many fleets as text: one line per fleet under its wave, and the next steps."""

from awsroll.cli.aligned_text import aligned
from awsroll.core.model.duration_text import duration
from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetEnding, OnWaveFailure
from awsroll.report import FleetReport, FleetsReport, WavePlan


def wave_heading(wave: WavePlan) -> str:
    """Return the heading of a wave, such as `wave canary: 3 fleets, 1 at a time, 0 may fail`."""
    count = len(wave.fleets)
    limits = (
        f"{count} {'fleet' if count == 1 else 'fleets'}",
        f"{wave.concurrency} at a time",
        f"{wave.tolerated_failures} may fail",
        *((f"bakes for {duration(wave.bake_seconds)}",) if wave.bake_seconds else ()),
        *((f"alarms {', '.join(wave.alarms)}",) if wave.alarms else ()),
        *((f"judge {wave.judge}",) if wave.judge else ()),
        *(() if wave.on_failure is OnWaveFailure.STOP else (f"on failure {wave.on_failure}",)),
    )
    return f"wave {wave.name}: {', '.join(limits)}"


def fleets_text(report: FleetsReport) -> str:
    """Return the closing report of many fleets as lines."""
    lines = [f"status   {report.status}", f"elapsed  {duration((report.ended_at - report.started_at).total_seconds())}"]
    for wave in report.waves:
        why = f": {wave.reason}" if wave.reason else ""
        lines.append(f"wave {wave.name}: {_words(wave.status)}{why}")
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
        failed = [wave for wave in report.waves if wave.reason]
        messages += [f"wave {wave.name} has failed: {wave.reason}" for wave in failed]
        messages.append(f"fix the cause, then continue with {again}")
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
