"""Metrics and alarms: executions that failed, and rollouts that wait for a person.

A rollout that waits for a person is looked at every 300 seconds at most, and each look writes a line that a metric
filter counts. So the alarm stays in ALARM while somebody is awaited, from about a minute after the wait began.
"""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import (
    aws_cloudwatch as cloudwatch,
    aws_lambda as lambda_,
    aws_logs as logs,
    aws_stepfunctions as stepfunctions,
)
from constructs import Construct

from awsroll.core.model.rollout_events import PERSON_AWAITED

NAMESPACE = "awsroll"
_WHAT_TO_DO = "read its cause, then run `awsroll status`; for an unfinished fleet `awsroll resume` or `awsroll repair`"
_PERIOD = cdk.Duration.minutes(5)
_LOOKS = cdk.Duration.minutes(10)  # a rollout that waits is looked at at least twice in this time
_IN_WORDS = {
    "Failed": "failed",
    "TimedOut": "timed out",
    "Aborted": "was aborted by hand",
    "Stopped": "was stopped by hand",
}


def watch(made: stepfunctions.StateMachine) -> list[cloudwatch.Alarm]:
    """Create the alarms of a machine. An execution whose rollout was refused, rolled back or stopped has failed."""
    metrics = {
        "Failed": made.metric_failed(period=_PERIOD),
        "TimedOut": made.metric_timed_out(period=_PERIOD),
        "Aborted": made.metric_aborted(period=_PERIOD),
    }
    return _watch(made, metrics)


def watch_durable(made: lambda_.Function) -> list[cloudwatch.Alarm]:
    """Create the alarms of a durable function. An execution whose rollout was rolled back has succeeded."""
    metrics = {
        name: made.metric(f"DurableExecution{name}", period=_PERIOD, statistic="Sum")
        for name in ("Failed", "TimedOut", "Stopped")
    }
    return _watch(made, metrics)


def person_awaited(scope: Construct, groups: Sequence[logs.ILogGroup]) -> cloudwatch.Metric:
    """Create the metric of looks at rollouts that wait for a person, from the logs of the functions that look."""
    name = f"PersonAwaited-{cdk.Names.unique_resource_name(scope, max_length=200)}"
    for number, group in enumerate(groups):
        logs.MetricFilter(
            scope,
            f"PersonAwaited{number or ''}",
            log_group=group,
            filter_pattern=logs.FilterPattern.string_value("$.event", "=", PERSON_AWAITED),
            metric_namespace=NAMESPACE,
            metric_name=name,
        )
    return cloudwatch.Metric(namespace=NAMESPACE, metric_name=name, statistic="Sum", period=_LOOKS)


def watch_waits(scope: Construct, metric: cloudwatch.Metric) -> cloudwatch.Alarm:
    """Create the alarm on rollouts that wait for a person."""
    what = "a rollout waits for a person, paused or at a checkpoint: `awsroll list` and `awsroll status` say why"
    return _alarm(scope, "PersonAwaited", metric, f"awsroll: {what}")


def _watch(scope: Construct, metrics: Mapping[str, cloudwatch.Metric]) -> list[cloudwatch.Alarm]:
    return [
        _alarm(scope, name, metric, f"awsroll: an execution {_IN_WORDS[name]}: {_WHAT_TO_DO}")
        for name, metric in metrics.items()
    ]


def _alarm(scope: Construct, name: str, metric: cloudwatch.Metric, description: str) -> cloudwatch.Alarm:
    return cloudwatch.Alarm(
        scope,
        f"{name}Alarm",
        metric=metric,
        threshold=1,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=description,
    )
