"""What a plan says about a bad version: how soon the judge finds it, and what it can reach until then."""

from math import ceil
from typing import TYPE_CHECKING

from awsroll.core.classify.blast_radius import BAKE_TIME
from awsroll.core.judge.e_process import Sensitivity
from awsroll.core.judge.power import Servers, seconds_to_find
from awsroll.core.model.amount import Amount
from awsroll.core.model.duration_text import duration, rough_duration
from awsroll.core.model.hooks import HookPoint
from awsroll.core.request.spec import RolloutSpec
from awsroll.report.forecast import ASSUMED_RATE

if TYPE_CHECKING:
    from awsroll.core.classify.blast_radius import Exposure
    from awsroll.report import RolloutPlan

_ROUNDED = 10  # seconds are rounded up to tens
_SEVERAL = 2
_RATES = (2, 10, 50, 250)  # requests a second, of the whole fleet


def judge_rows(plan: "RolloutPlan", request: RolloutSpec) -> list[tuple[str, str]]:
    """Return the row about the judge; none if no hook counts requests."""
    metrics = sum(hook.point is HookPoint.WHILE_JUDGING for hook in request.hooks)
    if not metrics:
        return []
    new = Amount.parse(request.checkpoint[0]).rounded_down(plan.desired) if request.checkpoint else 1
    new = max(1, new)
    effect = f"{request.judge_effect} more bad requests on {new} of {plan.desired} servers"
    times = [f"{rough_duration(seconds)} at {rate} requests/s" for rate, seconds in _times(plan, request, new, metrics)]
    if not times:
        return [("judge", f"cannot find {effect}: no old server is left to compare with")]
    return [("judge", f"finds {effect} within {', '.join(times)} of the fleet")]


def blast_rows(plan: "RolloutPlan", request: RolloutSpec) -> list[tuple[str, str]]:
    """Return what a bad version can reach, one row for each part of the rollout; none without gates and judge."""
    is_judged = any(hook.point is HookPoint.WHILE_JUDGING for hook in request.hooks)
    if len(plan.blast_radius) < _SEVERAL and not is_judged:
        return []
    before = ("", *(part.gate for part in plan.blast_radius))
    rows = [_reach(part, previous) for part, previous in zip(plan.blast_radius, before, strict=False)]
    if is_judged:
        rows[0] += f" ({request.judge_effect} more bad requests, at {ASSUMED_RATE:g} requests/s)"
    return [("bad version" if place == 0 else "", row) for place, row in enumerate(rows)]


def _reach(part: "Exposure", previous: str) -> str:
    """Return what a bad version can reach until a gate opens, or after the last one."""
    servers = "1 server" if part.servers == 1 else f"{part.servers} servers"
    when = f"until {_end_of(part.gate)}, " if part.gate else f"after {_gate(previous)}, " if previous else ""
    share = f"{100 * part.share:.0f} % of requests"
    if part.seconds is None:
        return f"{when}at most {servers}, {share} can meet it, until an alarm or a person ends it"
    return f"{when}at most {servers}, {duration(_ROUNDED * ceil(part.seconds / _ROUNDED))}, {share} can meet it"


def _end_of(gate: str) -> str:
    return "the bake time ends" if gate == BAKE_TIME else f"{_gate(gate)} opens"


def _gate(name: str) -> str:
    if name == BAKE_TIME:
        return "the bake time"
    return f"the checkpoint of {name}" if name.startswith("zone ") else f"checkpoint {name}"


def _times(plan: "RolloutPlan", request: RolloutSpec, new: int, metrics: int) -> list[tuple[float, int]]:
    """Return pairs of the seconds and the rate of requests."""
    judging = request.judging()
    sensitivity = Sensitivity(alpha=judging.alpha / metrics, effect=judging.effect)
    found = []
    for rate in _RATES:
        servers, interval = Servers(new=new, old=plan.desired - new), judging.interval_seconds
        seconds = seconds_to_find(servers, rate=rate, sensitivity=sensitivity, interval=interval)
        if seconds is not None:
            found.append((seconds, rate))
    return found
