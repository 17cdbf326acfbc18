"""The decisions of fault rules for one call, and their effects.

Each call in progress has one `CallFaults`. Each active rule has one `ArmedRule`, which counts and draws.
`active_rules.py` holds the rules.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, TypeAlias

from awsroll.sandbox.api_errors import AnswerWithheld, ApiError, ConnectionLost
from awsroll.sandbox.faults import service_errors
from awsroll.sandbox.faults.fault_rule import LAUNCH_FAULTS, Fault, FaultRule, Phase
from awsroll.sandbox.interfaces import FaultContext


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """A call that a rule has fired on."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    number: int
    """The number of the call among those that the rule matches, counted from 1."""
    phase: Phase
    """`before` or `after` the effect of the call."""

    @property
    def name(self) -> str:
        """Service and operation, as `ec2:RunInstances`."""
        return f"{self.service}:{self.operation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """One fault that happened."""

    at: datetime
    operation: str
    """Service and operation, as `ec2:RunInstances`."""
    number: int
    """The number of the call among those that the rule matched, counted from 1."""
    when: Phase
    fault: Fault
    rule_id: int


Action: TypeAlias = Callable[[ApiCall], None]


@dataclass(slots=True, kw_only=True, eq=False)
class ArmedRule:
    """An active rule, with its counts."""

    rule_id: int
    rule: FaultRule
    action: Action | None = None
    matched: int = 0
    fired: int = 0
    random: Random = field(init=False, repr=False)
    answers: dict[str, tuple[datetime, Any]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.random = Random(self.rule.seed)  # noqa: S311  repeatable on purpose

    def decide(self) -> int:
        """Count a matching call and draw. Return the number of the call if the rule fires, else 0."""
        rule = self.rule
        self.matched += 1
        drawn = self.random.random() < rule.probability
        is_listed = not rule.calls or self.matched in rule.calls
        has_uses_left = rule.times is None or self.fired < rule.times
        if not (drawn and is_listed and has_uses_left):
            return 0
        self.fired += 1
        return self.matched


class CallFaults:
    """The decisions of the rules for one call.

    Args:
        context: the time, the account and the groups.
        name: service and operation.
        parameters: the parameters of the call.
        armed: the rules that match it.
        fired: the record of all faults; a fault that happens is added.
    """

    def __init__(
        self,
        context: FaultContext,
        name: tuple[str, str],
        parameters: Mapping[str, Any],
        armed: tuple[ArmedRule, ...],
        fired: list[Fired],
    ) -> None:
        self._context = context
        self._fired = fired
        self._service, self._operation = name
        self._parameters = parameters
        self._launch_rules = [rule for rule in armed if rule.rule.fault in LAUNCH_FAULTS]
        self._stale_rules = [rule for rule in armed if rule.rule.fault is Fault.STALE]
        others = [rule for rule in armed if rule not in self._launch_rules and rule not in self._stale_rules]
        self._decided = [(rule, number) for rule in others if (number := rule.decide())]
        self._applied: set[int] = set()
        self._launching: dict[int, int] = {}
        self._granted = 0

    def reach(self, phase: Phase) -> None:
        """Apply the faults for a phase of the call.

        Raises:
            ApiError: the call is refused.
            ConnectionLost: the connection breaks.
            AnswerWithheld: the call gets no response until the caller's timeout.
        """
        for armed, number in self._decided:
            if armed.rule.when == phase:
                self._applied.add(armed.rule_id)
                self._record(armed, number)
                self._apply(armed, number)

    def release(self) -> None:
        """Undo the counts of faults that did not happen, because the call failed before."""
        for armed, _ in self._decided:
            armed.fired -= armed.rule_id not in self._applied

    def stale_answer(self) -> Any:
        """Return an older answer to the same request, or None to answer it now."""
        for armed in self._stale_rules:
            remembered = armed.answers.get(self._request())
            if remembered is None or self._context.now() - remembered[0] > self._context.scaled(
                armed.rule.lasts_seconds
            ):
                continue
            if number := armed.decide():
                self._record(armed, number)
                status, headers, body = remembered[1]
                return status, dict(headers), body
        return None

    def remember(self, answer: Any) -> None:
        """Store an answer for the rules that make answers stale."""
        for armed in self._stale_rules:
            armed.answers[self._request()] = (self._context.now(), answer)

    def _request(self) -> str:
        return f"{self._service}:{self._operation} {self._parameters!r}"

    def grant(self, zone: str, requested: int) -> int:
        """Return how many of `requested` instances the rules let this call launch into a zone."""
        allowed = requested
        for armed in self._fired_in(zone, Fault.NO_CAPACITY, Fault.PARTIAL_LAUNCH):
            remaining = 0 if armed.rule.fault is Fault.NO_CAPACITY else armed.rule.at_most - self._granted
            allowed = min(allowed, max(0, remaining))
        self._granted += allowed
        return allowed

    def refuse_launch(self, zone: str, version: str) -> None:
        """Refuse a launch of a template version into a zone, if a rule says so.

        Raises:
            ApiError: with the code and message of the rule.
        """
        for armed in self._fired_in(zone, Fault.LAUNCH_REFUSED, version=version):
            raise ApiError(armed.rule.code, armed.rule.message, armed.rule.status)

    def is_unfinished(self, zone: str) -> bool:
        """Return whether LaunchInstances answers before the launch is done."""
        return bool(self._fired_in(zone, Fault.UNFINISHED))

    def unseen_seconds(self, zone: str) -> float:
        """Return how long launched instances in a zone stay unknown to EC2's reads."""
        return max((armed.rule.lasts_seconds for armed in self._fired_in(zone, Fault.UNSEEN)), default=0.0)

    def _fired_in(self, zone: str, *faults: Fault, version: str = "") -> list[ArmedRule]:
        firing = []
        for armed in self._launch_rules:
            rule = armed.rule
            if rule.fault not in faults or (rule.zones and zone not in rule.zones):
                continue
            if rule.versions and version not in rule.versions:
                continue
            if armed.rule_id not in self._launching:
                number = self._launching[armed.rule_id] = armed.decide()
                if number:
                    self._record(armed, number)
            if self._launching[armed.rule_id]:
                firing.append(armed)
        return firing

    def _record(self, armed: ArmedRule, number: int) -> None:
        fired = Fired(
            at=self._context.now(),
            operation=f"{self._service}:{self._operation}",
            number=number,
            when=armed.rule.when,
            fault=armed.rule.fault,
            rule_id=armed.rule_id,
        )
        self._fired.append(fired)

    def _apply(self, armed: ArmedRule, number: int) -> None:
        rule, service = armed.rule, self._service
        match rule.fault:
            case Fault.THROTTLED:
                raise service_errors.throttled(service, self._operation)
            case Fault.INTERNAL_ERROR:
                raise service_errors.internal_error(service)
            case Fault.UNAVAILABLE:
                raise service_errors.unavailable(service)
            case Fault.DENIED:
                raise service_errors.denied(self._context, service, self._operation, self._parameters)
            case Fault.EXPIRED_CREDENTIALS:
                raise service_errors.expired(service)
            case Fault.REFUSED:
                raise ApiError(rule.code, rule.message, rule.status)
            case Fault.RESET:
                raise ConnectionLost
            case Fault.TIMEOUT:
                raise AnswerWithheld(rule.lasts_seconds)
            case _:
                if armed.action is not None:
                    armed.action(self._call(number, rule.when))

    def _call(self, number: int, phase: Phase) -> ApiCall:
        return ApiCall(
            service=self._service,
            operation=self._operation,
            parameters=self._parameters,
            number=number,
            phase=phase,
        )
