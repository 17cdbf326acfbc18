"""The closing report of a rollout: frozen values with the names of the JSON keys.

Scripts depend on the keys: they change only with a major version. No AWS dictionaries appear here.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from awsroll.core.decide.approvals import AwaitedApproval
from awsroll.core.model.status import Outcome
from awsroll.errors import UnsuccessfulError
from awsroll.printable import printable

_LEFT_OUT = ("traffic", "approval")  # if there are none


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceCounts:
    """Numbers of instances by result.

    Attributes:
        total: instances at the start.
        replaced: old instances that are gone and whose replacements serve.
        reloaded: instances that run the new code in place and serve.
        failed: instances or launches that failed.
        skipped: instances left alone because they run the new version or the request skips them.
    """

    total: int = 0
    replaced: int = 0
    reloaded: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """One failure and its cause. `instance_id` is empty if the failure has no instance."""

    instance_id: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFailed:
    """A failed server that is kept for inspection, out of the fleet. After `until`, `awsroll repair` terminates it."""

    instance_id: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCalls:
    """AWS calls of this run, including retries. `by_operation` counts `service:Operation`."""

    total: int = 0
    mutating: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The sandbox's traffic during the rollout.

    Attributes:
        requests: number of requests, answered or dropped.
        dropped: number of requests without a correct answer.
        by_version: number of correct answers of each version.
        lowest_serving: the lowest number of servers that took requests at any time.
    """

    requests: int
    dropped: int
    by_version: dict[str, int]
    lowest_serving: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of a rollout.

    Attributes:
        status: `succeeded`, `rolled_back`, `stopped`, `paused` or `interrupted`.
        reason: why the rollout did not succeed; empty if it succeeded.
        elapsed_s: wall time in seconds since the first start, including interruptions.
        min_serving: the lowest number of servers in service at any observation; None without an observation.
        max_live: the highest number of live instances at any observation. A draining instance is not live.
        max_running: the highest number of running instances at any observation, draining ones included.
        drain_seconds_saved: by how much drain probes have shortened the drains of all servers together.
        checkpoints: the passed checkpoints.
        failures: the failures and their causes.
        kept_failed: failed servers that are kept for inspection, until when.
        warnings: facts that need attention, such as settings that were not restored or servers left alone.
        api_calls: AWS calls of this run alone.
        traffic: the traffic of a sandbox; None elsewhere.
        approval: the checkpoint that waits for a person; None if none does.
        from_name: the old version with the name of its launch template.
        to_name: the new version with the name of its launch template.
        started_by: the ARN of the caller that started the rollout.
        message: why the rollout was made.
        ref: what it was made from.
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
    max_live: int
    max_running: int
    drain_seconds_saved: float = 0
    checkpoints: tuple[str, ...] = ()
    failures: tuple[Failed, ...] = ()
    kept_failed: tuple[KeptFailed, ...] = ()
    warnings: tuple[str, ...] = ()
    api_calls: ApiCalls = field(default_factory=ApiCalls)
    traffic: Traffic | None = None
    approval: AwaitedApproval | None = None
    from_name: str = ""
    to_name: str = ""
    started_by: str = ""
    message: str = ""
    ref: str = ""

    @property
    def succeeded(self) -> bool:
        """Return whether the fleet runs the new version."""
        return self.status is Outcome.SUCCEEDED

    @property
    def versions(self) -> str:
        """The old and the new version for people, with the names of their launch templates."""
        return f"{self.from_name or self.from_version or '(none)'} -> {self.to_name or self.to_version}"

    def __str__(self) -> str:
        """Return the result in a few lines for a person. Text from AWS is escaped."""
        counts, calls = self.instances, self.api_calls
        servers = ", ".join(
            (
                f"{counts.total} in total",
                f"{counts.replaced} replaced",
                f"{counts.reloaded} reloaded",
                f"{counts.failed} failed",
                f"{counts.skipped} skipped",
            )
        )
        lines = [
            f"rollout {self.rollout_id} of {self.fleet}: {self.status.because(self.reason)}",
            f"  {self.strategy}, {self.versions}, {self.elapsed_s:.0f} s",
            f"  servers: {servers}",
            f"  API calls: {calls.total}, of which {calls.mutating} change resources",
            *(f"  failure: {failed.instance_id}: {failed.cause}".replace(": :", ":") for failed in self.failures),
            *(f"  warning: {warning}" for warning in self.warnings),
        ]
        return "\n".join(printable(line) for line in lines)

    def raise_for_status(self, wanted: Outcome = Outcome.SUCCEEDED) -> None:
        """Raise an error if the rollout did not end as wanted; otherwise do nothing.

        Args:
            wanted: the outcome; for the report of `rollback`, pass `Outcome.ROLLED_BACK`.

        Raises:
            UnsuccessfulError: if it ended in another way; the message says how, why, and what to do.
        """
        if self.status is not wanted:
            raise UnsuccessfulError(_why_not(self), rollout_id=self.rollout_id)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values, without `traffic` and `approval` if there are none."""
        import msgspec  # noqa: PLC0415 - only JSON output needs the JSON library

        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {key: value for key, value in plain.items() if key not in _LEFT_OUT or value is not None}

    def to_json(self) -> str:
        """Return the report as one line of JSON."""
        import msgspec  # noqa: PLC0415 - see as_dict

        return msgspec.json.encode(self.as_dict()).decode()


def _why_not(report: Report) -> str:
    """Return how a rollout ended and what to do, as one sentence each."""
    ended = f"rollout {report.rollout_id} {report.status.because(report.reason)}"
    match report.status:
        case Outcome.SUCCEEDED:
            return f"{ended}. {report.fleet} runs {report.to_name or report.to_version}"
        case Outcome.ROLLED_BACK:
            return f"{ended}. {report.fleet} runs {report.from_name or report.from_version} again"
        case Outcome.STOPPED:
            return f"{ended}. {report.fleet} may be mixed; a person must look: `awsroll status {report.rollout_id}`"
        case Outcome.RUNNING | Outcome.PAUSED | Outcome.INTERRUPTED:
            return f"{ended}. {report.fleet} may be mixed; continue it: `awsroll resume {report.rollout_id}`"
        case _:
            assert_never(report.status)
