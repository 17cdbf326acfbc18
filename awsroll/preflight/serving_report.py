"""The report of which servers serve now, and why the others do not. Read only."""

from collections import Counter
from collections.abc import Iterator
from typing import assert_never

from awsroll.core.classify.serving import ObstacleKind, obstacle
from awsroll.core.model.observation import FleetKind, Instance, Target, TargetKey
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts


def report_serving(fleet: FleetFacts, findings: Findings) -> None:
    """Report how many servers serve; warn with the reasons if some do not."""
    servers = fleet.live
    reasons = Counter(reason for server in servers for reason in set(why_not_serving(fleet, server)))
    count = sum(1 for server in servers if not any(True for _ in why_not_serving(fleet, server)))
    summary = f"{fleet.name}: {count} of {len(servers)} servers serve now"
    if not reasons:
        findings.note(summary)
        return
    details = "; ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
    if count == 0:
        details += ". A new server serves only when it is healthy everywhere the fleet is registered"
    findings.warn(f"{summary}: {details}")


def why_not_serving(fleet: FleetFacts, server: Instance) -> Iterator[str]:
    """Yield why a server does not serve, in words that follow a number of servers; nothing if it serves."""
    required = required_keys(fleet)
    first = obstacle(server, required, in_group=fleet.kind is FleetKind.AUTO_SCALING)
    if first is None:
        return
    match first.kind:
        case ObstacleKind.NOT_RUNNING:
            yield f"{server.state}"
        case ObstacleKind.NOT_IN_SERVICE:
            yield f"{server.lifecycle_detail or server.lifecycle} in the group"
        case ObstacleKind.MARKED_UNHEALTHY:
            yield "marked unhealthy by the group"
        case ObstacleKind.TARGET:
            for key in dict.fromkeys((*required, *(target.key for target in server.targets))):
                target = server.target(key)
                if target is None or not target.takes_requests:
                    yield f"{_state(target)} in target group {_name(fleet, key)} on port {key.port}"
        case _ as never:
            assert_never(never)


def required_keys(fleet: FleetFacts) -> tuple[TargetKey, ...]:
    """Return where each member of a group must be registered; nothing for servers that are registered by hand."""
    if fleet.group is None:
        return ()
    managed = (TargetKey(target_group=group.arn, port=group.port) for group in fleet.target_groups if group.managed)
    return (*sorted(managed), *fleet.group.extra_targets)


def _state(target: Target | None) -> str:
    if target is None:
        return "not registered"
    if target.shifted:
        return f"{target.state} but without requests (a zonal shift is active)"
    reason = ": ".join(part for part in (target.reason, target.description) if part)
    return f"{target.state} ({reason})" if reason else f"{target.state}"


def _name(fleet: FleetFacts, key: TargetKey) -> str:
    return next((group.name for group in fleet.target_groups if group.arn == key.target_group), key.target_group)
