"""What sends requests to servers besides the target groups that an event names, by the rules of the preflight.

A stage checks it before it takes a server out of traffic, so that no server is terminated or reloaded under requests.
"""

from collections.abc import Iterable

from awsroll.core.classify.draining import NEW_FLOWS_SECONDS, delay_in_rollout
from awsroll.preflight.findings import Findings
from awsroll.preflight.inventory import check_inventory
from awsroll.preflight.read_inventory import classic_load_balancers, other_target_groups, sources_of_group
from awsroll.preflight.read_lattice import lattice_target_groups
from awsroll.stages.scope import Scope, raise_refusals


def check_other_routes(scope: Scope, names: Iterable[str], *, replaces: bool) -> None:
    """Refuse servers that get requests through something that no stage drains.

    Args:
        scope: the fleet.
        names: the servers that are about to leave traffic.
        replaces: the servers are replaced; otherwise they are reloaded.

    Raises:
        FleetError: with each target group and load balancer; nothing was changed.
    """
    findings = Findings()
    servers = {described["InstanceId"]: described for described in scope.aws.ec2.instances(names)}
    known = {*scope.arns, *scope.excluded}
    group = scope.rollout.group
    others = other_target_groups(scope.aws, servers, known, with_idle=False)
    entries = [other.entry(other.kind, group=group) for other in others]
    entries += classic_load_balancers(scope.aws, servers, findings)
    sources = sources_of_group(scope.group) if group else []
    attached = {source.name for source in sources}
    entries += [*sources, *lattice_target_groups(scope.aws, servers, findings, attached=attached)]
    check_inventory(entries, findings, replaces=replaces)
    raise_refusals(findings)


def check_managed_delays(scope: Scope) -> None:
    """Refuse a delay with which a group ends members while a Network Load Balancer still sends them new flows.

    Raises:
        FleetError: with each target group; nothing was changed.
    """
    findings = Findings()
    for group in scope.settings:
        if group.managed and delay_in_rollout(group) != group.deregistration_delay_seconds:
            delay = f"{group.deregistration_delay_seconds:g}"
            findings.refuse(
                f"target group {group.name} belongs to a Network Load Balancer, which can send new flows to a server "
                f"for about {NEW_FLOWS_SECONDS} s after its deregistration. The group waits only for the delay of "
                f"{delay} s: set the deregistration delay to {NEW_FLOWS_SECONDS} s or more"
            )
    raise_refusals(findings)
