"""Results as text for people: the closing report, the state of a rollout, a list of rollouts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from awsroll.cli.aligned_text import aligned, labelled
from awsroll.cli.local_time import local_moment
from awsroll.cli.render_history import purpose_rows, started_text
from awsroll.core.classify.counts import ServerCounts, count_servers
from awsroll.core.model.duration_text import duration
from awsroll.core.model.status import Outcome
from awsroll.core.observe.judged_record import current_judgements

if TYPE_CHECKING:
    from awsroll.core.decide.approvals import AwaitedApproval
    from awsroll.core.model.finding import CheckResult
    from awsroll.core.model.status_parts import Failure
    from awsroll.ports import Record
    from awsroll.report import Failed, InstanceCounts, Report, RolloutSummary, Traffic


def report_text(report: "Report", *, width: int | None = None) -> str:
    """Return the closing report as aligned lines. Under live traffic, what the requests saw comes first.

    Args:
        report: how the rollout ended.
        width: the columns of the terminal; None: no line is wrapped.
    """
    rows = [
        ("rollout", report.rollout_id),
        ("status", report.status.because(report.reason)),
        ("fleet", report.fleet),
        ("strategy", report.strategy),
        ("version", report.versions),
        *purpose_rows(report),
        ("elapsed", duration(report.elapsed_s)),
        ("servers", servers_text(report.instances)),
        ("capacity", _highest(report.min_serving, live=report.max_live, running=report.max_running)),
        *_saved_rows(report),
        ("API calls", f"{report.api_calls.total}, of which {report.api_calls.mutating} change resources"),
        *(("failure", words) for words in map(_failure_text, report.failures) if words != report.reason),
        *(("warning", warning) for warning in report.warnings),
    ]
    if report.traffic is not None:
        answered = ", ".join(f"{version}: {count}" for version, count in report.traffic.by_version.items())
        rows.append(("traffic", f"{report.traffic.requests:,} requests, answered by {answered}"))
    lines = labelled(rows, width)
    return lines if report.traffic is None else f"{promise_text(report.traffic, report.instances.total)}\n{lines}"


def _failure_text(failure: "Failed | Failure") -> str:
    return f"{failure.instance_id or '-'}: {failure.cause}"


def promise_text(traffic: "Traffic", servers: int) -> str:
    """Return how many requests were dropped, and the fewest servers that took requests."""
    lowest = f"never fewer than {_or_dash(traffic.lowest_serving)} of {servers} servers took requests"
    return f"{traffic.dropped:,} of {traffic.requests:,} requests dropped; {lowest}"


def _saved_rows(report: "Report") -> list[tuple[str, str]]:
    saved = report.drain_seconds_saved
    return [("drains", f"ended {duration(saved)} early in all, by the drain probe")] if saved else []


def servers_text(counts: "InstanceCounts | ServerCounts") -> str:
    """Return the counts of a rollout in words, the same everywhere."""
    changed = ", ".join(
        f"{count} {word}"
        for count, word in ((counts.replaced, "replaced"), (counts.reloaded, "reloaded"), (counts.skipped, "skipped"))
        if count
    )
    return f"{counts.total} in total, {changed or 'none changed'}, {counts.failed} failed"


def next_step(report: "Report", *, serving: str = "") -> str:
    """Return what the user should know and do next; empty after success.

    Args:
        report: how the rollout ended.
        serving: which servers serve now, in words.
    """
    rollout, serving = report.rollout_id, serving or "Healthy servers still serve"
    ended = report.status.because(report.reason)
    if report.status is Outcome.INTERRUPTED:
        return f"interrupted; the record is saved. Continue with `awsroll resume {rollout}`"
    if report.status is Outcome.PAUSED and report.approval is not None and not report.approval.answer:
        approve = f"Approve with `{report.approval.command}` (or add --reject)"
        return f"paused at {report.approval.place}: {report.reason}. {approve}, then `awsroll resume {rollout}`"
    if report.status is Outcome.PAUSED:
        return f"{ended}. Resolve this if needed, then continue with `awsroll resume {rollout}`"
    if report.status is Outcome.ROLLED_BACK:
        back = report.from_name or report.from_version or "the old version"
        return f"{ended}. {serving}; the fleet runs {back} again"
    if report.status is Outcome.STOPPED:
        return (
            f"{ended}. {serving}. Fix the cause and roll again (servers on the new version are "
            f"skipped), or return to the old version with `awsroll rollback {rollout}`"
        )
    return ""


def rollback_text(record: "Record") -> str:
    """Return what a rollback would do, from the record of the rollout."""
    rollout, counts = record.rollout, count_servers(record.rollout, record.status)
    seen = "never" if record.status.observed_at is None else local_moment(record.status.observed_at)
    back = rollout.to_baseline().to_version if rollout.reloads or rollout.baseline_template else rollout.from_version
    rows = [
        ("rollout", f"{rollout.rollout_id}, {record.status.outcome.value.replace('_', ' ')}"),
        ("fleet", rollout.fleet),
        ("version", f"{rollout.to_name} -> {rollout.name_of(back) or '(none)'}"),
        ("strategy", rollout.strategy.value),
        ("servers", f"{counts.updated} of {counts.wanted} on {rollout.to_name}; last observed {seen}"),
    ]
    return aligned(rows)


def checks_text(checks: "Sequence[CheckResult]") -> str:
    """Return each check with its result, and its messages below each other."""
    rows = []
    for check in checks:
        first, *others = check.messages or ("",)
        rows.append((check.result.value, check.check.value, first))
        rows += [("", "", message) for message in others]
    return aligned(rows)


def status_text(record: "Record", summary: "RolloutSummary", *, width: int | None = None) -> str:
    """Return the state of one rollout as aligned lines.

    Args:
        record: its record.
        summary: its summary.
        width: the columns of the terminal; None: no line is wrapped.
    """
    status = record.status
    counters, in_flight = status.counters, status.servers_in_flight
    counts = count_servers(record.rollout, status)
    rows = [
        ("rollout", summary.rollout_id),
        ("status", summary.status.because(summary.reason)),
        ("phase", summary.phase.value),
        ("fleet", summary.fleet),
        ("strategy", summary.strategy),
        ("version", f"{summary.from_name or '(none)'} -> {summary.to_name}"),
        ("started", started_text(summary)),
        *purpose_rows(summary),
        ("servers", f"{servers_text(counts)}, {counts.in_flight} in flight"),
        (
            "capacity",
            _highest(counters.lowest_serving, live=counters.highest_live, running=counters.highest_running),
        ),
        *([] if summary.approval is None else [("approval", approval_text(summary.approval))]),
        *(("judge", f"{name}: {each.words}") for name, each in current_judgements(record.rollout, status).items()),
        *((f"{server.phase}", name) for name, server in sorted(in_flight.items())),
        *(("failure", words) for words in map(_failure_text, status.failures) if words != summary.reason),
        *(("warning", warning) for warning in status.warnings),
    ]
    return labelled(rows, width)


def _highest(lowest_serving: int | None, *, live: int, running: int) -> str:
    """Return the extremes of the capacity."""
    return f"lowest serving {_or_dash(lowest_serving)}, highest live {live}, highest running {running} (with draining)"


def approval_text(approval: "AwaitedApproval") -> str:
    """Return which checkpoint waits for a person, since when, and the command that answers."""
    since = f"{approval.place}, since {local_moment(approval.since)}"
    if approval.answer:
        return f"{since}; {approval.answer}, and the rollout has not acted on it yet"
    return f"awaited at {since}; approve with `{approval.command}`, or reject with --reject"


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)
