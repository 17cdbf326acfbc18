"""The plan of a rollout: the order of servers, the capacity and an estimated duration.

Derived from the resolved rollout and one observation. The order comes from the planner (`core/decide/victims.py`). The
duration and the number of running servers are estimates (`core/classify/estimates.py`).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from awsroll.core.classify.blast_radius import Exposure, Traffic, blast_radius
from awsroll.core.classify.capacity import measure
from awsroll.core.classify.estimates import most_running
from awsroll.core.classify.view import View
from awsroll.core.decide.nothing_to_do import is_on_target
from awsroll.core.decide.victims import order
from awsroll.core.decide.zone_turns import in_turns
from awsroll.core.model.duration_text import rough_duration
from awsroll.core.model.finding import Finding
from awsroll.core.model.fingerprint import Fingerprint
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout, version_of
from awsroll.core.model.status import Status
from awsroll.core.model.template_change import TemplateChange
from awsroll.core.request.instructions import Instruction, InstructionKind, instructions_of
from awsroll.core.request.spec import RolloutSpec
from awsroll.printable import printable
from awsroll.report.estimate import NO_HISTORY, History, estimate, longest_arrival, work_of
from awsroll.report.expected_calls import ExpectedCalls, expected_calls
from awsroll.report.plan_details import PlannedSetting, failure_policy, planned_gates, planned_settings
from awsroll.report.planned_window import PlannedWindow, planned_window
from awsroll.report.simulate import Point, Simulated

_ONLY_IN_FILE = ("asked", "request", "fingerprint")
_MOST_POINTS = 240
ASSUMED_RATE = 50.0
"""Requests a second of the whole fleet, for what a plan says about the judge, if CloudWatch does not tell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedInstance:
    """One server that the rollout would replace or reload."""

    instance_id: str
    zone: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlan:
    """The plan of a rollout.

    Attributes:
        order: the servers in the order in which they are replaced: unhealthy servers first, zones balanced;
            with `--zones one-by-one` zone by zone.
        nothing_to_do: the whole fleet serves on the new version already: a rollout would change nothing.
        skipped: number of servers that already run the new version or are skipped by the request.
        lowest_serving: the number of serving servers never falls below this value because of the rollout.
        max_live: the number of live servers never rises above this value because of the rollout. A draining server is
            not live.
        max_running: maximum number of servers that run at the same time, draining servers included: an estimate, or
            the cap of the request.
        is_capped: the request has a cap on running servers.
        at_a_time: maximum number of servers in progress at the same time.
        kept_server_hours: cost of keeping the old servers during the bake time, in server hours.
        kept_failed_server_hours: what the failed servers that are kept for inspection cost at most, in server hours,
            until a repair may terminate them.
        estimated_seconds: estimated duration, without failures and without the time that people take to approve.
        lowest_seconds: nine of ten such rollouts take longer.
        highest_seconds: nine of ten such rollouts take less time.
        estimated_from: where these times come from, for people.
        capacity_over_time: the expected capacity, from each instant on.
        extra_server_hours: estimated server hours beyond the desired capacity, draining servers included.
        requests_per_second: what the whole fleet got in the last hour, by CloudWatch; None if it is not known or the
            rollout has no judge.
        blast_radius: what a bad version can reach, for each part of the rollout that ends at a gate.
        api_calls: about how many AWS calls the rollout makes.
        from_name: the old version with the name of its launch template, such as `web:1`.
        to_name: the new version with the name of its launch template.
        template_changes: what differs between the two versions; None if the old one is not known.
        target_groups: the names of the target groups.
        window: when it may go on, and whether it ends before that is over; None without windows and freezes.
        instructions: the hooks, commands, functions and scripts that the rollout runs, each with its point. `roll`
            refuses the plan if its request would run anything else.
        asked: the request as the user made it.
        request: the same request with its version pinned and its deadlines filled in. `roll` carries it out.
        fingerprint: the fleet that the plan was made for. `roll` refuses the plan if the fleet has changed.
    """

    fleet: str
    strategy: str
    from_version: str
    to_version: str
    desired: int
    order: tuple[PlannedInstance, ...]
    nothing_to_do: bool
    skipped: int
    lowest_serving: int
    max_live: int
    max_running: int
    is_capped: bool = False
    at_a_time: int
    estimated_seconds: float
    kept_server_hours: float = 0
    kept_failed_server_hours: float = 0
    lowest_seconds: float = 0
    highest_seconds: float = 0
    estimated_from: str = ""
    capacity_over_time: tuple[Point, ...] = ()
    extra_server_hours: float = 0
    requests_per_second: float | None = None
    blast_radius: tuple[Exposure, ...] = ()
    api_calls: ExpectedCalls | None = None
    from_name: str = ""
    to_name: str = ""
    template_changes: tuple[TemplateChange, ...] | None = None
    target_groups: tuple[str, ...] = ()
    window: PlannedWindow | None = None
    findings: tuple[Finding, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    asked: RolloutSpec | None = None
    request: RolloutSpec | None = None
    fingerprint: Fingerprint | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of the checks, without notes."""
        return tuple(finding.message for finding in self.findings if finding.is_warning)

    def __str__(self) -> str:
        """Return the plan in a few lines for a person. Text from AWS is escaped."""
        if self.nothing_to_do:
            return printable(f"no changes: {self.fleet} is on {self.to_name or self.to_version}")
        low, middle, high = map(rough_duration, (self.lowest_seconds, self.estimated_seconds, self.highest_seconds))
        calls = f"about {self.api_calls.total} API calls" if self.api_calls is not None else ""
        lines = [
            f"plan of {self.fleet}: {self.from_name or self.from_version} -> {self.to_name or self.to_version}",
            f"  {self.strategy}, {self.at_a_time} at a time",
            f"  servers: {len(self.order)} to update, {self.skipped} to skip, {self.desired} desired",
            f"  capacity: serving never below {self.lowest_serving}, live never above {self.max_live}",
            f"  duration: about {middle} ({low} to {high} in 8 of 10 rollouts); {calls}".rstrip("; "),
            *(f"  warning: {warning}" for warning in self.warnings),
        ]
        return "\n".join(printable(line) for line in lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON values, without what only a plan file holds."""
        import msgspec  # noqa: PLC0415 - only JSON output needs the JSON library

        plain: dict[str, Any] = msgspec.to_builtins(self)
        for name in _ONLY_IN_FILE:
            del plain[name]
        return plain | {"instructions": [each.as_dict() for each in self.instructions], **self._details()}

    def planned_settings(self, request: RolloutSpec) -> tuple[PlannedSetting, ...]:
        """Return the settings that the rollout changes."""
        version = "" if self.template_changes is None else self.to_name or self.to_version
        return planned_settings(request, surges=self.max_live > self.desired, version=version)

    def _details(self) -> dict[str, Any]:
        """Return what the request says about settings, gates and failures, as plain JSON values."""
        import msgspec  # noqa: PLC0415 - see `as_dict`

        request = self.request or self.asked
        if request is None:
            return {}
        details = {
            "settings": self.planned_settings(request),
            "gates": planned_gates(request),
            "failure_policy": failure_policy(request),
        }
        plain: dict[str, Any] = msgspec.to_builtins(details)
        return plain


def forecast(
    rollout: Rollout,
    observation: Observation,
    status: Status,
    *,
    findings: tuple[Finding, ...] = (),
    history: History = NO_HISTORY,
) -> RolloutPlan:
    """Return the plan of a rollout for the observed fleet.

    Args:
        rollout: the rollout.
        observation: its fleet.
        status: its first status.
        findings: what the checks have found.
        history: what is known of the times of the fleet.
    """
    view = View(rollout, observation, status)
    capacity = measure(view)
    limits = capacity.limits
    leaving = in_turns(rollout, order(view, view.candidates))
    reloading = rollout.reload is not None
    groups, skipped = observation.target_groups, len(view.current) + len(view.skipped)
    work = work_of(rollout, limits, outdated=len(leaving), current=skipped)
    expected = estimate(rollout, groups, work, history)
    rate = None if history.server_rate is None else round(history.server_rate * limits.desired, 2)
    return RolloutPlan(
        fleet=rollout.fleet,
        strategy=rollout.strategy.value,
        from_version=rollout.from_version,
        to_version=rollout.to_version,
        desired=limits.desired,
        order=tuple(
            PlannedInstance(
                instance_id=server.instance_id, zone=server.zone, version=version_of(server, reloading=reloading)
            )
            for server in leaving
        ),
        nothing_to_do=is_on_target(view, capacity),
        skipped=skipped,
        lowest_serving=limits.floor,
        max_live=limits.ceiling,
        max_running=most_running(rollout, limits, groups, len(leaving)),
        is_capped=limits.max_running is not None,
        at_a_time=limits.window,
        kept_server_hours=_kept_hours(rollout, servers=len(leaving)),
        kept_failed_server_hours=round(rollout.keep_failed * rollout.keep_failed_seconds / 3600, 2),
        estimated_seconds=expected.seconds,
        lowest_seconds=expected.low,
        highest_seconds=expected.high,
        estimated_from=expected.basis,
        capacity_over_time=_thinned(expected.course),
        extra_server_hours=expected.course.surplus_hours(limits.desired),
        requests_per_second=rate,
        blast_radius=blast_radius(rollout, limits, groups, _traffic(view, history, rate)),
        api_calls=expected_calls(rollout, work, expected.course),
        from_name=rollout.from_name,
        to_name=rollout.to_name,
        target_groups=tuple(sorted(group.name for group in groups)),
        window=planned_window(observation, low=expected.low, high=expected.high),
        findings=findings,
        instructions=planned_instructions(rollout),
    )


def _traffic(view: View, history: History, rate: float | None) -> Traffic:
    rollout, zones = view.rollout, Counter(server.zone for server in view.live)
    return Traffic(
        rate=ASSUMED_RATE if rate is None else rate,
        metrics=len(rollout.metrics) if rollout.counts else 0,
        arrival_seconds=longest_arrival(rollout, view.observation.target_groups, history),
        zones=tuple(zones.values()),
    )


def planned_instructions(rollout: Rollout) -> tuple[Instruction, ...]:
    """Return the instructions of a rollout as its plan shows them: its fingerprint has the region."""
    return tuple(each for each in instructions_of(rollout) if each.kind is not InstructionKind.REGION)


def _kept_hours(rollout: Rollout, *, servers: int) -> float:
    """Return the server hours of kept old servers: 9 servers for a bake time of 600 s are 1.5 hours."""
    return round(servers * rollout.gates.bake_seconds / 3600, 2) if rollout.keep_old else 0.0


def _thinned(course: Simulated) -> tuple[Point, ...]:
    """Return the expected capacity with fewer points: of each part of the time, the one with the fewest that serve."""
    size = -(-len(course.points) // _MOST_POINTS)
    parts = (course.points[begin : begin + size] for begin in range(0, len(course.points), size))
    return tuple(min(part, key=lambda point: point.serving) for part in parts)
