"""The active fault rules, and the record of the faults that happened.

    sandbox.faults.add(FaultRule(fault=Fault.RESET, operation="ec2:RunInstances", when="after", calls=(2,)))
    ...
    assert [each.operation for each in sandbox.faults.fired] == ["ec2:RunInstances"]

Each matching call draws once whether a rule fires, before the effect of the call. A call that the service refuses fires
no fault after its effect. All changes hold the world's lock.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from typing import Any

from awsroll.sandbox.faults.call_faults import Action, ArmedRule, CallFaults, Fired
from awsroll.sandbox.faults.fault_rule import Fault, FaultRule
from awsroll.sandbox.interfaces import FaultContext

OWN_LAUNCH = ("autoscaling", "Launch")
"""The service and operation of a launch by a group itself."""


class Faults:
    """All fault rules of a sandbox, and the record of their faults.

    Args:
        context: the time, the lock and the groups.
    """

    def __init__(self, context: FaultContext) -> None:
        self._context = context
        self._armed: dict[int, ArmedRule] = {}
        self._added = 0
        self._current: ContextVar[CallFaults | None] = ContextVar("faults of the call", default=None)
        self.fired: list[Fired] = []
        """The faults that happened, in order."""

    @property
    def rules(self) -> Mapping[int, FaultRule]:
        """The active rules, by their ids."""
        return {rule_id: armed.rule for rule_id, armed in self._armed.items()}

    def add(self, rule: FaultRule | str) -> int:
        """Activate a rule, given as a value or as text, and return its id.

        Raises:
            ValueError: the text is not a valid rule.
        """
        return self._arm(FaultRule.parse(rule) if isinstance(rule, str) else rule, None)

    def call(self, action: Action, **conditions: Any) -> int:
        """Call `action` at the calls that meet the conditions of a `FaultRule`, and return the id of the rule.

        `action` runs in the thread that answers the call, while the rest of the sandbox waits. If it raises `ApiError`
        or `ConnectionLost` before the effect, the effect does not happen. After the effect, only the response is lost.
        """
        return self._arm(FaultRule(fault=Fault.CALLBACK, **conditions), action)

    def remove(self, rule_id: int) -> None:
        """Remove a rule. It has no effect if the rule does not exist."""
        with self._context.lock:
            self._armed.pop(rule_id, None)

    def clear(self) -> None:
        """Remove every rule. The record stays."""
        with self._context.lock:
            self._armed.clear()

    def to_json(self) -> dict[str, Any]:
        """Return the rules and the record in JSON's types."""
        with self._context.lock:
            rules = [{"id": rule_id, **asdict(rule)} for rule_id, rule in self.rules.items()]
            return {"rules": rules, "fired": [asdict(fault) | {"at": fault.at.isoformat()} for fault in self.fired]}

    @contextmanager
    def during(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Iterator[CallFaults]:
        """Hold the decisions of the rules for one call, while the call is answered."""
        with self._context.lock:
            call = self._open(service, operation, parameters)
        token = self._current.set(call)
        try:
            yield call
        finally:
            self._current.reset(token)
            call.release()

    def of_launch(self) -> CallFaults:
        """Return the decisions for a launch: by the call in progress, or by a group itself."""
        return self._current.get() or self._open(*OWN_LAUNCH, {})

    def _open(self, service: str, operation: str, parameters: Mapping[str, Any]) -> CallFaults:
        matching = tuple(armed for armed in self._armed.values() if armed.rule.matches(service, operation))
        return CallFaults(self._context, (service, operation), parameters, matching, self.fired)

    def _arm(self, rule: FaultRule, action: Action | None) -> int:
        with self._context.lock:
            self._added += 1
            self._armed[self._added] = ArmedRule(rule_id=self._added, rule=rule, action=action)
            return self._added
