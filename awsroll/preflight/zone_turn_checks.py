"""The checks of `--zones one-by-one`: the order of the zones, and zones that would be left without a healthy server."""

from collections import Counter

from awsroll.core.classify.capacity import Bounds, bounds
from awsroll.core.classify.serving import obstacle
from awsroll.core.decide.zone_turns import zone_unavailable
from awsroll.core.model.observation import FleetKind, Instance
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Zones
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts, Goal


def zones_in_order(spec: RolloutSpec, fleet: FleetFacts, goal: Goal) -> tuple[str, ...]:
    """Return the zones with servers to replace, the smallest first, if they come one by one.

    A group launches into its smallest zone. In this order that zone is in turn, or has had its turn.
    """
    if spec.zones is not Zones.ONE_BY_ONE:
        return ()
    sizes = Counter(instance.zone for instance in fleet.live)
    return tuple(sorted({one.zone for one in fleet.live if not goal.is_on(one)}, key=lambda zone: (sizes[zone], zone)))


def check_zone_turns(spec: RolloutSpec, rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Refuse a rollout whose turn leaves a zone without a healthy server, unless the request allows it."""
    gates = rollout.gates
    if not gates.by_zone:
        return
    serving = Counter(one.zone for one in fleet.live if _serves(one, rollout))
    limits = bounds(rollout, fleet.desired)
    ill = [zone for zone in gates.zones if not serving[zone]]
    if ill:
        findings.warn(f"no server in {', '.join(ill)} is healthy now: only its turn brings healthy servers there")
    emptied = [
        zone
        for zone in gates.zones
        if 0 < serving[zone] <= _may_leave(spec, limits, rollout, serving[zone]) and _loses(zone, fleet, rollout, goal)
    ]
    if not emptied:
        return
    problem = f"--zones one-by-one leaves {', '.join(emptied)} without a healthy server during its turn"
    if spec.max_unavailable is not None:
        findings.warn(f"{problem}; --max-unavailable {spec.max_unavailable} allows this")
        return
    problem += ", because a single server serves there"
    way_out = "" if rollout.reloads else "pass --launch-first to launch its replacement first, or "
    findings.refuse(f"{problem}: {way_out}pass --max-unavailable {limits.max_unavailable} to allow this")


def keeps_each_zone(spec: RolloutSpec, rollout: Rollout) -> bool:
    """Return whether each zone must keep a serving server because the zones come one by one."""
    return rollout.gates.by_zone and spec.max_unavailable is None


def _may_leave(spec: RolloutSpec, limits: Bounds, rollout: Rollout, servers: int) -> int:
    """Return how many of the servers of a zone may be out at the same time.

    Unless the request has `--max-unavailable`, a zone keeps a server: only a single one, without a surge, has to go.
    """
    if spec.max_unavailable is None:
        return int(limits.max_surge == 0)
    return zone_unavailable(rollout, limits, servers)


def _serves(instance: Instance, rollout: Rollout) -> bool:
    return obstacle(instance, (), in_group=rollout.kind is FleetKind.AUTO_SCALING) is None


def _loses(zone: str, fleet: FleetFacts, rollout: Rollout, goal: Goal) -> bool:
    """Return whether all servers that serve in a zone are to be replaced."""
    return not any(one.zone == zone and _serves(one, rollout) and goal.is_on(one) for one in fleet.live)
