"""The picture of one observation: a cell for each server, the capacity, the counts and the open gate.

The live view draws it, the timeline keeps what changes in it, and the report shows it over time.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from awsroll.core.classify.capacity import Bounds, measure
from awsroll.core.classify.counts import ServerCounts, count_servers
from awsroll.core.classify.view import View
from awsroll.core.decide.approvals import AwaitedApproval, awaited_approval
from awsroll.core.lifecycle import rollout_phase
from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, Observation, TargetState
from awsroll.core.model.phases import RolloutPhase, ServerPhase, UntouchedServer
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout, version_of
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Rehearsal
from awsroll.core.observe.clocks import deadline_seconds
from awsroll.core.timeline.cell import Cell, CellState

_RUNS = (InstanceState.PENDING, InstanceState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One observation, as the live view shows it.

    Attributes:
        cells: the cell of each live server and of each that still leaves, sorted by zone.
        stage: the special stage of the rollout in words: rolling back, at a checkpoint, baking; else empty.
        goal: the number of servers that must serve on the target version at the end.
        counts: the servers of the rollout by result.
        serving: servers that count as capacity.
        serving_new: those of them that run the rollout's new version.
        live: servers that run and are not on their way out, with those that are certain to come.
        running: servers that run, draining ones included, with those that are certain to come.
        approval: the checkpoint that waits for a person; None if none does.
        rests_until: the end of the bake time or of a checkpoint's delay; None if the rollout waits for neither.
        bake_seconds: the bake time of the rollout.
    """

    cells: tuple[Cell, ...]
    stage: str
    goal: int
    counts: ServerCounts
    serving: int
    serving_new: int
    live: int
    running: int
    in_flight: int
    limits: Bounds
    approval: AwaitedApproval | None = None
    rests_until: datetime | None = None
    bake_seconds: float = 0

    @property
    def done(self) -> int:
        """The number of servers that serve on the target version, of those that must."""
        return min(self.counts.updated, self.goal)


def picture(rollout: Rollout, observation: Observation, status: Status) -> Picture:
    """Return the picture of one observation."""
    view = View(rollout, observation, status)
    capacity = measure(view)
    shown = (instance for instance in observation.instances if view.is_live(instance) or _is_leaving(view, instance))
    return Picture(
        cells=tuple(_cell(view, instance) for instance in sorted(shown, key=_place)),
        stage=stage_of(rollout, status),
        goal=capacity.goal_current,
        counts=count_servers(rollout, status),
        serving=capacity.serving,
        serving_new=sum(1 for instance in view.serving if rollout.is_current(instance)),
        live=capacity.live,
        running=capacity.running,
        in_flight=capacity.in_flight,
        limits=capacity.limits,
        approval=awaited_approval(rollout, status, status.user_requests),
        rests_until=rests_until(rollout, status),
        bake_seconds=rollout.gates.bake_seconds,
    )


def _place(instance: Instance) -> tuple[str, str]:
    return instance.zone, instance.instance_id


def _is_leaving(view: View, instance: Instance) -> bool:
    """Return whether the server runs, although it no longer counts as live: its group drains and terminates it."""
    return view.phase(instance).is_way_out and instance.state in _RUNS


def rests_until(rollout: Rollout, status: Status) -> datetime | None:
    """Return when the bake time, the delay of a checkpoint or a closed window ends; None if none is waited for."""
    gate, gates = status.gate, rollout.gates
    if gate.baking_since is not None:
        rehearses = status.rehearsal is Rehearsal.BACK
        return gate.baking_since + timedelta(seconds=gates.delay_seconds if rehearses else gates.bake_seconds)
    if gate.closed_since is not None and gates.delay_seconds:
        return gate.closed_since + timedelta(seconds=gates.delay_seconds)
    return None if status.blocked is None or gate.closed_since is not None else status.blocked.until


_DIRECTIONS = {
    Rehearsal.FORTH: "rehearsing with one server",
    Rehearsal.BACK: "rehearsing the way back",
}


def stage_of(rollout: Rollout, status: Status) -> str:
    """Return the special stage of a rollout in words; empty if it rolls as usual."""
    checkpoints = rollout.gates.names
    match rollout_phase(status):
        case RolloutPhase.REHEARSING | RolloutPhase.ROLLING_BACK:
            return _DIRECTIONS.get(status.rehearsal, "rolling back")
        case RolloutPhase.WAITING_AT_CHECKPOINT:
            passed = status.gate.passed
            return f"at checkpoint {passed + 1} of {len(checkpoints)} ({checkpoints[passed]})"
        case RolloutPhase.BAKING:
            return "baking"
        case RolloutPhase.WAITING:
            return "" if status.blocked is None else f"waiting for {status.blocked.reason}"
        case RolloutPhase.STOPPING:
            return "stopping"
        case _:
            return "about to pause" if status.pausing else ""


def _cell(view: View, instance: Instance) -> Cell:
    state, server = _state(view, instance), view.status.in_flight(instance.instance_id)
    cell = Cell(
        instance_id=instance.instance_id,
        zone=instance.zone,
        state=state,
        version=version_of(instance, reloading=view.original.reloads),
    )
    if server is None or state is not server.phase:
        return cell
    reason, (until, ends_well) = _reason(instance), _end_of_wait(view, server)
    return replace(cell, reason=reason, until=until, ends_well=ends_well)


def _reason(instance: Instance) -> str:
    """Return what a server waits for: the instance's state, its group's, or the reason codes of its target groups."""
    if instance.state is not InstanceState.RUNNING:
        return f"instance {instance.state}"
    if instance.lifecycle not in (None, Lifecycle.IN_SERVICE):
        return instance.lifecycle_detail or str(instance.lifecycle)
    codes = (target.reason or str(target.state) for target in instance.targets if not target.takes_requests)
    return ", ".join(dict.fromkeys(codes))


def _end_of_wait(view: View, server: Server) -> tuple[datetime | None, bool]:
    """Return when the wait of a server ends, and whether it ends well."""
    if server.phase is ServerPhase.DRAINING and server.deregistered_at is not None:
        groups = view.observation.target_groups
        delay = max((group.deregistration_delay_seconds for group in groups), default=0)
        return server.deregistered_at + timedelta(seconds=delay), True
    if server.phase is ServerPhase.VERIFYING and server.healthy_since is not None:
        return server.healthy_since + timedelta(seconds=view.rollout.limits.min_healthy_seconds), True
    seconds = deadline_seconds(view, server.phase)
    return (server.since + timedelta(seconds=seconds), False) if math.isfinite(seconds) else (None, False)


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
