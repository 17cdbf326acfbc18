"""The result of many fleets as text: one line a fleet under its wave, and how to go on."""

from awsroll.cli.render_report import aligned, duration
from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetEnding
from awsroll.report import FleetReport, FleetsReport


def wave_heading(name: str, concurrency: int, tolerated: int, fleets: int) -> str:
    """Return what a wave is: `wave canary: 3 fleets, 1 at a time, 0 may fail`."""
    return (
        f"wave {name}: {fleets} {'fleet' if fleets == 1 else 'fleets'}, {concurrency} at a time, {tolerated} may fail"
    )


def fleets_text(report: FleetsReport) -> str:
    """Return the closing report of many fleets as lines for people."""
    lines = [f"status   {report.status}", f"elapsed  {duration((report.ended_at - report.started_at).total_seconds())}"]
    for wave in report.waves:
        lines.append(f"wave {wave.name}: {_words(wave.status)}")
        lines.append(aligned([_row(fleet) for fleet in wave.fleets]))
    return "\n".join(lines)


def advice_on(report: FleetsReport) -> list[str]:
    """Return what a person should do next about all of them together; empty if nothing."""
    said = [f"{one.fleet_name}: refused: {one.reason}" for one in report.fleets if one.status is FleetEnding.REFUSED]
    left = [one.fleet_name for one in report.fleets if one.status is FleetEnding.NOT_BEGUN]
    again = "`awsroll roll -f` with the same file goes on: what is done is left alone"
    if report.status is Outcome.INTERRUPTED:
        said.append(f"interrupted; the records are saved: {again}")
    if left:
        said.append(f"not begun: {', '.join(left)}")
    if left and report.status is not Outcome.INTERRUPTED:
        said.append(f"more fleets failed than the wave tolerates: mend the cause, then {again}")
    return said


def _row(fleet: FleetReport) -> tuple[str, ...]:
    report = fleet.report
    if report is None:
        return (f"  {fleet.fleet_name}", _words(fleet.status), "", "")
    done = report.instances.replaced + report.instances.reloaded
    counts = f"{done} of {report.instances.total} changed, {report.instances.failed} failed"
    return (f"  {fleet.fleet_name}", _words(fleet.status), report.rollout_id, counts)


def _words(ending: FleetEnding) -> str:
    return ending.value.replace("_", " ")
