"""The checks of Availability Zones: where the rollout launches servers, and which zones it would empty. Read only.

Sources: ALB guide, "Target health status" (`Target.NotInUse` in a zone that is not enabled), "Cross-zone load balancing
for target groups" and "Zonal shift"; service model of Elastic Load Balancing, `AdministrativeOverride`.
"""

from collections import Counter
from dataclasses import dataclass

from awsroll.core.classify.capacity import Bounds, bounds
from awsroll.core.model.observation import Instance, Target
from awsroll.core.model.rollout import Rollout
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, Goal
from awsroll.preflight.routing_facts import Routing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """What the rollout will do: the servers that it replaces or reloads, and how many at a time."""

    spec: RolloutSpec
    rollout: Rollout
    fleet: FleetFacts
    leaving: tuple[Instance, ...]
    limits: Bounds

    @classmethod
    def of(cls, spec: RolloutSpec, rollout: Rollout, fleet: FleetFacts, goal: Goal) -> "_Steps":
        """Return the steps of a rollout."""
        leaving = tuple(instance for instance in fleet.live if not goal.is_on(instance))
        return cls(spec=spec, rollout=rollout, fleet=fleet, leaving=leaving, limits=bounds(rollout, fleet.desired))

    @property
    def may_empty_zones(self) -> bool:
        """Whether the request allows a zone without a serving server, as it allows a fleet without one."""
        return self.spec.max_unavailable is not None


def keeps_zones(spec: RolloutSpec, rollout: Rollout, fleet: FleetFacts, goal: Goal) -> bool:
    """Return whether the rollout must leave a serving server in each zone: only servers of a zone serve that zone.

    A zone with a single server behind a Network Load Balancer may be empty for a while, because the load balancer
    takes such a zone out of its DNS name.
    """
    steps = _Steps.of(spec, rollout, fleet, goal)
    per_zone = [routing for routing in fleet.routing if routing.per_zone]
    return bool(per_zone) and not steps.may_empty_zones and not any(_emptied(steps, routing) for routing in per_zone)


def check_zones(spec: RolloutSpec, rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Refuse a rollout that would launch servers where they get no requests, or take the last server of a zone."""
    steps = _Steps.of(spec, rollout, fleet, goal)
    _check_shift(steps, findings)
    for routing in fleet.routing:
        if routing.zones:
            _check_enabled(steps, routing, findings)
        if routing.per_zone:
            _check_last_servers(steps, routing, findings)


def _check_enabled(steps: _Steps, routing: Routing, findings: Findings) -> None:
    """Refuse zones that the load balancer does not serve."""
    group = steps.fleet.group
    if group is not None and not steps.rollout.reloads:
        outside = sorted({*group.launch_zones, *(zone for _, zone in group.subnets)} - routing.zones)
        where = f"group {group.name} launches into {', '.join(outside)}"
        way_out = "enable the zone on the load balancer, or remove its subnets from the group"
    else:
        registered = [instance for instance in steps.leaving if _targets(instance, routing)]
        outside = sorted({instance.zone for instance in registered if instance.zone} - routing.zones)
        names = [instance.instance_id for instance in registered if instance.zone in outside]
        where = f"{shortened(names)} are in {', '.join(outside)}"
        way_out = "enable the zone on the load balancer, or deregister these servers"
    if outside:
        findings.refuse(
            f"{where}, a zone that the load balancer of target group {routing.name} does not serve: a server there "
            f"gets no requests and never turns healthy: {way_out}"
        )


def _check_shift(steps: _Steps, findings: Findings) -> None:
    """Refuse or warn of zones under a zonal shift: servers there are healthy and get no requests."""
    live, group, by_zone = steps.fleet.live, steps.fleet.group, steps.rollout.gates.by_zone
    shifted = sorted({instance.zone for instance in live if any(target.shifted for target in instance.targets)})
    if not shifted:
        return
    what = f"a zonal shift keeps requests away from {', '.join(shifted)}: servers there do not serve"
    if not any(instance.zone in shifted for instance in steps.leaving):
        waits = "With --zones one-by-one nothing new starts before the shift ends"
        findings.warn(f"{what}. {waits if by_zone else 'The rollout counts the servers of the other zones only'}")
        return
    stays = group is None or steps.rollout.reloads or by_zone
    others = set() if group is None or stays else {zone for _, zone in group.subnets} - set(shifted)
    if not others or steps.limits.max_unavailable > 0:
        way_out = ", or pass --launch-first to launch into other zones" if others else ""
        findings.refuse(
            f"{what}, so a server that is replaced there would not serve either: wait until the shift ends{way_out}"
        )
        return
    findings.warn(
        f"{what}. The rollout launches into the other zones, and the group may balance its zones again after the end"
    )


def _check_last_servers(steps: _Steps, routing: Routing, findings: Findings) -> None:
    """Refuse to take out the only server of a zone that only its own servers serve."""
    zones = _emptied(steps, routing)
    if not zones:
        return
    why = ", which is the default of a Network Load Balancer" if routing.is_default_of_network else ""
    problem = (
        f"target group {routing.name} has cross-zone load balancing off{why}, so only the servers of a zone serve that "
        f"zone, and the only serving server of the zone would leave ({', '.join(zones)})"
    )
    if steps.may_empty_zones:
        findings.warn(f"{problem}; --max-unavailable {steps.spec.max_unavailable} allows this")
        return
    way_out = "" if steps.rollout.reloads else "launch new servers first with --launch-first, or "
    if routing.is_default_of_network:
        findings.warn(
            f"{problem}: new connections to that zone fail until its address has left the DNS name of the load "
            f"balancer. To avoid this, {way_out}turn on cross-zone load balancing"
        )
        return
    findings.refuse(
        f"{problem}: {way_out}turn on cross-zone load balancing. --max-unavailable {steps.limits.max_unavailable} "
        "allows this"
    )


def _emptied(steps: _Steps, routing: Routing) -> list[str]:
    """Return the zones whose only serving server would leave before another server serves there.

    With a surge, the planner keeps the last serving server of a zone until another server serves there.
    """
    if steps.limits.max_surge > 0:
        return []
    serving = [instance for instance in steps.fleet.live if _takes_requests(instance, routing)]
    count = Counter(instance.zone for instance in serving)
    return sorted({instance.zone for instance in steps.leaving if instance in serving and count[instance.zone] == 1})


def _targets(instance: Instance, routing: Routing) -> list[Target]:
    return [target for target in instance.targets if target.key.target_group == routing.arn]


def _takes_requests(instance: Instance, routing: Routing) -> bool:
    targets = _targets(instance, routing)
    return bool(targets) and all(target.takes_requests for target in targets)
