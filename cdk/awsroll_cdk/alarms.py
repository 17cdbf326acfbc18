"""Alarms on executions that did not succeed: failed, timed out, aborted by hand."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as stepfunctions

_WHAT_TO_DO = "see its cause, then `awsroll status`; a fleet left half way: `awsroll resume` or `awsroll repair`"

_IN_WORDS = {"Failed": "failed", "TimedOut": "timed out", "Aborted": "was aborted by hand"}


def watch(made: stepfunctions.StateMachine, topic: sns.ITopic | None) -> None:
    """Make the alarms of a machine. One that was refused, went back or was stopped has failed: nobody got version 2."""
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
            alarm_description=f"awsroll: an execution {_IN_WORDS[name]}: {_WHAT_TO_DO}",
        )
        if topic is not None:
            alarm.add_alarm_action(actions.SnsAction(topic))
