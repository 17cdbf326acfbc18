"""The closing report: plain frozen values, named as the JSON names them.

The keys are a contract with scripts: they change with a major version only. No AWS dictionary comes in here.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from awsroll.core.model.status import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceCounts:
    """Instances by what became of them.

    Attributes:
        total: instances found at the start.
        replaced: instances that went and whose replacement serves.
        reloaded: instances that took the new code in place and serve.
        failed: instances (or launches) that failed.
        skipped: instances left alone: on the new version already, or exempt by the request.
    """

    total: int = 0
    replaced: int = 0
    reloaded: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """One failure and its cause. `instance_id` is empty where no instance can be named."""

    instance_id: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCalls:
    """AWS calls that this run made, retries included; `by_operation` counts `service:Operation`."""

    total: int = 0
    mutating: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the sandbox's clients saw while the rollout ran.

    Attributes:
        requests: requests answered or dropped.
        dropped: requests that got no right answer.
        by_version: right answers by the version that gave them.
        lowest_serving: the fewest servers that took requests at any time.
    """

    requests: int
    dropped: int
    by_version: dict[str, int]
    lowest_serving: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a rollout ended.

    Attributes:
        status: `succeeded`, `stopped` or `interrupted`.
        reason: why, unless it succeeded.
        elapsed_s: wall time in seconds from the first start, interruptions included.
        min_serving: the fewest servers in service at any look; None if there was no look.
        max_running: the most live instances at any look.
        checkpoints: the checkpoints passed.
        failures: what failed, with its cause.
        warnings: what a person should know: settings not restored, servers left alone.
        api_calls: of this run alone.
        traffic: in a sandbox with traffic; else None.
    """

    rollout_id: str
    status: Outcome
    reason: str = ""
    fleet: str
    strategy: str
    from_version: str
    to_version: str
    started_at: datetime
    ended_at: datetime
    elapsed_s: float
    instances: InstanceCounts
    min_serving: int | None
    max_running: int
    checkpoints: tuple[str, ...] = ()
    failures: tuple[Failed, ...] = ()
    warnings: tuple[str, ...] = ()
    api_calls: ApiCalls = field(default_factory=ApiCalls)
    traffic: Traffic | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the fleet is on the new version."""
        return self.status is Outcome.SUCCEEDED

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values; `traffic` only where there was some."""
        import msgspec  # noqa: PLC0415 - a report may be held and read without the JSON library

        plain: dict[str, Any] = msgspec.to_builtins(self)
        if self.traffic is None:
            del plain["traffic"]
        return plain

    def to_json(self) -> str:
        """Return the report as one line of JSON, with the keys of the command contract."""
        import msgspec  # noqa: PLC0415 - see as_dict

        return msgspec.json.encode(self.as_dict()).decode()
