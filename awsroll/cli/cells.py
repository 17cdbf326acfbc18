"""The cell of each server in the live view: its phase, or the word for an untouched server."""

from dataclasses import dataclass
from typing import TypeAlias

from awsroll.core.classify.capacity import Bounds, measure
from awsroll.core.classify.counts import ServerCounts, count_servers
from awsroll.core.classify.view import View
from awsroll.core.decide.approvals import AwaitedApproval, awaited_approval
from awsroll.core.lifecycle import rollout_phase
from awsroll.core.model.observation import Instance, Observation, TargetState
from awsroll.core.model.phases import RolloutPhase, ServerPhase, UntouchedServer
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status

CellState: TypeAlias = ServerPhase | UntouchedServer
"""A server's phase, or the word for a server in phase `NONE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One observation, as the live view shows it.

    Attributes:
        cells: the id and phase of each live server, sorted by zone.
        stage: the special stage of the rollout in words: rolling back, at a checkpoint, baking; else empty.
        goal: the number of servers that must serve on the target version at the end.
        counts: the servers of the rollout by result.
        approval: the checkpoint that waits for a person; None if none does.
    """

    cells: tuple[tuple[str, CellState], ...]
    stage: str
    goal: int
    counts: ServerCounts
    serving: int
    live: int
    running: int
    in_flight: int
    limits: Bounds
    approval: AwaitedApproval | None = None

    @property
    def done(self) -> int:
        """The number of servers that serve on the target version, of those that must."""
        return min(self.counts.updated, self.goal)


def picture(rollout: Rollout, observation: Observation, status: Status) -> Picture:
    """Return the picture of one observation."""
    view = View(rollout, observation, status)
    capacity = measure(view)
    live = sorted(view.live, key=lambda instance: (instance.zone, instance.instance_id))
    return Picture(
        cells=tuple((instance.instance_id, _state(view, instance)) for instance in live),
        stage=_stage(view),
        goal=capacity.goal_current,
        counts=count_servers(rollout, status),
        serving=capacity.serving,
        live=capacity.live,
        running=capacity.running,
        in_flight=capacity.in_flight,
        limits=capacity.limits,
        approval=awaited_approval(rollout, status, status.user_requests),
    )


def _stage(view: View) -> str:
    status, checkpoints = view.status, view.original.gates.checkpoints
    match rollout_phase(status):
        case RolloutPhase.ROLLING_BACK:
            return "rolling back"
        case RolloutPhase.WAITING_AT_CHECKPOINT:
            passed = status.gate.passed
            return f"at checkpoint {passed + 1} of {len(checkpoints)} ({checkpoints[passed]})"
        case RolloutPhase.BAKING:
            return "baking"
        case RolloutPhase.STOPPING:
            return "stopping"
        case _:
            return "about to pause" if status.pausing else ""


def _state(view: View, instance: Instance) -> CellState:
    phase = view.phase(instance)
    if phase not in (ServerPhase.NONE, ServerPhase.SERVING):
        return phase
    if any(target.state is TargetState.DRAINING for target in instance.targets):
        return ServerPhase.DRAINING
    if view.is_skipped(instance):
        return UntouchedServer.SKIPPED
    if not view.is_in_service(instance):
        return ServerPhase.VERIFYING if view.is_current(instance) else UntouchedServer.UNHEALTHY
    return UntouchedServer.CURRENT if view.original.is_current(instance) else UntouchedServer.OUTDATED
