"""Which calls fail, when, and how: one rule as a value, and the text and JSON it is written in.

    FaultRule(fault=Fault.THROTTLED, operation="elasticloadbalancing:*", probability=0.3, seed=7)
    FaultRule.parse("no-capacity ec2:RunInstances,autoscaling:* zones=us-east-1a times=2")

Nothing here counts calls or makes anything fail; that is `call.py`.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Literal, Self, TypeAlias

Phase: TypeAlias = Literal["before", "after"]

ALIASES = {"elasticloadbalancing": "elbv2"}
"""IAM's name of a service, where the sandbox counts its calls under another one."""
READING = ("Describe", "Get", "List", "Head", "Lookup", "Query", "Scan", "BatchGet", "TransactGet")


class Fault(StrEnum):
    """What goes wrong."""

    THROTTLED = "throttled"
    """The service's own code for too many calls, as `RequestLimitExceeded` of EC2."""
    INTERNAL_ERROR = "internal-error"
    """HTTP 500."""
    UNAVAILABLE = "unavailable"
    """HTTP 503, and no throttle."""
    TIMEOUT = "timeout"
    """No answer. In process the caller's read timeout is over at once; a server holds the call."""
    RESET = "reset"
    """The connection breaks."""
    DENIED = "denied"
    """Access is denied, with the action and the resource in the message."""
    EXPIRED_CREDENTIALS = "expired-credentials"
    """The session's credentials have expired."""
    REFUSED = "refused"
    """The error whose `code`, `message` and `status` the rule names."""
    NO_CAPACITY = "no-capacity"
    """A launch finds no capacity, in `zones` or in all of them."""
    PARTIAL_LAUNCH = "partial-launch"
    """A launch of several finds capacity for `at_most`."""
    UNSEEN = "unseen"
    """What a launch makes stays unknown to EC2's reads for `seconds`."""
    STALE = "stale"
    """A read is answered as it was, by something up to `seconds` old."""
    CALLBACK = "callback"
    """A function of the test is called; only from Python, see `Faults.call`."""


OF_LAUNCHES = frozenset({Fault.NO_CAPACITY, Fault.PARTIAL_LAUNCH, Fault.UNSEEN})
DEFAULT_SECONDS = {Fault.TIMEOUT: 300.0, Fault.UNSEEN: 30.0, Fault.STALE: 10.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One rule. Every condition that it names must hold; one that names none fires at each call."""

    fault: Fault
    operation: str = "*"
    """Patterns separated by commas: `ec2:RunInstances`, `elasticloadbalancing:*`, `*:Describe*`. A group's own launches
    are `autoscaling:Launch`."""
    when: Phase = "before"
    """Before the call takes effect, which prevents it, or after, when only the answer is lost."""
    calls: tuple[int, ...] = ()
    """Which of the matching calls, counted from 1; empty for all."""
    probability: float = 1.0
    """Drawn for each matching call."""
    seed: int = 0
    """Of these draws: the same seed and the same calls fail the same way."""
    times: int | None = None
    """At most so often."""
    changes_only: bool = False
    """Spare the calls that only read."""
    zones: tuple[str, ...] = ()
    """Only launches into these zones; empty for all."""
    at_most: int = 1
    """How many of a launch's instances find capacity (`partial-launch`)."""
    seconds: float | None = None
    """How long it lasts, where that means something. A `timeout` is in real seconds: clients wait in these."""
    code: str = ""
    message: str = "The sandbox was told to refuse this call."
    status: int = 400

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            message = f"fault rule {self.fault}: {problem}"
            raise ValueError(message)

    @property
    def lasts_seconds(self) -> float:
        """How long it lasts, as given or by default."""
        return DEFAULT_SECONDS.get(self.fault, 0.0) if self.seconds is None else self.seconds

    def matches(self, service: str, operation: str) -> bool:
        """Whether the rule is about an operation at all."""
        if self.changes_only and operation.startswith(READING):
            return False
        return any(_matches(pattern.strip(), service, operation) for pattern in self.operation.split(","))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule from `FAULT [OPERATION] [NAME=VALUE]...`, as `throttled ec2:* probability=0.3 seed=7`.

        Raises:
            ValueError: it is no rule; the message says why.
        """
        words = shlex.split(text)
        positional = [word for word in words if "=" not in word]
        fields: dict[str, Any] = dict(word.split("=", 1) for word in words if "=" in word)
        if not 1 <= len(positional) <= 2:  # noqa: PLR2004  the fault and the operation
            message = f"fault rule {text!r}: give a fault and at most one operation, then NAME=VALUE"
            raise ValueError(message)
        fields |= dict(zip(("fault", "operation"), positional, strict=False))
        for name in ("calls", "zones"):
            if name in fields:
                fields[name] = fields[name].split(",")
        return cls.from_fields(fields)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Read a rule from JSON, or from texts.

        Raises:
            ValueError: it is no rule; the message says why.
        """
        import msgspec  # noqa: PLC0415  kept out of the import of the pytest plugin

        known = [str(fault) for fault in Fault if fault is not Fault.CALLBACK]
        if fields.get("fault") not in known:
            message = f"fault rule: {fields.get('fault')!r} is not one of {', '.join(known)}"
            raise ValueError(message)
        if unknown := sorted(set(fields) - set(cls.__slots__)):
            message = f"fault rule {fields['fault']}: it has no {', '.join(unknown)}"
            raise ValueError(message)
        try:
            return msgspec.convert(dict(fields), cls, strict=False)
        except msgspec.ValidationError as error:
            message = f"fault rule {fields['fault']}: {error}"
            raise ValueError(message) from error

    def _problem(self) -> str:
        if not 0 <= self.probability <= 1:
            return f"probability {self.probability} is not between 0 and 1"
        if any(number < 1 for number in self.calls):
            return "calls are counted from 1"
        if self.fault is Fault.REFUSED and not self.code:
            return "it needs the code of the error"
        if self.fault in OF_LAUNCHES | {Fault.STALE} and self.when == "after":
            return "it has no time after the effect"
        return ""


def _matches(pattern: str, service: str, operation: str) -> bool:
    its_service, colon, its_operation = pattern.partition(":")
    if not colon:
        its_service, its_operation = "*", pattern
    its_service = ALIASES.get(its_service, its_service)
    return fnmatchcase(service, its_service) and fnmatchcase(operation, its_operation)
