"""Reads how many requests a fleet gets: for what a plan says about the judge. It changes nothing."""

from collections.abc import Sequence
from datetime import timedelta

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.errors import AwsrollError

_PERIOD = timedelta(minutes=5)
_WATCHED = timedelta(hours=1)
_BEHIND = timedelta(minutes=2)  # until CloudWatch has the counts of a load balancer


def request_rate(aws: Connection, target_groups: Sequence[str]) -> float | None:
    """Return the requests a second of a server in the last hour; None if CloudWatch does not know or tell them.

    An Application Load Balancer counts requests per target group as the mean of its healthy targets. CloudWatch has no
    count of requests for other load balancers.
    """
    until = aws.now() - _BEHIND
    until -= timedelta(minutes=until.minute % 5, seconds=until.second, microseconds=until.microsecond)
    queries = {f"q{number}": _requests(arn) for number, arn in enumerate(target_groups)}
    try:
        found = aws.cloudwatch.metric_sums(queries, since=until - _WATCHED, until=until)
    except AwsrollError:
        return None
    if not any(found.values()):
        return None
    return sum(sum(values) for values in found.values()) / _WATCHED.total_seconds()


def _requests(target_group: str) -> Reply:
    name = target_group.rpartition(":")[2]
    metric = {
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "RequestCountPerTarget",
        "Dimensions": [{"Name": "TargetGroup", "Value": name}],
    }
    return {"Metric": metric, "Period": int(_PERIOD.total_seconds()), "Stat": "Sum"}
