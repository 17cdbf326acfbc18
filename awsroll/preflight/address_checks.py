"""Whether the subnets have free addresses for the servers that run beside the fleet. Read only.

A draining server holds its address until it is terminated, so servers in flight and draining servers count twice.
"""

from collections import Counter

from awsroll.core.classify.capacity import bounds
from awsroll.core.classify.estimates import most_running
from awsroll.core.model.rollout import Rollout
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts, Goal


def check_addresses(rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Warn if subnets have fewer free addresses than needed for new servers; refuse a surge without any address."""
    leaving = [instance for instance in fleet.live if not goal.is_on(instance)]
    if rollout.reloads or not leaving or not fleet.free_addresses:
        return
    limits = bounds(rollout, fleet.desired)
    needed = most_running(rollout, limits, fleet.target_groups, len(leaving)) - limits.desired
    needed = min(max(needed, min(limits.window, len(leaving))), len(leaving))
    if fleet.group is not None:
        free = {f"the subnets of group {fleet.name}": sum(fleet.free_addresses.values())}
        wanted = dict.fromkeys(free, needed)
    else:
        in_subnet = Counter(instance.subnet_id for instance in leaving if instance.subnet_id in fleet.free_addresses)
        wanted = {f"subnet {name}": min(needed, count) for name, count in in_subnet.items()}
        free = {f"subnet {name}": fleet.free_addresses[name] for name in in_subnet}
    for name, count in sorted(wanted.items()):
        if free[name] >= count:
            continue
        problem = (
            f"{name} has {free[name]} free addresses, but up to {count} new servers run there beside draining and old "
            "servers"
        )
        if free[name] == 0 and limits.max_unavailable == 0:
            findings.refuse(f"{problem}: free addresses first, or pass --max-unavailable instead of a surge")
        else:
            cap = limits.desired + free[name]
            advice = f". --max-running {cap} keeps to the free addresses" if free[name] or fleet.group is None else ""
            findings.warn(f"{problem}: launches may have to wait until old servers are terminated{advice}")
