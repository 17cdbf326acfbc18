"""What is planned for many fleets, and how rolling them ended: plain values, named as the JSON names them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetEnding
from awsroll.report.forecast import RolloutPlan
from awsroll.report.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """What would be done to one fleet.

    Attributes:
        region: where it is, as found.
        resumes: the id of the rollout of this very request that was left in the middle and would go on; else empty.
        plan: what would be done; None for a rollout that goes on.
    """

    fleet_name: str
    region: str
    role: str
    resumes: str = ""
    plan: RolloutPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WavePlan:
    """What would be done in one wave."""

    name: str
    concurrency: int
    tolerated_failures: int
    fleets: tuple[FleetPlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetsPlan:
    """What would be done to many fleets."""

    waves: tuple[WavePlan, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the checks found, each with the name of its fleet."""
        plans = [(one.fleet_name, one.plan) for wave in self.waves for one in wave.fleets]
        return tuple(f"{name}: {found.message}" for name, plan in plans if plan for found in plan.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """What became of one fleet.

    Attributes:
        reason: why, unless it succeeded.
        report: of its rollout; None if there was none.
    """

    fleet_name: str
    region: str
    role: str
    status: FleetEnding
    reason: str = ""
    report: Report | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
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
    """How one wave ended.

    Attributes:
        status: that of the fleet that a person must look at first; `not_begun` if none was begun.
    """

    name: str
    status: FleetEnding
    concurrency: int
    tolerated_failures: int
    fleets: tuple[FleetReport, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "name": self.name,
            "status": self.status.value,
            "concurrency": self.concurrency,
            "tolerated_failures": self.tolerated_failures,
            "fleets": [one.as_dict() for one in self.fleets],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetsReport:
    """How rolling many fleets ended.

    Attributes:
        status: that of the fleet that a person must look at first.
    """

    status: Outcome
    started_at: datetime
    ended_at: datetime
    waves: tuple[WaveReport, ...]

    @property
    def succeeded(self) -> bool:
        """Whether every fleet is on its new version."""
        return self.status is Outcome.SUCCEEDED

    @property
    def fleets(self) -> tuple[FleetReport, ...]:
        """What became of each fleet, in order."""
        return tuple(fleet for wave in self.waves for fleet in wave.fleets)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        import msgspec  # noqa: PLC0415 - see Report.as_dict

        return {
            "status": self.status.value,
            **msgspec.to_builtins({"started_at": self.started_at, "ended_at": self.ended_at}),
            "elapsed_s": round((self.ended_at - self.started_at).total_seconds(), 3),
            "waves": [one.as_dict() for one in self.waves],
        }
