"""CloudWatch alarms: their settings and states.

The sandbox evaluates no metrics and no logs, so only SetAlarmState changes an alarm on metrics or logs. A
composite alarm follows its rule at once. moto answers the rest of CloudWatch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.cloudwatch.alarm_rule import STATES, AlarmRule, parse
from awsroll.sandbox.handler_parts import page, refuse, with_token
from awsroll.sandbox.service_limits import ALARM_PAGES, DESCRIBED_ALARMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters
    from awsroll.sandbox.interfaces import ServiceContext

METRIC, COMPOSITE, LOG = "MetricAlarm", "CompositeAlarm", "LogAlarm"
NOT_SETTINGS = frozenset({"AlarmName", "AlarmRule", "Tags"})


@dataclass(slots=True, kw_only=True)
class Alarm:
    """An alarm, which is composite if it has a `rule`."""

    name: str
    arn: str
    settings: dict[str, Any]
    configured_at: datetime
    updated_at: datetime
    transitioned_at: datetime
    rule: AlarmRule | None = None
    on_logs: bool = False
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str | None = None
    defaults: dict[str, Any] = field(
        default_factory=lambda: {
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
        }
    )

    @property
    def kind(self) -> str:
        """The alarm type, in the spelling of DescribeAlarms."""
        if self.on_logs:
            return LOG
        return METRIC if self.rule is None else COMPOSITE

    def change(self, state: str, reason: str, reason_data: str | None, at: datetime) -> None:
        """Set the state. Each call is an update; only a different state is a transition."""
        if state != self.state:
            self.transitioned_at = at
        self.state, self.reason, self.reason_data, self.updated_at = state, reason, reason_data, at

    def to_api(self) -> dict[str, Any]:
        """Return the alarm in the shape of the API."""
        answer = {
            **self.defaults,
            **self.settings,
            "AlarmName": self.name,
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured_at,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": self.updated_at,
            "StateTransitionedTimestamp": self.transitioned_at,
        }
        if self.reason_data is not None:
            answer["StateReasonData"] = self.reason_data
        if self.rule is not None:
            answer["AlarmRule"] = self.rule.text
        return answer


class CloudWatchWorld:
    """All alarms of the simulated account.

    Args:
        context: the account and the time.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._alarms: dict[str, Alarm] = {}
        self.operations: Mapping[str, Handler] = {
            "PutMetricAlarm": lambda parameters: self._put(parameters, None),
            "PutLogAlarm": lambda parameters: self._put(parameters, None, on_logs=True),
            "PutCompositeAlarm": self._put_composite,
            "DescribeAlarms": self._describe,
            "SetAlarmState": self._set_state,
            "DeleteAlarms": self._delete,
            "EnableAlarmActions": lambda parameters: self._set_actions(parameters, enabled=True),
            "DisableAlarmActions": lambda parameters: self._set_actions(parameters, enabled=False),
        }

    def states(self) -> dict[str, str]:
        """Return the state of every alarm, by name."""
        return {name: alarm.state for name, alarm in self._alarms.items()}

    def _put(self, parameters: Parameters, rule: AlarmRule | None, *, on_logs: bool = False) -> Answer:
        """Create an alarm, or replace the settings of an alarm and keep its state."""
        name, now = str(parameters["AlarmName"]), self._context.now()
        existing = self._alarms.get(name)
        is_other = existing is not None and ((existing.rule is None) != (rule is None) or existing.on_logs != on_logs)
        if existing is not None and is_other:
            refuse(f"{name} is a {existing.kind}: it cannot become one of another type.")
        settings = {key: value for key, value in parameters.items() if key not in NOT_SETTINGS and value is not None}
        if existing is None:
            arn = f"arn:aws:cloudwatch:{self._context.region}:{self._context.account_id}:alarm:{name}"
            self._alarms[name] = Alarm(
                name=name,
                arn=arn,
                settings=settings,
                configured_at=now,
                updated_at=now,
                transitioned_at=now,
                rule=rule,
                on_logs=on_logs,
            )
        else:
            existing.settings, existing.rule, existing.configured_at = settings, rule, now
        self._follow()
        return {}

    def _put_composite(self, parameters: Parameters) -> Answer:
        try:
            rule = parse(str(parameters["AlarmRule"]))
        except ValueError as error:
            refuse(f"AlarmRule contains an invalid expression: {error}")
        if missing := [child for child in rule.children if child not in self._alarms]:
            refuse(
                f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist."
            )
        return self._put(parameters, rule)

    def _describe(self, parameters: Parameters) -> Answer:
        """Return alarms, by default only metric alarms. Unknown names are absent."""
        names = parameters.get("AlarmNames") or []
        if len(names) > DESCRIBED_ALARMS:
            refuse(f"At most {DESCRIBED_ALARMS} alarm names can be given; {len(names)} were.")
        types = parameters.get("AlarmTypes") or [METRIC]
        alarms = [
            alarm for _, alarm in sorted(self._alarms.items()) if alarm.kind in types and _wanted(alarm, parameters)
        ]
        alarms.sort(key=lambda alarm: [METRIC, COMPOSITE, LOG].index(alarm.kind))
        shown, token = page(alarms, parameters, ALARM_PAGES)
        answer: Answer = {
            "MetricAlarms": [alarm.to_api() for alarm in shown if alarm.kind == METRIC],
            "CompositeAlarms": [alarm.to_api() for alarm in shown if alarm.kind == COMPOSITE],
            "LogAlarms": [alarm.to_api() for alarm in shown if alarm.kind == LOG],
        }
        return with_token(answer, token)

    def _set_state(self, parameters: Parameters) -> Answer:
        alarm = self._alarms.get(str(parameters["AlarmName"]))
        if alarm is None:
            refuse("Unknown alarm", code="ResourceNotFound")
        state = str(parameters["StateValue"])
        if state not in STATES:
            refuse(f"Value '{state}' at 'stateValue' must be one of {', '.join(STATES)}.")
        alarm.change(state, str(parameters["StateReason"]), parameters.get("StateReasonData"), self._context.now())
        self._follow(but=alarm)
        return {}

    def _delete(self, parameters: Parameters) -> Answer:
        names = set(parameters.get("AlarmNames") or [])
        for alarm in self._alarms.values():
            if alarm.rule is not None and alarm.name not in names and (used := names & set(alarm.rule.children)):
                refuse(f"Cannot delete {', '.join(sorted(used))} as there are composite alarm(s) depending on it.")
        for name in names:
            self._alarms.pop(name, None)
        return {}

    def _set_actions(self, parameters: Parameters, *, enabled: bool) -> Answer:
        for name in parameters.get("AlarmNames") or []:
            if name in self._alarms:
                self._alarms[name].settings["ActionsEnabled"] = enabled
        return {}

    def _follow(self, but: Alarm | None = None) -> None:
        """Update composite alarms by their rules, children before parents, except the alarm `but` that a user set."""
        for _ in self._alarms:  # a chain of composite alarms is at most this long
            states, settled = self.states(), True
            for alarm in self._alarms.values():
                if alarm.rule is None or alarm is but:
                    continue
                state = "ALARM" if alarm.rule.holds(states) else "OK"
                if state != alarm.state:
                    settled = False
                    reason = f"{alarm.arn} was created or its rule evaluated to {state == 'ALARM'}"
                    alarm.change(state, reason, None, self._context.now())
            if settled:
                return


def _wanted(alarm: Alarm, parameters: Parameters) -> bool:
    names, prefix = parameters.get("AlarmNames"), parameters.get("AlarmNamePrefix") or ""
    state, action = parameters.get("StateValue"), parameters.get("ActionPrefix")
    actions = [*alarm.settings.get("AlarmActions", ()), *alarm.settings.get("OKActions", ())]
    return (
        (not names or alarm.name in names)
        and alarm.name.startswith(prefix)
        and (not state or alarm.state == state)
        and (not action or any(str(arn).startswith(action) for arn in actions))
    )
