"""What a rollout would do, told before anything is done: order, capacity and a rough duration.

Pure: derived from the resolved rollout and one look. The order is the planner's own (`core.victims`); the duration is
an estimate for people, from the timers that AWS shows and two guesses stated below.
"""

from dataclasses import dataclass

from awsroll.core.classify.capacity import measure
from awsroll.core.classify.view import View
from awsroll.core.decide.victims import order
from awsroll.core.model.finding import Finding
from awsroll.core.model.fingerprint import Fingerprint
from awsroll.core.model.observation import Observation, TargetGroup
from awsroll.core.model.rollout import Rollout, Strategy, version_of
from awsroll.core.model.status import Status
from awsroll.core.request.spec import RolloutSpec

_BOOT_SECONDS = 60.0  # an ordinary Linux instance, from the call until its application listens
_COMMAND_SECONDS = 30.0  # a reload command, with its way through SSM


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedInstance:
    """One server that would go (or be reloaded)."""

    instance_id: str
    zone: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlan:
    """What would be done.

    Attributes:
        order: the servers in the order in which they go; unhealthy ones first, zones kept balanced.
        skipped: servers that are on the goal already, or are left alone as the request says.
        lowest_serving: capacity would not be taken below it.
        highest_running: not more servers than that would run at a time.
        at_a_time: how many servers may be in flight at a time.
        kept_server_hours: what keeping the old servers through the bake time costs, in hours of a server.
        estimated_seconds: a rough guess: drain, boot and health checks, as the window allows them side by side.
        asked: the request as it was made.
        request: the same with its version pinned and its deadlines filled in: what is rolled by this plan.
        fingerprint: the fleet that it was made for; `roll` refuses it once the fleet is another.
    """

    fleet: str
    strategy: str
    from_version: str
    to_version: str
    desired: int
    order: tuple[PlannedInstance, ...]
    skipped: int
    lowest_serving: int
    highest_running: int
    at_a_time: int
    estimated_seconds: float
    kept_server_hours: float = 0
    findings: tuple[Finding, ...] = ()
    asked: RolloutSpec | None = None
    request: RolloutSpec | None = None
    fingerprint: Fingerprint | None = None


def forecast(
    rollout: Rollout, observation: Observation, status: Status, *, findings: tuple[Finding, ...] = ()
) -> RolloutPlan:
    """Return what this rollout would do to the fleet that was seen."""
    view = View(rollout, observation, status)
    limits = measure(view).limits
    chosen = order(view, view.candidates)
    reloading = rollout.reload is not None
    return RolloutPlan(
        fleet=rollout.fleet,
        strategy=rollout.strategy.value,
        from_version=rollout.from_version,
        to_version=rollout.to_version,
        desired=limits.desired,
        order=tuple(
            PlannedInstance(instance_id=one.instance_id, zone=one.zone, version=version_of(one, reloading=reloading))
            for one in chosen
        ),
        skipped=len(view.current) + len(view.skipped),
        lowest_serving=limits.floor,
        highest_running=limits.ceiling,
        at_a_time=limits.window,
        kept_server_hours=_kept_hours(rollout, servers=len(chosen)),
        estimated_seconds=_estimate(rollout, observation.target_groups, servers=len(chosen), window=limits.window),
        findings=findings,
    )


def _kept_hours(rollout: Rollout, *, servers: int) -> float:
    """Return what is paid for old servers that run on: 9 servers through a bake time of 600 s are 1.5 hours."""
    return round(servers * rollout.gates.bake_seconds / 3600, 2) if rollout.keep_old else 0.0


def _estimate(rollout: Rollout, groups: tuple[TargetGroup, ...], *, servers: int, window: int) -> float:
    """Guess the duration: 9 servers, 2 at a time, 300 s drain, 60 s boot, 150 s health: 5 rounds of 510 s."""
    own_delay = rollout.deregistration_delay_seconds
    drain = max((group.deregistration_delay_seconds if own_delay is None else own_delay for group in groups), default=0)
    verify = max((_seconds_to_healthy(group) for group in groups), default=0) + rollout.limits.min_healthy_seconds
    change = _COMMAND_SECONDS if rollout.strategy is Strategy.RELOAD else _BOOT_SECONDS
    rounds = 1 if rollout.strategy is Strategy.DOUBLE_HALF else -(-servers // max(window, 1))
    waits = rollout.gates.bake_seconds + rollout.gates.delay_seconds * len(rollout.gates.checkpoints)
    return (drain + change + verify) * rounds + waits if servers else 0.0


def _seconds_to_healthy(group: TargetGroup) -> float:
    return group.health_interval_seconds * group.healthy_threshold + group.slow_start_seconds
