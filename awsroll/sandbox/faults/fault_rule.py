"""A fault rule as a value, as text and as JSON: the calls that fail, when they fail, and how.

    FaultRule(fault=Fault.THROTTLED, operation="elasticloadbalancing:*", probability=0.3, seed=7)
    FaultRule.parse("no-capacity ec2:RunInstances,autoscaling:* zones=us-east-1a times=2")

`call_faults.py` counts calls and applies faults.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Literal, Self, TypeAlias

Phase: TypeAlias = Literal["before", "after"]

ALIASES = {"elasticloadbalancing": "elbv2"}
"""IAM's names of services that botocore names differently."""
READING = ("Describe", "Get", "List", "Head", "Lookup", "Query", "Scan", "BatchGet", "TransactGet")


class Fault(StrEnum):
    """The kind of a fault."""

    THROTTLED = "throttled"
    """The service's own throttling error, such as `RequestLimitExceeded` of EC2."""
    INTERNAL_ERROR = "internal-error"
    """HTTP 500."""
    UNAVAILABLE = "unavailable"
    """HTTP 503 other than throttling."""
    TIMEOUT = "timeout"
    """No response. In process, the caller's read timeout expires at once; a server holds the connection."""
    RESET = "reset"
    """The connection breaks."""
    DENIED = "denied"
    """Access denied, with the action and the resource in the message."""
    EXPIRED_CREDENTIALS = "expired-credentials"
    """The session's credentials have expired."""
    REFUSED = "refused"
    """The error with the `code`, `message` and `status` of the rule."""
    NO_CAPACITY = "no-capacity"
    """A launch finds no capacity in `zones`, or in any zone."""
    LAUNCH_REFUSED = "launch-refused"
    """EC2 refuses a launch with the `code`, `message` and `status` of the rule, in `zones` and of `versions`."""
    PARTIAL_LAUNCH = "partial-launch"
    """A launch finds capacity for `at_most` instances."""
    UNFINISHED = "unfinished"
    """LaunchInstances stops waiting: it answers without instances and without errors, and the launch goes on."""
    UNSEEN = "unseen"
    """Launched instances stay unknown to EC2's reads for `seconds`."""
    STALE = "stale"
    """A read returns an older answer, up to `seconds` old."""
    CALLBACK = "callback"
    """A function is called; only from Python, see `Faults.call`."""


LAUNCH_FAULTS = frozenset({
    Fault.NO_CAPACITY,
    Fault.LAUNCH_REFUSED,
    Fault.PARTIAL_LAUNCH,
    Fault.UNFINISHED,
    Fault.UNSEEN,
})  # fmt: skip
DEFAULT_SECONDS = {Fault.TIMEOUT: 300.0, Fault.UNSEEN: 30.0, Fault.STALE: 10.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """A fault rule. It fires at a call that meets all its conditions; a rule without conditions fires at each call."""

    fault: Fault
    operation: str = "*"
    """Patterns separated by commas: `ec2:RunInstances`, `elasticloadbalancing:*`, `*:Describe*`. Launches by a group
    itself are `autoscaling:Launch`."""
    when: Phase = "before"
    """`before` prevents the effect of the call; `after` loses only the response."""
    calls: tuple[int, ...] = ()
    """The numbers of the matching calls that fail, counted from 1; empty for all."""
    probability: float = 1.0
    """The probability that a matching call fails."""
    seed: int = 0
    """The seed of the draws. The same seed and calls give the same faults."""
    times: int | None = None
    """The most calls that fail; None for no limit."""
    changes_only: bool = False
    """Whether read calls never fail."""
    zones: tuple[str, ...] = ()
    """The zones of the launches that fail; empty for all."""
    versions: tuple[str, ...] = ()
    """The launch template versions whose launches fail (`launch-refused`); empty for all."""
    at_most: int = 1
    """The number of instances of one launch that find capacity (`partial-launch`)."""
    seconds: float | None = None
    """The duration of the fault, if it has one. A `timeout` is in real seconds, because clients wait in real time."""
    code: str = ""
    message: str = "A fault rule of the sandbox refuses this call."
    status: int = 400

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            message = f"fault rule {self.fault}: {problem}"
            raise ValueError(message)

    @property
    def lasts_seconds(self) -> float:
        """The duration of the fault: the given seconds, or the default."""
        return DEFAULT_SECONDS.get(self.fault, 0.0) if self.seconds is None else self.seconds

    def matches(self, service: str, operation: str) -> bool:
        """Return whether the rule applies to an operation."""
        if self.changes_only and operation.startswith(READING):
            return False
        return any(_matches(pattern.strip(), service, operation) for pattern in self.operation.split(","))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rule in `FAULT [OPERATION] [NAME=VALUE]...`, such as `throttled ec2:* probability=0.3 seed=7`.

        Raises:
            ValueError: the rule is not valid.
        """
        words = shlex.split(text)
        positional = [word for word in words if "=" not in word]
        fields: dict[str, Any] = dict(word.split("=", 1) for word in words if "=" in word)
        if not 1 <= len(positional) <= 2:  # noqa: PLR2004  the fault and the operation
            message = f"fault rule {text!r}: give a fault and at most one operation, then NAME=VALUE"
            raise ValueError(message)
        fields |= dict(zip(("fault", "operation"), positional, strict=False))
        for name in ("calls", "zones", "versions"):
            if name in fields:
                fields[name] = fields[name].split(",")
        return cls.from_fields(fields)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Return the rule in a mapping of JSON types or strings.

        Raises:
            ValueError: the rule is not valid.
        """
        import msgspec  # noqa: PLC0415  kept out of the import of the pytest plugin

        names = [str(fault) for fault in Fault if fault is not Fault.CALLBACK]
        if fields.get("fault") not in names:
            message = f"fault rule: {fields.get('fault')!r} is not one of {', '.join(names)}"
            raise ValueError(message)
        if unknown := sorted(set(fields) - set(cls.__slots__)):
            message = f"fault rule {fields['fault']}: unknown fields {', '.join(unknown)}"
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
        if self.fault in {Fault.REFUSED, Fault.LAUNCH_REFUSED} and not self.code:
            return "code is required"
        if self.fault in LAUNCH_FAULTS | {Fault.STALE} and self.when == "after":
            return "when=after is not possible for this fault"
        return ""


def _matches(pattern: str, service: str, operation: str) -> bool:
    service_pattern, colon, operation_pattern = pattern.partition(":")
    if not colon:
        service_pattern, operation_pattern = "*", pattern
    service_pattern = ALIASES.get(service_pattern, service_pattern)
    return fnmatchcase(service, service_pattern) and fnmatchcase(operation, operation_pattern)
