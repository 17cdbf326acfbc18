"""CloudWatch alarms, as a look shows them. A name that CloudWatch does not know is `MISSING`, never taken as OK."""

from collections.abc import Sequence

from awsroll.aws.cloudwatch import CloudWatch
from awsroll.core.model.observation import Alarm, AlarmState


def observe_alarms(cloudwatch: CloudWatch, names: Sequence[str]) -> tuple[Alarm, ...]:
    """Return the alarms of these names, in their order; no call is made for none."""
    if not names:
        return ()
    alarms = {alarm["AlarmName"]: alarm for alarm in cloudwatch.alarms(names)}
    return tuple(
        Alarm(
            name=name,
            state=_state(alarms[name].get("StateValue", "")) if name in alarms else AlarmState.MISSING,
            reason=" ".join(str(alarms.get(name, {}).get("StateReason", "")).split()),
        )
        for name in names
    )


def _state(value: str) -> AlarmState:
    states = {state.value: state for state in AlarmState}
    return states.get(value, AlarmState.INSUFFICIENT_DATA)
