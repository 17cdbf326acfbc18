"""The result as text: the closing report, a plan, a list. Plain aligned lines; no colours, no drawing of tables."""

from collections.abc import Sequence

from awsroll.core.model.status import Outcome
from awsroll.ports import Record
from awsroll.report import Report, RolloutPlan, RolloutSummary


def report_text(report: Report) -> str:
    """Return the closing report as lines for people."""
    rows = [
        ("rollout", report.rollout_id),
        ("status", report.status + (f": {report.reason}" if report.reason else "")),
        ("fleet", report.fleet),
        ("strategy", report.strategy),
        ("version", f"{report.from_version or '(none)'} -> {report.to_version}"),
        ("elapsed", duration(report.elapsed_s)),
        ("servers", _servers(report)),
        ("capacity", f"lowest serving {_or_dash(report.min_serving)}, highest running {report.max_running}"),
        ("API calls", f"{report.api_calls.total}, {report.api_calls.mutating} of them mutating"),
        *(("failure", f"{failure.instance_id or '-'}: {failure.cause}") for failure in report.failures),
        *(("warning", warning) for warning in report.warnings),
    ]
    if report.traffic is not None:
        served = ", ".join(f"{version}: {count}" for version, count in report.traffic.by_version.items())
        rows.append(("traffic", f"{report.traffic.requests} requests, served by {served}"))
        rows.append(("lowest", f"{_or_dash(report.traffic.lowest_serving)} servers took requests at the least"))
    lines = aligned(rows)
    return lines if report.traffic is None else f"{lines}\n{report.traffic.dropped} dropped"


def _servers(report: Report) -> str:
    counts = report.instances
    changed = ", ".join(
        f"{count} {word}"
        for count, word in ((counts.replaced, "replaced"), (counts.reloaded, "reloaded"), (counts.skipped, "skipped"))
        if count
    )
    return f"{counts.total} found, {changed or 'none changed'}, {counts.failed} failed"


def how_to_go_on(report: Report, *, serving: str = "") -> str:
    """Return what a person should do next; empty if nothing.

    Args:
        report: how the rollout ended.
        serving: what serves now, in words.
    """
    rollout = report.rollout_id
    if report.status is Outcome.INTERRUPTED:
        return f"interrupted; the record is saved: `awsroll resume {rollout}` goes on"
    if report.status is Outcome.PAUSED:
        return f"paused: {report.reason}; when that is mended, `awsroll resume {rollout}` goes on"
    if report.status is Outcome.ROLLED_BACK:
        back = report.from_version or "the old version"
        said = serving or "What was healthy still serves"
        return f"rolled back: {report.reason}. {said}; the fleet is on {back} again"
    if report.status is Outcome.STOPPED:
        return (
            f"stopped: {report.reason}. {serving or 'What was healthy still serves'}. Mend the cause and roll again: "
            f"servers on the new version are skipped; or go back with `awsroll rollback {rollout}`"
        )
    return ""


def plan_text(plan: RolloutPlan) -> str:
    """Return a plan as lines for people."""
    rows = [
        ("fleet", plan.fleet),
        ("strategy", f"{plan.strategy}, {plan.at_a_time} at a time"),
        ("version", f"{plan.from_version or '(none)'} -> {plan.to_version}"),
        ("servers", f"{len(plan.order)} to go, {plan.skipped} skipped, {plan.desired} desired"),
        ("capacity", f"serving never below {plan.lowest_serving}, running never above {plan.highest_running}"),
        ("duration", f"about {duration(plan.estimated_seconds)}"),
        *_cost_of_keeping(plan),
        *(("warning", finding.message) for finding in plan.findings),
    ]
    order = [
        (str(number), f"{one.instance_id}  {one.zone}  {one.version or '?'}")
        for number, one in enumerate(plan.order, 1)
    ]
    return "\n".join(part for part in (aligned(rows), aligned(order)) if part)


def _cost_of_keeping(plan: RolloutPlan) -> list[tuple[str, str]]:
    if not plan.kept_server_hours:
        return []
    cost = f"{plan.kept_server_hours:g} server hours"
    return [("kept", f"the {len(plan.order)} old servers run on through the bake time: {cost}")]


def status_text(record: Record, summary: RolloutSummary) -> str:
    """Return where one rollout stands as lines for people."""
    status = record.status
    counters = status.counters
    rows = [
        ("rollout", summary.rollout_id),
        ("status", summary.status + (f": {summary.reason}" if summary.reason else "")),
        ("phase", summary.phase.value),
        ("fleet", summary.fleet),
        ("strategy", summary.strategy),
        ("version", f"{summary.from_version or '(none)'} -> {summary.to_version}"),
        ("started", f"{summary.started_at:%Y-%m-%d %H:%M:%SZ}"),
        ("servers", f"{counters.replaced} replaced, {counters.reloaded} reloaded, {len(status.flights)} in flight"),
        ("capacity", f"lowest serving {_or_dash(counters.lowest_serving)}, highest running {counters.highest_live}"),
        *((f"{flight.step}", name) for name, flight in sorted(status.flights.items())),
        *(("failure", f"{failure.instance_id or '-'}: {failure.cause}") for failure in status.failures),
        *(("warning", warning) for warning in status.warnings),
    ]
    return aligned(rows)


def summaries_text(summaries: Sequence[RolloutSummary]) -> str:
    """Return known rollouts, one a line."""
    heading = ("ROLLOUT", "FLEET", "STATUS", "PHASE", "STARTED")
    rows = [
        (one.rollout_id, one.fleet, one.status.value, one.phase.value, f"{one.started_at:%Y-%m-%d %H:%M:%SZ}")
        for one in summaries
    ]
    return aligned([heading, *rows])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines whose columns start at the same place."""
    if not rows:
        return ""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def duration(seconds: float) -> str:
    """Return a duration for people: `48 s`, `12 min 5 s`, `2 h 10 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)
