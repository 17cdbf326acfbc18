"""What each server is doing, in one word: the colour of its cell in the live view.

It is the server's phase, or for an untouched server what it serves.
"""

from dataclasses import dataclass
from typing import TypeAlias

from awsroll.core.classify.capacity import Bounds, measure
from awsroll.core.classify.view import View
from awsroll.core.model.observation import Instance, Observation, TargetState
from awsroll.core.model.phases import ServerPhase, UntouchedServer
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status

CellState: TypeAlias = ServerPhase | UntouchedServer
"""A server's phase, or what people see of a server in phase `NONE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One look, as the live view shows it.

    Attributes:
        cells: each live server's id and phase, zone by zone.
        stage: what is special about the moment, in words: on the way back, at a checkpoint, baking; else empty.
        done: how many servers serve on the goal version.
        goal: how many there shall be.
    """

    cells: tuple[tuple[str, CellState], ...]
    stage: str
    done: int
    goal: int
    serving: int
    running: int
    in_flight: int
    limits: Bounds


def picture(rollout: Rollout, observation: Observation, status: Status) -> Picture:
    """Return what to show of one look."""
    view = View(rollout, observation, status)
    sums = measure(view)
    shown = sorted(view.live, key=lambda one: (one.zone, one.instance_id))
    return Picture(
        cells=tuple((instance.instance_id, _state(view, instance)) for instance in shown),
        stage=_stage(view),
        done=sums.current_serving,
        goal=sums.goal_current,
        serving=sums.serving,
        running=sums.live,
        in_flight=sums.in_flight,
        limits=sums.limits,
    )


def _stage(view: View) -> str:
    status, gates = view.status, view.original.gates
    if status.rolling_back:
        return "rolling back"
    if status.gate.closed_since is not None:
        passed, all_gates = status.gate.passed, gates.checkpoints
        return f"at checkpoint {passed + 1} of {len(all_gates)} ({all_gates[passed]})"
    if status.gate.baking_since is not None:
        return "baking"
    return "about to pause" if status.pausing else ""


def _state(view: View, instance: Instance) -> "CellState":
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
