"""Alarms on executions that failed, timed out, or were aborted or stopped by hand."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import (
    aws_cloudwatch as cloudwatch,
    aws_cloudwatch_actions as actions,
    aws_lambda as lambda_,
    aws_sns as sns,
    aws_stepfunctions as stepfunctions,
)
from constructs import Construct

_WHAT_TO_DO = "read its cause, then run `awsroll status`; for an unfinished fleet `awsroll resume` or `awsroll repair`"

_PERIOD = cdk.Duration.minutes(5)
_IN_WORDS = {
    "Failed": "failed",
    "TimedOut": "timed out",
    "Aborted": "was aborted by hand",
    "Stopped": "was stopped by hand",
}


def watch(made: stepfunctions.StateMachine, topic: sns.ITopic | None) -> None:
    """Create the alarms of a machine. An execution whose rollout was refused, rolled back or stopped has failed."""
    metrics = {
        "Failed": made.metric_failed(period=_PERIOD),
        "TimedOut": made.metric_timed_out(period=_PERIOD),
        "Aborted": made.metric_aborted(period=_PERIOD),
    }
    _watch(made, metrics, topic)


def watch_durable(made: lambda_.Function, topic: sns.ITopic | None) -> None:
    """Create the alarms of a durable function. An execution whose rollout was rolled back has succeeded."""
    metrics = {
        name: made.metric(f"DurableExecution{name}", period=_PERIOD, statistic="Sum")
        for name in ("Failed", "TimedOut", "Stopped")
    }
    _watch(made, metrics, topic)


def _watch(scope: Construct, metrics: Mapping[str, cloudwatch.Metric], topic: sns.ITopic | None) -> None:
    for name, metric in metrics.items():
        alarm = cloudwatch.Alarm(
            scope,
            f"{name}Alarm",
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"awsroll: an execution {_IN_WORDS[name]}: {_WHAT_TO_DO}",
        )
        if topic is not None:
            alarm.add_alarm_action(actions.SnsAction(topic))
