"""Compares old and new servers while both serve: when to take samples, and what they mean. A rollback is not judged.

Each hook at `while_judging` is a metric. It counts the bad and all requests of each server in an interval. Nothing
waits for the hook; a hook that fails is a warning, and its interval is not compared. `core.judge` has the statistics.

Servers are compared within their zone if each zone has enough servers (`core.judge.zones`).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from awsroll.core.classify.view import View
from awsroll.core.model.evidence import Evidence, Sample
from awsroll.core.model.hook_calls import HookCall, HookSeen, HookState, Reading
from awsroll.core.model.observation import Instance
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Rehearsal

if TYPE_CHECKING:  # loaded on use: a rollout without a judge needs no statistics
    from awsroll.core.judge.e_process import Sensitivity
    from awsroll.core.judge.verdicts import Judgement

_LONGEST_INTERVAL = timedelta(minutes=5)
_FLAG_SECONDS = 60.0  # an anomaly flag stays for a while after its cause: it counts at most this often for a server
_RUNNING_SECONDS = 1.0  # until the next look while a hook counts


def is_judged(view: View) -> bool:
    """Return whether the judge works now: the rollout rolls forward, and has a metric."""
    status = view.status
    turns = not status.rolling_back or proves_way_back(status)
    return status.mode is Mode.ROLLING and turns and status.outcome is Outcome.RUNNING and bool(view.original.metrics)


def proves_way_back(status: Status) -> bool:
    """Return whether a server of the rehearsal has returned, and is compared with those that never left."""
    return status.rehearsal is Rehearsal.BACK and status.gate.baking_since is not None


def key_of(status: Status, metric: str) -> str:
    """Return the key of the evidence of a metric: the way back has evidence of its own."""
    return f"{metric} (way back)" if status.rehearsal is Rehearsal.BACK else metric


def compared_words(view: View) -> str:
    """Return what the judge finds if it finds servers worse: `web:7 worse than the old version`."""
    if view.status.rehearsal is Rehearsal.BACK:
        return "the server that returned to the old version worse than those that never left it"
    return f"{view.original.to_name} worse than the old version"


def judged_until_now(view: View) -> dict[str, Evidence]:
    """Return the evidence on the new version; what the gates wait for begins again."""
    return {
        name: replace(evidence, growth=(), spread=(), quiet_until={})
        for name, evidence in view.status.judge.items()
        if name in view.original.metrics
    }


def _is_compared_as_new(view: View, instance: Instance) -> bool:
    """Return whether a server runs the new version; on the way back of a rehearsal, whether it has returned."""
    status = view.status
    if not proves_way_back(status):
        return view.is_current(instance)
    served = [server.since for server in status.servers.values() if server.phase is ServerPhase.SERVING]
    server = status.servers.get(instance.instance_id)
    return server is not None and server.since > min(served, default=server.since)


def compared(view: View) -> tuple[Instance, ...]:
    """Return the servers to compare; none if only one version serves."""
    since = view.observation.at - timedelta(seconds=view.original.gates.judge.warm_up_seconds)
    servers = [instance for instance in view.serving if not _warms_up(view, instance, since)]
    versions = {_is_compared_as_new(view, instance) for instance in servers}
    return tuple(servers) if len(versions) > 1 else ()


def _warms_up(view: View, instance: Instance, since: datetime) -> bool:
    server = view.status.servers.get(instance.instance_id)
    return _is_compared_as_new(view, instance) and server is not None and server.since > since


def note_flags(view: View) -> Status:
    """Add the anomaly flags of the load balancer to the evidence, if their next sample is due."""
    status = view.status
    for hook in view.original.hooks:
        if hook.anomalies and is_judged(view) and compared(view) and _seconds_left(view, hook.name) <= 0:
            status = _with_samples(
                view.with_status(status), hook.name, view.observation.at, _flags(view), _FLAG_SECONDS
            )
    return status


def _flags(view: View) -> dict[str, Reading]:
    """Return a reading for each server that has a flag, as of one request."""
    flags = {
        instance.instance_id: [target.is_anomalous for target in instance.targets if target.is_anomalous is not None]
        for instance in view.serving
    }
    return {name: Reading(instance_id=name, bad=any(each), total=1) for name, each in flags.items() if each}


def propose_samples(view: View, proposals: Proposals) -> None:
    """Propose to run the hooks of the metrics whose next sample is due. Nothing waits for them."""
    if is_judged(view) and compared(view):
        proposals.hooks += [(name, "") for name in view.original.counts if _seconds_left(view, name) <= 0]


def seconds_until_sample(view: View) -> float | None:
    """Return in how many seconds the next sample is due or can have been taken; None if nothing is compared."""
    if not is_judged(view) or not compared(view):
        return None
    running = {call.name for call in view.status.hooks.announced}
    waits = (
        _RUNNING_SECONDS if name in running else max(0.0, _seconds_left(view, name)) for name in view.original.metrics
    )
    return min(waits)


def _seconds_left(view: View, metric: str) -> float:
    sampled_at = _evidence(view.status, metric).sampled_at
    if sampled_at is None:
        return 0.0
    return view.original.gates.judge.interval_seconds - (view.observation.at - sampled_at).total_seconds()


def interval_of(view: View, call: HookCall) -> dict[str, Any]:
    """Return the interval that a run counts, for its event."""
    until = call.since or view.observation.at
    before = _evidence(view.status, call.name).sampled_at
    first = until - timedelta(seconds=view.original.gates.judge.interval_seconds)
    since = first if before is None else max(before, until - _LONGEST_INTERVAL)
    return {"since": since.timestamp(), "until": until.timestamp()}


def settle_samples(view: View, call: HookCall, result: HookSeen) -> Status:
    """Add what a run has counted to the evidence of its metric."""
    status, at = view.status, call.since or view.observation.at
    evidence = _evidence(status, call.name)
    if result.state is HookState.SUCCEEDED:
        from awsroll.core.judge.e_process import QUIET_SECONDS  # noqa: PLC0415 - see above

        readings = {reading.instance_id: reading for reading in result.readings}
        return _with_samples(view, call.name, at, readings, QUIET_SECONDS)
    evidence = replace(evidence, sampled_at=at)
    why = f": {result.detail}" if result.detail else ""
    status = add_warnings(status, f"the judge got no counts from {call.name}{why}")
    return replace(status, judge={**status.judge, key_of(status, call.name): evidence})


def _with_samples(
    view: View, metric: str, at: datetime, readings: Mapping[str, Reading], quiet_seconds: float
) -> Status:
    from awsroll.core.judge.e_process import add_samples  # noqa: PLC0415 - see above

    status, samples, sensitivity = view.status, _samples(view, readings), _sensitivity(view.original)
    evidence = add_samples(_evidence(status, metric), samples, at, sensitivity, quiet_seconds=quiet_seconds)
    return replace(status, judge={**status.judge, key_of(status, metric): evidence})


def _samples(view: View, readings: Mapping[str, Reading]) -> list[Sample]:
    from awsroll.core.judge.zones import is_by_zone  # noqa: PLC0415 - see above

    servers = compared(view)
    zones = Counter(instance.zone for instance in servers)
    by_zone = is_by_zone(zones.values())
    return [
        Sample(
            instance_id=instance.instance_id,
            is_new=_is_compared_as_new(view, instance),
            bad=readings[instance.instance_id].bad,
            total=readings[instance.instance_id].total,
            stratum=instance.zone if by_zone else "",
            zone=instance.zone,
        )
        for instance in servers
        if instance.instance_id in readings
    ]


def judgements(view: View) -> dict[str, "Judgement"]:
    """Return the verdict on each metric."""
    return judgements_of(view.original, view.status)


def judgements_of(rollout: Rollout, status: Status) -> dict[str, "Judgement"]:
    """Return the verdict on each metric, from a record."""
    from awsroll.core.judge.verdicts import judge  # noqa: PLC0415 - see above

    sensitivity = _sensitivity(rollout)
    return {name: judge(_evidence(status, name), sensitivity) for name in rollout.metrics}


def verdict_words(view: View) -> str:
    """Return the verdict on each metric, for people."""
    return "; ".join(f"{name}: {each.words}" for name, each in judgements(view).items())


def is_undecided(view: View) -> bool:
    """Return whether a gate must wait for a verdict: both versions serve, and too few requests have been compared."""
    if not is_judged(view) or not compared(view):
        return False
    return bool(lacking(view))


def lacking(view: View) -> str:
    """Return which metrics have no verdict yet, and why: how many requests are missing, or what is in doubt."""
    return lacking_in(view.original, judgements(view))


def lacking_in(rollout: Rollout, verdicts: Mapping[str, "Judgement"]) -> str:
    """Return the same from verdicts. No gate waits for anomaly flags: a flag that is absent tells little."""
    waiting = {name: each for name, each in verdicts.items() if each.waits and name in rollout.counts}
    return "; ".join(f"{name} {_lacks(each)}" for name, each in waiting.items())


def _lacks(verdict: "Judgement") -> str:
    if verdict.is_doubtful:
        return f"is worse on new servers, perhaps by chance ({verdict.evidence})"
    missing = "no comparison yet" if verdict.missing is None else f"about {verdict.missing} more are needed"
    return f"has too few requests to new servers ({missing})"


def _sensitivity(rollout: Rollout) -> "Sensitivity":
    """Return what each metric must notice. The metrics and the way back share alpha, so that all together keep it."""
    from awsroll.core.judge.e_process import Sensitivity  # noqa: PLC0415 - see above

    judging = rollout.gates.judge
    shares = max(1, len(rollout.metrics)) * (2 if rollout.gates.rehearses else 1)
    return Sensitivity(alpha=judging.alpha / shares, effect=judging.effect)


def _evidence(status: Status, metric: str) -> Evidence:
    return status.judge.get(key_of(status, metric), Evidence())
