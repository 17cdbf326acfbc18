"""CloudWatch alarms, as a look shows them. A name that CloudWatch does not know is `MISSING`, never taken as OK."""

from collections.abc import Sequence

from awsroll.aws.cloudwatch import CloudWatch
from awsroll.core.model.observation import Alarm, AlarmState


def observe_alarms(cloudwatch: CloudWatch, names: Sequence[str]) -> tuple[Alarm, ...]:
    """Return the alarms of these names, in their order; no call is made for none."""
    if not names:
        return ()
    found = {one["AlarmName"]: one for one in cloudwatch.alarms(names)}
    return tuple(
        Alarm(
            name=name,
            state=_state(found[name].get("StateValue", "")) if name in found else AlarmState.MISSING,
            reason=" ".join(str(found.get(name, {}).get("StateReason", "")).split()),
        )
        for name in names
    )


def _state(value: str) -> AlarmState:
    known = {one.value: one for one in AlarmState}
    return known.get(value, AlarmState.INSUFFICIENT_DATA)
