"""What a plan says about the judge: how soon it finds a bad version, at several rates of requests."""

from typing import TYPE_CHECKING

from awsroll.core.judge.e_process import Sensitivity
from awsroll.core.judge.power import seconds_to_find
from awsroll.core.model.amount import Amount
from awsroll.core.model.duration_text import rough_duration
from awsroll.core.model.hooks import HookPoint
from awsroll.core.request.spec import RolloutSpec

if TYPE_CHECKING:
    from awsroll.report import RolloutPlan

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


def _times(plan: "RolloutPlan", request: RolloutSpec, new: int, metrics: int) -> list[tuple[float, int]]:
    """Return pairs of the seconds and the rate of requests."""
    judging = request.judging()
    sensitivity = Sensitivity(alpha=judging.alpha / metrics, effect=judging.effect)
    found = []
    for rate in _RATES:
        seconds = seconds_to_find(
            new=new,
            old=plan.desired - new,
            rate=rate,
            sensitivity=sensitivity,
            interval=judging.interval_seconds,
        )
        if seconds is not None:
            found.append((seconds, rate))
    return found
