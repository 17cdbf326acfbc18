"""CloudWatch: the alarms that a rollout watches."""

from collections.abc import Sequence

from awsroll.aws.batches import batches
from awsroll.aws.caller import Caller, Reply
from awsroll.core.aws_limits import ALARMS_DESCRIBED


class CloudWatch:
    """The CloudWatch calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def alarms(self, names: Sequence[str]) -> list[Reply]:
        """Return metric and composite alarms by name; leave out names that CloudWatch does not know.

        Without `AlarmTypes` CloudWatch returns only metric alarms (API reference, DescribeAlarms).
        """
        alarms: list[Reply] = []
        for batch in batches(names, ALARMS_DESCRIBED):
            request = {"AlarmNames": list(batch), "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
            for page in self._caller.pages("cloudwatch", "DescribeAlarms", request):
                alarms += [*page.get("MetricAlarms", []), *page.get("CompositeAlarms", [])]
        return alarms
