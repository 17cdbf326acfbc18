"""The plan and the closing report of many fleets: frozen values with the names of the JSON keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetEnding, OnWaveFailure
from awsroll.report.forecast import RolloutPlan
from awsroll.report.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """The plan of one fleet.

    Attributes:
        region: the region of the fleet.
        resumes: id of the unfinished rollout of the same request that would continue; empty for a new rollout.
        plan: the plan of a new rollout; None if a rollout continues.
    """

    fleet_name: str
    region: str
    role: str
    resumes: str = ""
    plan: RolloutPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WavePlan:
    """The plan of one wave."""

    name: str
    concurrency: int
    tolerated_failures: int
    fleets: tuple[FleetPlan, ...]
    bake_seconds: float = 0
    alarms: tuple[str, ...] = ()
    judge: str | None = None
    on_failure: OnWaveFailure = OnWaveFailure.STOP


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetsPlan:
    """The plan of many fleets."""

    waves: tuple[WavePlan, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the checks, each with the name of its fleet."""
        plans = [(fleet.fleet_name, fleet.plan) for wave in self.waves for fleet in wave.fleets]
        return tuple(f"{name}: {message}" for name, plan in plans if plan for message in plan.warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """The result of one fleet.

    Attributes:
        reason: why the fleet did not succeed; empty if it succeeded.
        report: the report of its rollout; None if no rollout started.
    """

    fleet_name: str
    region: str
    role: str
    status: FleetEnding
    reason: str = ""
    report: Report | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "fleet_name": self.fleet_name,
            "region": self.region,
            "role": self.role,
            "status": self.status.value,
            "reason": self.reason,
            "report": None if self.report is None else self.report.as_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveReport:
    """The result of one wave.

    Attributes:
        status: the most severe status of its fleets; `not_begun` if no fleet was begun.
        reason: why the wave has failed; empty if it has not.
    """

    name: str
    status: FleetEnding
    concurrency: int
    tolerated_failures: int
    fleets: tuple[FleetReport, ...]
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "name": self.name,
            "status": self.status.value,
            "concurrency": self.concurrency,
            "tolerated_failures": self.tolerated_failures,
            "reason": self.reason,
            "fleets": [fleet.as_dict() for fleet in self.fleets],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetsReport:
    """The result of rolling many fleets.

    Attributes:
        status: the most severe status of the fleets; `stopped` if only an alarm of a wave has failed.
    """

    status: Outcome
    started_at: datetime
    ended_at: datetime
    waves: tuple[WaveReport, ...]

    @property
    def succeeded(self) -> bool:
        """Return whether every fleet runs its new version."""
        return self.status is Outcome.SUCCEEDED

    @property
    def fleets(self) -> tuple[FleetReport, ...]:
        """Return the results of all fleets, in order."""
        return tuple(fleet for wave in self.waves for fleet in wave.fleets)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        import msgspec  # noqa: PLC0415 - see Report.as_dict

        return {
            "status": self.status.value,
            **msgspec.to_builtins({"started_at": self.started_at, "ended_at": self.ended_at}),
            "elapsed_s": round((self.ended_at - self.started_at).total_seconds(), 3),
            "waves": [wave.as_dict() for wave in self.waves],
        }
