"""Alarms on executions that did not come to a proper end: failed, timed out, aborted by hand."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as stepfunctions

_WHAT_TO_DO = "the fleet may be left half way: `awsroll status`, then `awsroll resume` or `awsroll repair`"


def watch(made: stepfunctions.StateMachine, topic: sns.ITopic | None) -> None:
    """Make the alarms of a machine; a rollout that went back or was stopped is a proper end and raises none."""
    period = cdk.Duration.minutes(5)
    metrics = {
        "Failed": made.metric_failed(period=period),
        "TimedOut": made.metric_timed_out(period=period),
        "Aborted": made.metric_aborted(period=period),
    }
    for name, metric in metrics.items():
        alarm = cloudwatch.Alarm(
            made,
            f"{name}Alarm",
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"A rollout's execution has ended as {name}: {_WHAT_TO_DO}",
        )
        if topic is not None:
            alarm.add_alarm_action(actions.SnsAction(topic))
