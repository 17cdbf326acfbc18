"""The plan of a rollout: the order of servers, the capacity and an estimated duration.

Derived from the resolved rollout and one observation. The order comes from the planner (`core/decide/victims.py`). The
duration is an estimate from the timers in AWS and the two guesses below.
"""

from dataclasses import dataclass
from typing import Any

from awsroll.core.classify.capacity import measure
from awsroll.core.classify.draining import drain_seconds
from awsroll.core.classify.view import View
from awsroll.core.decide.nothing_to_do import is_on_target
from awsroll.core.decide.victims import order
from awsroll.core.model.finding import Finding
from awsroll.core.model.fingerprint import Fingerprint
from awsroll.core.model.observation import Observation, TargetGroup
from awsroll.core.model.rollout import Rollout, Strategy, version_of
from awsroll.core.model.status import Status
from awsroll.core.request.instructions import Instruction, InstructionKind, instructions_of
from awsroll.core.request.spec import RolloutSpec

_ONLY_IN_FILE = ("asked", "request", "fingerprint")
_BOOT_SECONDS = 60.0  # a typical Linux instance, from the launch call until its application listens
_NETWORK_REGISTRATION_SECONDS = 180
_COMMAND_SECONDS = 30.0  # a reload command, including its delivery by SSM


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
        order: the servers in the order in which they are replaced: unhealthy servers first, zones balanced.
        nothing_to_do: the whole fleet serves on the new version already: a rollout would change nothing.
        skipped: number of servers that already run the new version or are skipped by the request.
        lowest_serving: the number of serving servers never falls below this value because of the rollout.
        highest_running: maximum number of servers that run at the same time.
        at_a_time: maximum number of servers in progress at the same time.
        kept_server_hours: cost of keeping the old servers during the bake time, in server hours.
        estimated_seconds: estimated duration: drain, boot and health checks, in parallel as far as the limits allow.
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
    highest_running: int
    at_a_time: int
    estimated_seconds: float
    kept_server_hours: float = 0
    findings: tuple[Finding, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    asked: RolloutSpec | None = None
    request: RolloutSpec | None = None
    fingerprint: Fingerprint | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of the checks, without notes."""
        return tuple(finding.message for finding in self.findings if finding.is_warning)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON values, without what only a plan file holds."""
        import msgspec  # noqa: PLC0415 - only JSON output needs the JSON library

        plain: dict[str, Any] = msgspec.to_builtins(self)
        for name in _ONLY_IN_FILE:
            del plain[name]
        return plain | {"instructions": [each.as_dict() for each in self.instructions]}


def forecast(
    rollout: Rollout, observation: Observation, status: Status, *, findings: tuple[Finding, ...] = ()
) -> RolloutPlan:
    """Return the plan of a rollout for the observed fleet."""
    view = View(rollout, observation, status)
    capacity = measure(view)
    limits = capacity.limits
    leaving = order(view, view.candidates)
    reloading = rollout.reload is not None
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
        skipped=len(view.current) + len(view.skipped),
        lowest_serving=limits.floor,
        highest_running=limits.ceiling,
        at_a_time=limits.window,
        kept_server_hours=_kept_hours(rollout, servers=len(leaving)),
        estimated_seconds=_estimate(rollout, observation.target_groups, servers=len(leaving), window=limits.window),
        findings=findings,
        instructions=planned_instructions(rollout),
    )


def planned_instructions(rollout: Rollout) -> tuple[Instruction, ...]:
    """Return the instructions of a rollout as its plan shows them: its fingerprint has the region."""
    return tuple(each for each in instructions_of(rollout) if each.kind is not InstructionKind.REGION)


def _kept_hours(rollout: Rollout, *, servers: int) -> float:
    """Return the server hours of kept old servers: 9 servers for a bake time of 600 s are 1.5 hours."""
    return round(servers * rollout.gates.bake_seconds / 3600, 2) if rollout.keep_old else 0.0


def _estimate(rollout: Rollout, groups: tuple[TargetGroup, ...], *, servers: int, window: int) -> float:
    """Estimate the duration in seconds.

    For example 9 servers, 2 at a time, 300 s drain, 60 s boot and 150 s health checks: 5 rounds of 510 s.
    """
    own_delay = rollout.deregistration_delay_seconds
    drain = max((drain_seconds(group, own_delay) for group in groups), default=0)
    verify = max((_seconds_to_healthy(group) for group in groups), default=0) + rollout.limits.min_healthy_seconds
    change = _COMMAND_SECONDS if rollout.strategy is Strategy.RELOAD else _BOOT_SECONDS
    rounds = 1 if rollout.strategy is Strategy.DOUBLE_HALF else -(-servers // max(window, 1))
    waits = rollout.gates.bake_seconds + rollout.gates.delay_seconds * len(rollout.gates.checkpoints)
    return (drain + change + verify) * rounds + waits if servers else 0.0


def _seconds_to_healthy(group: TargetGroup) -> float:
    registration = _NETWORK_REGISTRATION_SECONDS if group.is_network else 0
    return registration + group.health_interval_seconds * group.healthy_threshold + group.slow_start_seconds
