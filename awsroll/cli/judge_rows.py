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
    judges = [hook for hook in request.hooks if hook.point is HookPoint.WHILE_JUDGING]
    metrics = len(judges)
    if judges and all(hook.anomalies for hook in judges):
        return [("judge", "compares the anomaly flags of the load balancer; no checkpoint waits for them")]
    if not judges:
        return []
    new = Amount.parse(request.checkpoint[0]).rounded_down(plan.desired) if request.checkpoint else 1
    new = max(1, new)
    effect = f"{request.judge_effect} more bad requests on {new} of {plan.desired} servers"
    if new >= plan.desired:
        return [("judge", f"cannot find {effect}: no old server is left to compare with")]
    rates = _RATES if plan.requests_per_second is None else (plan.requests_per_second,)
    found = [(rate, _seconds(plan, request, new, metrics, rate)) for rate in rates]
    times = [f"{rough_duration(seconds)} at {rate:.3g} requests/s" for rate, seconds in found if seconds is not None]
    if plan.requests_per_second is None:
        return [("judge", f"finds {effect} within {', '.join(times)} of the fleet")]
    if not times:
        return [("judge", f"cannot find {effect} at the fleet's {plan.requests_per_second:.3g} requests/s")]
    return [("judge", f"finds {effect} within {times[0]}, the fleet's rate of the last hour")]


def blast_rows(plan: "RolloutPlan", request: RolloutSpec) -> list[tuple[str, str]]:
    """Return what a bad version can reach, one row for each part of the rollout; none without gates and judge."""
    is_judged = any(hook.point is HookPoint.WHILE_JUDGING for hook in request.hooks)
    if len(plan.blast_radius) < _SEVERAL and not is_judged:
        return []
    before = ("", *(part.gate for part in plan.blast_radius))
    rows = [_reach(part, previous) for part, previous in zip(plan.blast_radius, before, strict=False)]
    if is_judged:
        rows[0] += f" ({request.judge_effect} more bad requests, at {_rate_words(plan)})"
    return [("bad version" if place == 0 else "", row) for place, row in enumerate(rows)]


def _rate_words(plan: "RolloutPlan") -> str:
    if plan.requests_per_second is None:
        return f"{ASSUMED_RATE:g} requests/s, which is assumed: CloudWatch tells no rate"
    return f"{plan.requests_per_second:.3g} requests/s, the fleet's rate of the last hour"


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


def _seconds(plan: "RolloutPlan", request: RolloutSpec, new: int, metrics: int, rate: float) -> float | None:
    judging = request.judging()
    sensitivity = Sensitivity(alpha=judging.alpha / metrics, effect=judging.effect)
    servers, interval = Servers(new=new, old=plan.desired - new), judging.interval_seconds
    return seconds_to_find(servers, rate=rate, sensitivity=sensitivity, interval=interval)
