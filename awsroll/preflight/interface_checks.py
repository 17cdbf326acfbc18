"""The check of further network interfaces that a launch template names. Read only.

EC2 puts all interfaces of an instance in one Availability Zone (EC2 user guide, "Elastic network interfaces"). awsroll
launches the replacement of a standalone server in the subnet of its predecessor and keeps the subnets of the other
interfaces.
"""

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.model.observation import FleetKind
from awsroll.core.model.rollout import Rollout
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, Goal
from awsroll.preflight.subnet_facts import read_subnets
from awsroll.preflight.versions import template_data


def check_interfaces(aws: Connection, rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Refuse a template whose further interfaces are in another zone than a server that would be replaced."""
    if rollout.kind is not FleetKind.STANDALONE or rollout.template is None:
        return
    interfaces = template_data(aws, rollout.template).get("NetworkInterfaces", [])
    subnets = sorted({interface["SubnetId"] for interface in interfaces if _is_further(interface)})
    leaving = [instance for instance in fleet.live if not goal.is_on(instance)]
    if not subnets or not leaving:
        return
    for subnet in read_subnets(aws, subnets, findings):
        outside = [instance.instance_id for instance in leaving if instance.zone != subnet.zone]
        if outside:
            findings.refuse(
                f"launch template {rollout.template} has a network interface in {subnet.subnet_id} ({subnet.zone}), "
                f"but {shortened(outside)} are in other zones. EC2 launches all interfaces of a server in one zone, so "
                "their replacements could not launch: use a template for each zone, or remove the interface"
            )


def _is_further(interface: Reply) -> bool:
    primary = not interface.get("DeviceIndex") and not interface.get("NetworkCardIndex")
    return bool(interface.get("SubnetId")) and not primary
