"""The picture of a rollout that another process drives: from its record and its timeline, without AWS."""

from awsroll.core.classify.capacity import bounds
from awsroll.core.classify.counts import count_servers
from awsroll.core.decide.approvals import awaited_approval
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.timeline.cell import Cell
from awsroll.core.timeline.course import Course
from awsroll.core.timeline.picture import Picture, rests_until, stage_of


def stored_picture(rollout: Rollout, status: Status, course: Course, requests: UserRequests) -> Picture:
    """Return the picture of the last observation.

    The record is newer than the timeline: a server is shown in the phase that its record says.
    """
    sample, counts = course.last_sample, count_servers(rollout, status)
    desired = counts.wanted if sample is None else sample.desired
    floor, ceiling = (0, desired) if sample is None else (sample.floor, sample.ceiling)
    cells = tuple(_refreshed(cell, status) for cell in course.cells())
    return Picture(
        cells=cells,
        stage=stage_of(rollout, status),
        goal=desired,
        counts=counts,
        serving=0 if sample is None else sample.serving,
        serving_new=0 if sample is None else sample.serving_new,
        live=len(cells) if sample is None else sample.live,
        running=len(cells) if sample is None else sample.with_draining,
        in_flight=counts.in_flight,
        limits=replace(
            bounds(rollout, desired), max_unavailable=max(0, desired - floor), max_surge=max(0, ceiling - desired)
        ),
        approval=awaited_approval(rollout, status, requests),
        rests_until=rests_until(rollout, status),
        bake_seconds=rollout.gates.bake_seconds,
    )


def _refreshed(cell: Cell, status: Status) -> Cell:
    server = status.servers.get(cell.instance_id)
    if server is None or server.phase in (ServerPhase.NONE, ServerPhase.SERVING) or server.phase is cell.state:
        return cell
    return replace(cell, state=server.phase, reason="", until=None)
