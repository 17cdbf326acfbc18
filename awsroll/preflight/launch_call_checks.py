"""Which call brings the surplus of a group, and what happens if the caller may not make it. Read only.

AWS offers no check of a permission for LaunchInstances: it has no dry run, and the simulator of IAM knows neither
service control policies nor the permissions that resources grant. So the plan says what would happen.

Source: Auto Scaling guide, "Launch instances with synchronous provisioning".
"""

from awsroll.aws.connection import Connection
from awsroll.core.classify.capacity import bounds
from awsroll.core.model.rollout import Rollout
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts

_INSTEAD = "raises the desired capacity of the group to surge, and the group chooses the zones"
_NEEDED = (
    "--zones one-by-one needs it for a surge, because the desired capacity cannot say in which zone a group launches: "
    "pass --max-unavailable N without a surge, or remove --zones one-by-one"
)


def check_launch_call(aws: Connection, rollout: Rollout, fleet: FleetFacts, findings: Findings) -> None:
    """Note how a group gets the servers of the surge."""
    if fleet.group is None or rollout.reloads or not bounds(rollout, fleet.desired).max_surge:
        return
    by_zone = rollout.gates.by_zone
    tell, instead = (findings.refuse, _NEEDED) if by_zone else (findings.note, f"awsroll {_INSTEAD}")
    if fleet.group.mixes_purchase_options:
        tell(
            f"group {fleet.name} mixes On-Demand and Spot Instances, which LaunchInstances does not support: {instead}"
        )
    elif not aws.autoscaling.can_launch_instances():
        tell(f"the installed boto3 has no LaunchInstances: {instead}")
    else:
        without = "the rollout fails at its first launch" if by_zone else f"awsroll warns and {_INSTEAD}"
        findings.note(
            "the surge needs the permissions autoscaling:LaunchInstances and ec2:CreateFleet, which cannot be checked "
            f"without a launch. If one of them is missing, {without}"
        )
