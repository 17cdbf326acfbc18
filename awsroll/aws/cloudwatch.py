"""CloudWatch: the alarms that a rollout watches, and metrics."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from awsroll.aws.batches import batches
from awsroll.aws.caller import Caller, Reply
from awsroll.core.aws_limits import ALARMS_DESCRIBED, METRICS_READ
from awsroll.errors import AwsRefusedError

_SERVICE = "cloudwatch"
_TYPES = {"MetricAlarm": "MetricAlarms", "CompositeAlarm": "CompositeAlarms", "LogAlarm": "LogAlarms"}
"""The types of alarms (service model, `AlarmType`), and the field of DescribeAlarms that holds each."""
_NEWEST = "LogAlarm"
_REFUSES_A_TYPE = ("ValidationError", "InvalidParameterValue")


class CloudWatch:
    """The CloudWatch calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._refused: frozenset[str] = frozenset()

    def make_client(self) -> None:
        """Make the client now, in this thread."""
        self._caller.clients.client(_SERVICE)

    def alarms(self, names: Sequence[str]) -> list[Reply]:
        """Return alarms of every type by name; leave out names that CloudWatch does not know.

        Without `AlarmTypes` CloudWatch returns only metric alarms (API reference, DescribeAlarms). A type that the
        installed SDK or the endpoint does not know is left out.
        """
        return [alarm for batch in batches(names, ALARMS_DESCRIBED) for alarm in self._described(batch)]

    def metric_sums(self, queries: Mapping[str, Reply], *, since: datetime, until: datetime) -> dict[str, list[float]]:
        """Return the values of metrics, by the ids of the queries. One call reads up to 500 metrics.

        Args:
            queries: by its id, each metric with its statistic and period (`MetricStat`).
            since: the begin of the first period.
            until: the end of the last period.
        """
        found: dict[str, list[float]] = {name: [] for name in queries}
        for batch in batches(list(queries), METRICS_READ):
            request = {
                "MetricDataQueries": [{"Id": name, "MetricStat": queries[name]} for name in batch],
                "StartTime": since,
                "EndTime": until,
            }
            for page in self._caller.pages(_SERVICE, "GetMetricData", request):
                for result in page.get("MetricDataResults", []):
                    found[result["Id"]] += result.get("Values", [])
        return found

    def _described(self, names: Sequence[str]) -> list[Reply]:
        known = self._caller.clients.values(_SERVICE, "AlarmType") - self._refused
        types = [name for name in _TYPES if name in known]
        request = {"AlarmNames": list(names), "AlarmTypes": types}
        try:
            pages = list(self._caller.pages(_SERVICE, "DescribeAlarms", request))
        except AwsRefusedError as error:
            if error.code not in _REFUSES_A_TYPE or _NEWEST not in types:
                raise
            self._refused = frozenset({_NEWEST})
            return self._described(names)
        return [alarm for page in pages for field in _TYPES.values() for alarm in page.get(field, [])]
