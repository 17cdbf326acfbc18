"""A plan as text for people: what changes first, then when, what it costs, and what it touches."""

from collections import Counter
from typing import TYPE_CHECKING

from awsroll.cli.aligned_text import aligned, labelled
from awsroll.cli.capacity_chart import capacity_chart
from awsroll.cli.judge_rows import blast_rows, judge_rows
from awsroll.cli.local_time import local_moment
from awsroll.core.model.duration_text import duration, rough_duration
from awsroll.core.model.rollout_choices import OnFailure, Zones
from awsroll.core.request.spec import RolloutSpec

if TYPE_CHECKING:
    from awsroll.core.model.template_change import TemplateChange
    from awsroll.report import RolloutPlan

Row = tuple[str, str]
_AFTER_FAILURE = {
    OnFailure.ROLLBACK: "returns the fleet to the old version",
    OnFailure.PAUSE: "pauses the rollout for a person",
    OnFailure.STOP: "stops the rollout with the fleet mixed",
}
_FITS = {
    "inside": "the rollout ends before that",
    "perhaps": "the rollout may not end before that; it would go on in the next window",
    "not inside": "the rollout does not end before that, and goes on in the next window",
}


def plan_text(plan: "RolloutPlan", *, verbose: bool = False, width: int | None = None) -> str:
    """Return a plan as text; of a fleet that needs no rollout, only what matters then.

    Args:
        plan: the plan.
        verbose: show each server in its order, and not the number of servers in each zone alone.
        width: the columns of the terminal; None: no line is wrapped.
    """
    if plan.nothing_to_do:
        return plan_summary_text(plan, width=width)
    rows = [
        *_heading_rows(plan),
        *request_rows(plan),
        *_pace_rows(plan),
        ("cost", _cost(plan)),
        *_cost_of_keeping(plan),
        *_call_rows(plan),
        *_run_rows(plan),
        *_findings(plan),
    ]
    servers = aligned(server_rows(plan) if verbose else zone_rows(plan))
    return "\n\n".join(part for part in (labelled(rows, width), _chart(plan), servers) if part)


def plan_summary_text(plan: "RolloutPlan", *, width: int | None = None) -> str:
    """Return a plan in short, for the prompt before a rollout."""
    if plan.nothing_to_do:
        sentence = f"No changes: {nothing_to_do(plan)}. There is nothing to do."
        return "\n".join(part for part in (sentence, labelled(_findings(plan), width)) if part)
    return labelled(
        [
            *_heading_rows(plan),
            *_pace_rows(plan),
            *_stop_rows(plan),
            *_cost_of_keeping(plan),
            *_run_rows(plan),
            *_findings(plan),
        ],
        width,
    )


def _stop_rows(plan: "RolloutPlan") -> list[Row]:
    """Return where the rollout waits, and what a failure leads to."""
    request = plan.request or plan.asked
    return [] if request is None else [*_gate_rows(request), ("failure", _failure(request))]


def nothing_to_do(plan: "RolloutPlan") -> str:
    """Return the sentence for a fleet on which a rollout would change nothing."""
    return f"{plan.fleet} is on {plan.to_name or plan.to_version}"


def _heading_rows(plan: "RolloutPlan") -> list[Row]:
    version = f"{plan.from_name or plan.from_version or '(none)'} -> {plan.to_name or plan.to_version}"
    rows = [("fleet", plan.fleet), ("version", version)]
    if plan.template_changes is None:
        return rows
    if not plan.template_changes:
        return [*rows, ("changes", "none: both versions of the launch template say the same")]
    lines = aligned([_change(change) for change in plan.template_changes]).splitlines()
    return [*rows, *(("changes" if number == 0 else "", line) for number, line in enumerate(lines))]


def _change(change: "TemplateChange") -> tuple[str, str]:
    if not change.before:
        return f"+ {change.what}", change.after
    if not change.after:
        return f"- {change.what}", change.before
    return f"~ {change.what}", f"{change.before} -> {change.after}"


def _pace_rows(plan: "RolloutPlan") -> list[Row]:
    running = f"running, with draining servers, {'never above' if plan.is_capped else 'up to about'} {plan.max_running}"
    return [
        ("strategy", f"{plan.strategy}, {plan.at_a_time} at a time"),
        ("servers", f"{len(plan.order)} to update, {plan.skipped} to skip, {plan.desired} desired"),
        ("capacity", f"serving never below {plan.lowest_serving}, live never above {plan.max_live}"),
        ("", running),
        *_duration_rows(plan),
        *_window_rows(plan),
    ]


def _duration_rows(plan: "RolloutPlan") -> list[Row]:
    words = f"about {rough_duration(plan.estimated_seconds)}"
    if not plan.highest_seconds:
        return [("duration", words)]
    spread = f"{rough_duration(plan.lowest_seconds)} to {rough_duration(plan.highest_seconds)} in 8 of 10 rollouts"
    request = plan.request or plan.asked
    approvals = ", and the time to approve" if request is not None and request.approve_checkpoints else ""
    return [("duration", f"{words}{approvals} ({spread})"), ("", f"from {plan.estimated_from}")]


def _window_rows(plan: "RolloutPlan") -> list[Row]:
    window = plan.window
    if window is None:
        return []
    if window.fits == "unknown":
        return [("window", f"it waits for {window.reason}")]
    begin = "open now" if window.opens_at is None else f"opens at {local_moment(window.opens_at)}"
    if window.closes_at is None:
        return [("window", begin)]
    return [("window", f"{begin}, closes at {local_moment(window.closes_at)}: {_FITS[window.fits]}")]


def _cost(plan: "RolloutPlan") -> str:
    return f"about {plan.extra_server_hours:g} server hours beyond the desired capacity, draining servers included"


def _cost_of_keeping(plan: "RolloutPlan") -> list[Row]:
    if not plan.kept_server_hours:
        return []
    cost = f"{plan.kept_server_hours:g} server hours"
    return [("kept", f"the {len(plan.order)} old servers keep running during the bake time: {cost}")]


def _call_rows(plan: "RolloutPlan") -> list[Row]:
    calls = plan.api_calls
    if calls is None:
        return []
    spread = f" ({calls.lowest} to {calls.highest} in 8 of 10 rollouts)" if calls.highest > calls.lowest else ""
    return [("API calls", f"about {calls.total}, of which {calls.mutating} change resources{spread}")]


def _run_rows(plan: "RolloutPlan") -> list[Row]:
    return [("runs", str(instruction)) for instruction in plan.instructions]


def _findings(plan: "RolloutPlan") -> list[Row]:
    return [("warning" if finding.is_warning else "note", finding.message) for finding in plan.findings]


def _chart(plan: "RolloutPlan") -> str:
    lines = capacity_chart(
        plan.capacity_over_time, plan.estimated_seconds, floor=plan.lowest_serving, ceiling=plan.max_live
    )
    return "\n".join(["capacity over time: █ serving, ░ live and not yet serving", *lines]) if lines else ""


def request_rows(plan: "RolloutPlan") -> list[Row]:
    """Return what the request of a plan says: the settings it touches, its gates, and what a failure leads to."""
    request = plan.request or plan.asked
    groups = [("target groups", ", ".join(plan.target_groups))] if plan.target_groups else []
    if request is None:
        return groups
    return [
        *_setting_rows(plan, request),
        *groups,
        *_turn_rows(plan, request),
        *_gate_rows(request),
        *judge_rows(plan, request),
        *blast_rows(plan, request),
        *_probe_rows(request),
        ("failure", _failure(request)),
        *_kept_failed_rows(plan, request),
    ]


def zone_rows(plan: "RolloutPlan") -> list[Row]:
    """Return the servers to update, one line for each zone."""
    zones = Counter(server.zone for server in plan.order)
    versions = {zone: Counter(server.version or "?" for server in plan.order if server.zone == zone) for zone in zones}
    return [
        (zone or "no zone", f"{count} to update, on {', '.join(_named(plan, name) for name in sorted(versions[zone]))}")
        for zone, count in sorted(zones.items())
    ]


def server_rows(plan: "RolloutPlan") -> list[tuple[str, ...]]:
    """Return the servers to update, in their order."""
    return [
        (str(number), server.instance_id, server.zone, _named(plan, server.version or "?"))
        for number, server in enumerate(plan.order, 1)
    ]


def _named(plan: "RolloutPlan", version: str) -> str:
    return plan.from_name if plan.from_name and version == plan.from_version else version


def _turn_rows(plan: "RolloutPlan", request: RolloutSpec) -> list[Row]:
    """Return the zones in the order of their turns, if they come one by one."""
    if request.zones is not Zones.ONE_BY_ONE:
        return []
    words = f"one by one: {', '.join(dict.fromkeys(server.zone for server in plan.order))}; a checkpoint ends each"
    if request.zone_bake:
        words += f", for {duration(request.zone_bake)}"
    if request.approve_checkpoints:
        words += ", until a person approves"
    return [("zones", words)]


def _gate_rows(request: RolloutSpec) -> list[Row]:
    rows = []
    if request.rehearse:
        rows.append(("rehearsal", "one server goes to the new version and returns, before the rollout begins"))
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


def _probe_rows(request: RolloutSpec) -> list[Row]:
    if not request.drain_probe:
        return []
    quiet, floor = duration(request.drain_quiet), duration(request.drain_floor)
    words = f"{request.drain_probe}: a drain ends after {quiet} without open connections, at the earliest after {floor}"
    return [("drain probe", words)]


def _failure(request: RolloutSpec) -> str:
    after = _AFTER_FAILURE[request.on_failure or OnFailure.ROLLBACK]
    if not request.max_failures:
        return f"the first one {after}"
    return f"up to {request.max_failures} are replaced; the next one {after}"


def _kept_failed_rows(plan: "RolloutPlan", request: RolloutSpec) -> list[Row]:
    if not request.keep_failed:
        return []
    count = "1 failed new server" if request.keep_failed == 1 else f"{request.keep_failed} failed new servers"
    words = f"up to {count} for inspection, out of traffic, for {duration(request.keep_failed_for)}"
    return [("keeps", f"{words}: at most {plan.kept_failed_server_hours:g} server hours")]


def _setting_rows(plan: "RolloutPlan", request: RolloutSpec) -> list[Row]:
    changed = [setting.words for setting in plan.planned_settings(request)]
    return [("settings", f"{'; '.join(changed)}. The others are restored at the end")] if changed else []
