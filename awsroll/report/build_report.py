"""Build the report from a record: all its figures are in the status, nothing is looked up."""

from datetime import datetime

from awsroll.core.classify.counts import ServerCounts, count_servers
from awsroll.core.decide.approvals import awaited_approval
from awsroll.core.model.status import Outcome
from awsroll.ports import Record
from awsroll.report.report import ApiCalls, Failed, InstanceCounts, KeptFailed, Report, Traffic


def build_report(
    record: Record, *, at: datetime, api_calls: ApiCalls | None = None, traffic: Traffic | None = None
) -> Report:
    """Return the closing report of a rollout; `at` is its end if it has not ended by itself."""
    rollout, status = record.rollout, record.status
    ended_at = status.ended_at or at
    counters, counts = status.counters, count_servers(rollout, status)
    return Report(
        rollout_id=rollout.rollout_id,
        status=Outcome.INTERRUPTED if status.outcome is Outcome.RUNNING else status.outcome,
        reason=status.reason,
        fleet=rollout.fleet,
        strategy=rollout.strategy.value,
        from_version=rollout.from_version,
        to_version=rollout.to_version,
        started_at=status.started_at,
        ended_at=ended_at,
        elapsed_s=round((ended_at - status.started_at).total_seconds(), 3),
        instances=instance_counts(counts),
        checkpoints=rollout.gates.names[: status.gate.passed],
        min_serving=counters.lowest_serving,
        max_live=counters.highest_live,
        max_running=counters.highest_running,
        drain_seconds_saved=round(counters.drain_seconds_saved, 3),
        failures=tuple(Failed(instance_id=failure.instance_id, cause=failure.cause) for failure in status.failures),
        kept_failed=tuple(KeptFailed(instance_id=kept.instance_id, until=kept.until) for kept in status.kept_failed),
        warnings=status.warnings,
        api_calls=api_calls or ApiCalls(),
        traffic=traffic,
        approval=awaited_approval(rollout, status, status.user_requests),
        from_name=rollout.from_name,
        to_name=rollout.to_name,
        started_by=rollout.started_by,
        message=rollout.message,
        ref=rollout.ref,
    )


def instance_counts(counts: ServerCounts) -> InstanceCounts:
    """Return the counts that the report shows."""
    return InstanceCounts(
        total=counts.total,
        replaced=counts.replaced,
        reloaded=counts.reloaded,
        failed=counts.failed,
        skipped=counts.skipped,
    )
