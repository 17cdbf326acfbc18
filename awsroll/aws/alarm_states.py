"""The states of CloudWatch alarms. An alarm that CloudWatch does not know is `MISSING`, not OK."""

from collections.abc import Sequence

from awsroll.aws.cloudwatch import CloudWatch
from awsroll.core.model.observation import Alarm, AlarmState


def observe_alarms(cloudwatch: CloudWatch, names: Sequence[str]) -> tuple[Alarm, ...]:
    """Return the alarms of these names, in the order of the names. Without names, make no call."""
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
