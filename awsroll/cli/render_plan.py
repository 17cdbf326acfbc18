"""The lines of a plan that follow from its request: gates, failures, settings, cost and servers by zone."""

from collections import Counter
from typing import TYPE_CHECKING

from awsroll.core.model.duration_text import duration
from awsroll.core.model.rollout import OnFailure
from awsroll.core.request.spec import RolloutSpec

if TYPE_CHECKING:
    from awsroll.report import RolloutPlan

Row = tuple[str, str]
_AFTER_FAILURE = {
    OnFailure.ROLLBACK: "returns the fleet to the old version",
    OnFailure.PAUSE: "pauses the rollout for a person",
    OnFailure.STOP: "stops the rollout with the fleet mixed",
}
_SECONDS_AN_HOUR = 3600


def request_rows(plan: "RolloutPlan") -> list[Row]:
    """Return what the request of a plan says: its gates, what a failure leads to, and the settings it touches."""
    request = plan.request or plan.asked
    if request is None:
        return []
    return [*_gate_rows(request), ("failure", _failure(request)), *_setting_rows(request)]


def cost_rows(plan: "RolloutPlan") -> list[Row]:
    """Return the most instance hours beyond the desired capacity; nothing if there are none."""
    extra = max(0, plan.max_running - plan.desired)
    if not extra:
        return []
    hours = extra * plan.estimated_seconds / _SECONDS_AN_HOUR
    time = duration(plan.estimated_seconds)
    return [("cost", f"up to {extra} extra servers for {time}: at most {hours:.1f} instance hours")]


def zone_rows(plan: "RolloutPlan") -> list[Row]:
    """Return the servers to update, one line for each zone."""
    zones = Counter(server.zone for server in plan.order)
    versions = {zone: Counter(server.version or "?" for server in plan.order if server.zone == zone) for zone in zones}
    return [
        (zone or "no zone", f"{count} to update, on {', '.join(sorted(versions[zone]))}")
        for zone, count in sorted(zones.items())
    ]


def server_rows(plan: "RolloutPlan") -> list[Row]:
    """Return the servers to update, in their order."""
    return [
        (str(number), f"{server.instance_id}  {server.zone}  {server.version or '?'}")
        for number, server in enumerate(plan.order, 1)
    ]


def _gate_rows(request: RolloutSpec) -> list[Row]:
    rows = []
    if request.checkpoint:
        words = f"after {', '.join(map(str, request.checkpoint))}"
        if request.checkpoint_delay:
            words += f", each for {duration(request.checkpoint_delay)}"
        if request.approve_checkpoints:
            words += ", until a person approves"
        rows.append(("checkpoints", words))
    if request.bake_time:
        rows.append(("bake time", duration(request.bake_time)))
    if request.alarm:
        rows.append(("alarms", ", ".join(request.alarm)))
    return rows


def _failure(request: RolloutSpec) -> str:
    after = _AFTER_FAILURE[request.on_failure or OnFailure.ROLLBACK]
    if not request.max_failures:
        return f"the first one {after}"
    return f"up to {request.max_failures} are replaced; the next one {after}"


def _setting_rows(request: RolloutSpec) -> list[Row]:
    changed = []
    if request.asg:
        changed.append("processes AZRebalance and ReplaceUnhealthy suspended while servers are in flight")
        changed.append("launch template version")
    if request.deregistration_delay is not None:
        changed.append(f"deregistration delay {request.deregistration_delay} s")
    if request.health_check_interval is not None:
        changed.append(f"health check interval {request.health_check_interval} s")
    if request.health_check_threshold is not None:
        changed.append(f"healthy threshold {request.health_check_threshold}")
    words = f"{'; '.join(changed)}. All are restored at the end, the version to the winner's"
    return [("settings", words)] if changed else []
