"""What each server is doing, as one word: the colour of its cell in the live view.

Derived from one look; the planner knows nothing of it.
"""

from dataclasses import dataclass
from enum import StrEnum

from awsroll.core.classify.capacity import Bounds, measure
from awsroll.core.classify.view import View
from awsroll.core.model.observation import Instance, Observation, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status, Step


class CellPhase(StrEnum):
    """What a server is doing."""

    OUTDATED = "old, serving"
    DRAINING = "draining"
    TERMINATING = "terminating"
    RELOADING = "reloading"
    LAUNCHING = "launching"
    VERIFYING = "verifying"
    CURRENT = "new, serving"
    UNHEALTHY = "unhealthy"
    KEPT = "old, kept out of traffic"
    SKIPPED = "left alone"


_OF_STEP = {
    Step.DRAINING: CellPhase.DRAINING,
    Step.TERMINATING: CellPhase.TERMINATING,
    Step.LAUNCHING: CellPhase.LAUNCHING,
    Step.VERIFYING: CellPhase.VERIFYING,
    Step.RELOADING: CellPhase.RELOADING,
    Step.RETURNING: CellPhase.VERIFYING,
    Step.KEPT: CellPhase.KEPT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One look, as the live view shows it.

    Attributes:
        cells: each live server's id and phase, zone by zone.
        stage: what is special about the moment, in words: on the way back, at a checkpoint, baking; else empty.
        done: how many servers serve on the goal version.
        goal: how many there shall be.
    """

    cells: tuple[tuple[str, CellPhase], ...]
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
        cells=tuple((one.instance_id, _phase(view, one)) for one in shown),
        stage=_stage(view),
        done=sums.current_serving,
        goal=sums.goal_current,
        serving=sums.serving,
        running=sums.live,
        in_flight=sums.in_flight,
        limits=sums.limits,
    )


def _stage(view: View) -> str:
    status, gates = view.status, view.forward.gates
    if status.backwards:
        return "rolling back"
    if status.gate_since is not None:
        return f"at checkpoint {status.passed + 1} of {len(gates.checkpoints)} ({gates.checkpoints[status.passed]})"
    if status.baking_since is not None:
        return "baking"
    return "about to pause" if status.pausing else ""


def _phase(view: View, instance: Instance) -> CellPhase:
    flight = view.status.flights.get(instance.instance_id)
    if flight is not None:
        return _OF_STEP[flight.step]
    if any(target.state is TargetState.DRAINING for target in instance.targets):
        return CellPhase.DRAINING
    if view.is_skipped(instance):
        return CellPhase.SKIPPED
    if not view.is_in_service(instance):
        return CellPhase.VERIFYING if view.is_current(instance) else CellPhase.UNHEALTHY
    return CellPhase.CURRENT if view.forward.is_current(instance) else CellPhase.OUTDATED
