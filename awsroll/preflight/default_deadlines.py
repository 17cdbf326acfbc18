"""The deadlines of a rollout. The defaults leave each drain and each health check of the fleet enough time.

The deadline for progress follows from the others: a rollout makes no progress while it waits for one drain, one launch
or one health check, so it is never shorter than the longest of them.
"""

from collections.abc import Mapping
from operator import itemgetter

from awsroll.core.classify.draining import drain_seconds
from awsroll.core.classify.target_group_settings import with_health_checks
from awsroll.core.model.observation import TargetGroup
from awsroll.core.model.rollout_choices import Limits
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts

_DRAIN_SPARE_SECONDS = 60
_LAUNCH_SECONDS = 600
_LEAST_HEALTHY_SECONDS = 600
_REGISTRATION_SECONDS = 60
_NETWORK_REGISTRATION_SECONDS = 300  # NLB guide: a new target takes up to a few minutes before its first health check
_PROGRESS_SPARE_SECONDS = 600


def resolve_limits(spec: RolloutSpec, fleet: FleetFacts, findings: Findings) -> Limits:
    """Return the limits of the request with defaults; refuse a drain deadline that is too short for a drain."""
    launch_hooks = 0 if fleet.group is None else fleet.group.launch_hook_seconds
    healthy = _healthy_seconds(spec, fleet)
    if spec.healthy_timeout is not None and spec.healthy_timeout < healthy - _REGISTRATION_SECONDS:
        findings.warn(
            f"--healthy-timeout {spec.healthy_timeout:g} is short: health checks of this fleet may need {healthy:g} s"
        )
    drain = _drain_seconds(spec, fleet, findings)
    launch_seconds = _or_default(spec.launch_timeout, _LAUNCH_SECONDS + launch_hooks)
    healthy_seconds = _or_default(spec.healthy_timeout, max(_LEAST_HEALTHY_SECONDS, healthy))
    waits = {
        "a drain": drain,
        "a launch": launch_seconds,
        "a server that turns healthy": healthy_seconds + spec.min_healthy_time,
    }
    return Limits(
        drain_seconds=drain,
        launch_seconds=launch_seconds,
        healthy_seconds=healthy_seconds,
        progress_seconds=_progress_seconds(spec, waits, findings),
        min_healthy_seconds=spec.min_healthy_time,
        settle_seconds=spec.settle_time,
        poll_seconds=spec.poll,
        lease_seconds=spec.lease,
        drain_quiet_seconds=spec.drain_quiet,
        drain_floor_seconds=spec.drain_floor,
    )


def _progress_seconds(spec: RolloutSpec, waits: Mapping[str, float], findings: Findings) -> float:
    """Return the longest time without progress: at least the longest wait, plus a reserve for a late end of it."""
    what, longest = max(waits.items(), key=itemgetter(1))
    needed = longest + _PROGRESS_SPARE_SECONDS
    given = spec.progress_timeout
    if given >= needed:
        return given
    if given < longest:
        findings.warn(
            f"--progress-timeout {given:g} is shorter than the longest wait of this rollout: {what} may take "
            f"{longest:g} s. {needed:g} s are used instead"
        )
    return needed


def _or_default(value: float | None, default: float) -> float:
    return default if value is None else value


def _drain_seconds(spec: RolloutSpec, fleet: FleetFacts, findings: Findings) -> float:
    """Return the delay of the slowest target group, plus a reserve, plus the time of terminate hooks."""
    delay = max((drain_seconds(group, spec.deregistration_delay) for group in fleet.target_groups), default=0)
    hooks = 0 if fleet.group is None else fleet.group.terminate_hook_seconds
    needed = delay + _DRAIN_SPARE_SECONDS + hooks
    given = spec.drain_timeout
    if given is not None and given < needed:
        findings.refuse(
            f"--drain-timeout {given:g} is too short: a drain takes {delay:g} s (the deregistration delay, or what "
            f"a Network Load Balancer needs), "
            f"{_DRAIN_SPARE_SECONDS} s to spare and {hooks:g} s of terminate hooks. Pass {needed:g} or more, or leave "
            "--drain-timeout out. --deregistration-delay shortens the delay for this rollout"
        )
    return _or_default(given, needed)


def _healthy_seconds(spec: RolloutSpec, fleet: FleetFacts) -> float:
    """Return how long a target may need to turn healthy after its application starts, in the slowest group.

    For example with the defaults, 30 s x (5 + 1) + 5 s, and 60 s until it is registered: 245 s. The registration with
    a Network Load Balancer takes longer.
    """
    grace = 0 if fleet.group is None else fleet.group.grace_seconds
    checks = [
        group.health_interval_seconds * (group.healthy_threshold + 1)
        + group.health_timeout_seconds
        + group.slow_start_seconds
        + _registration_seconds(group)
        for original in fleet.target_groups
        for group in [with_health_checks(original, spec.health_check_interval, spec.health_check_threshold)]
    ]
    return max(checks, default=_REGISTRATION_SECONDS) + grace


def _registration_seconds(group: TargetGroup) -> float:
    return _NETWORK_REGISTRATION_SECONDS if group.is_network else _REGISTRATION_SECONDS
