"""A hook at `while_judging` that is a CloudWatch metric of each server: two sums, or a metric of durations.

CloudWatch has whole minutes, and has them a while after their end. So a run reads the minutes that have become complete
in its interval, and most runs read nothing. The dimension of the metrics is `InstanceId` alone.

    Web:Errors/Requests     the sums of Errors and of Requests
    Web:Latency, slow 0.3   how many values of Latency are above 0.3, and how many there are
"""

from datetime import UTC, datetime, timedelta

from awsroll.aws.caller import Reply
from awsroll.aws.cloudwatch import CloudWatch
from awsroll.core.model.hook_calls import HookRun
from awsroll.errors import AwsError
from awsroll.hooks.local_commands import HookFailedError

BEHIND = timedelta(minutes=2)
"""How long after its end a minute is read."""

_MINUTE = timedelta(minutes=1)


class MetricCounts:
    """One reading.

    Args:
        run: the metrics and the event.
        cloudwatch: where they are.
    """

    def __init__(self, run: HookRun, cloudwatch: CloudWatch) -> None:
        self._run = run
        self._cloudwatch = cloudwatch

    def __call__(self) -> object:
        """Return the counts of the minutes that have become complete; none if no minute has.

        Raises:
            HookFailedError: if CloudWatch refuses the call or does not answer.
        """
        event = self._run.event
        since, until = (_minute(datetime.fromtimestamp(at, UTC) - BEHIND) for at in (event.since, event.until))
        if since >= until:
            return {}
        queries: dict[str, Reply] = {}
        for number, name in enumerate(event.instance_ids):
            bad, total = self._statistics(name)
            queries |= {f"b{number}": bad, f"t{number}": total}
        try:
            found = self._cloudwatch.metric_sums(queries, since=since, until=until)
        except AwsError as error:
            raise HookFailedError(str(error)) from error
        counts = {
            name: (round(sum(found[f"b{number}"])), round(sum(found[f"t{number}"])))
            for number, name in enumerate(event.instance_ids)
        }
        return {name: {"bad": min(bad, total), "total": total} for name, (bad, total) in counts.items() if total}

    def end(self) -> None:
        """Do nothing: the call ends at its timeout."""

    def _statistics(self, name: str) -> tuple[Reply, Reply]:
        namespace, _, metrics = self._run.hook.metric.partition(":")
        bad, slash, total = metrics.partition("/")
        if not slash:
            slow = f"TC({self._run.hook.slow_seconds:g}:)"
            return _statistic(namespace, bad, name, slow), _statistic(namespace, bad, name, "SampleCount")
        return _statistic(namespace, bad, name, "Sum"), _statistic(namespace, total, name, "Sum")


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _statistic(namespace: str, metric: str, instance_id: str, statistic: str) -> Reply:
    dimensions = [{"Name": "InstanceId", "Value": instance_id}]
    named = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
    return {"Metric": named, "Period": int(_MINUTE.total_seconds()), "Stat": statistic}
