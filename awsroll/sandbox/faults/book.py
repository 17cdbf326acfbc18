"""The rules in force, and the record of what fired.

    sandbox.faults.add(FaultRule(fault=Fault.RESET, operation="ec2:RunInstances", when="after", calls=(2,)))
    ...
    assert [each.operation for each in sandbox.faults.fired] == ["ec2:RunInstances"]

Whether a rule fires is drawn once for each call that it matches, before the call's effect; a call that is refused for
its own sake fires nothing after it. Everything happens under the world's lock.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from typing import Any

from awsroll.sandbox.faults.call import Action, ArmedRule, CallFaults, Fired
from awsroll.sandbox.faults.fault_rule import Fault, FaultRule
from awsroll.sandbox.interfaces import FaultContext

OWN_LAUNCH = ("autoscaling", "Launch")
"""The operation that a launch of a group by itself counts as."""


class Faults:
    """All fault rules of a sandbox, and what they did.

    Args:
        context: the time, the lock and the groups.
    """

    def __init__(self, context: FaultContext) -> None:
        self._context = context
        self._armed: dict[int, ArmedRule] = {}
        self._added = 0
        self._current: ContextVar[CallFaults | None] = ContextVar("faults of the call", default=None)
        self.fired: list[Fired] = []
        """Every fault that happened, in order."""

    @property
    def rules(self) -> Mapping[int, FaultRule]:
        """The rules in force, by their ids."""
        return {rule_id: armed.rule for rule_id, armed in self._armed.items()}

    def add(self, rule: FaultRule | str) -> int:
        """Put a rule in force, given as a value or as text, and return its id.

        Raises:
            ValueError: the text is no rule.
        """
        return self._arm(FaultRule.parse(rule) if isinstance(rule, str) else rule, None)

    def call(self, action: Action, **conditions: Any) -> int:
        """Call `action` at the calls that meet the conditions of a `FaultRule`, and return the rule's id.

        It runs in the thread that answers the call, while nothing else in the sandbox moves. Before the effect, an
        `ApiError` or `ConnectionLost` that it raises prevents the effect; after it, only the answer is lost.
        """
        return self._arm(FaultRule(fault=Fault.CALLBACK, **conditions), action)

    def remove(self, rule_id: int) -> None:
        """End a rule; harmless if it has ended."""
        with self._context.lock:
            self._armed.pop(rule_id, None)

    def clear(self) -> None:
        """End every rule. The record stays."""
        with self._context.lock:
            self._armed.clear()

    def to_json(self) -> dict[str, Any]:
        """Return the rules and the record in JSON's types."""
        with self._context.lock:
            rules = [{"id": rule_id, **asdict(rule)} for rule_id, rule in self.rules.items()]
            return {"rules": rules, "fired": [asdict(each) | {"at": each.at.isoformat()} for each in self.fired]}

    @contextmanager
    def during(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Iterator[CallFaults]:
        """Hold what the rules decide for one call, as long as it is answered."""
        with self._context.lock:
            call = self._open(service, operation, parameters)
        token = self._current.set(call)
        try:
            yield call
        finally:
            self._current.reset(token)
            call.release()

    def of_launch(self) -> CallFaults:
        """Return what the rules say of a launch: by the call that is being answered, or by a group itself."""
        return self._current.get() or self._open(*OWN_LAUNCH, {})

    def _open(self, service: str, operation: str, parameters: Mapping[str, Any]) -> CallFaults:
        matching = tuple(armed for armed in self._armed.values() if armed.rule.matches(service, operation))
        return CallFaults(self._context, (service, operation), parameters, matching, self.fired)

    def _arm(self, rule: FaultRule, action: Action | None) -> int:
        with self._context.lock:
            self._added += 1
            self._armed[self._added] = ArmedRule(rule_id=self._added, rule=rule, action=action)
            return self._added
