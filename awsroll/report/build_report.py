"""Build the report from a record: all its figures are in the status, nothing is looked up."""

from datetime import datetime

from awsroll.core.model.status import Outcome
from awsroll.ports import Record
from awsroll.report.report import ApiCalls, Failed, InstanceCounts, Report, Traffic


def build_report(
    record: Record, *, at: datetime, api_calls: ApiCalls | None = None, traffic: Traffic | None = None
) -> Report:
    """Return the closing report of a rollout; `at` is its end if it has not ended by itself."""
    rollout, status = record.rollout, record.status
    ended_at = status.ended_at or at
    counters = status.counters
    current_before = sum(version.count for version in rollout.baseline if version.version == rollout.to_version)
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
        instances=InstanceCounts(
            total=sum(version.count for version in rollout.baseline),
            # A server that left counts as replaced only when its replacement serves: a bad version replaces nothing.
            replaced=min(counters.replaced, max(0, len(status.serving) - current_before)),
            reloaded=counters.reloaded,
            failed=len({failure.instance_id or failure.cause for failure in status.failures}),
            skipped=current_before + counters.skipped,
        ),
        checkpoints=tuple(str(checkpoint) for checkpoint in rollout.gates.checkpoints[: status.gate.passed]),
        min_serving=counters.lowest_serving,
        max_running=counters.highest_live,
        failures=tuple(Failed(instance_id=failure.instance_id, cause=failure.cause) for failure in status.failures),
        warnings=status.warnings,
        api_calls=api_calls or ApiCalls(),
        traffic=traffic,
    )
