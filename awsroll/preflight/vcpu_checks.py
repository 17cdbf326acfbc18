"""How many vCPUs the rollout needs beside the fleet. Read only.

AWS counts an instance towards the quotas of EC2 until it is terminated, so draining servers count. The account's own
quotas and its other instances are not read: that needs Service Quotas and a list of all instances of the region.

Source: EC2 user guide, "Amazon EC2 service quotas".
"""

from collections import Counter

from awsroll.core.classify.capacity import bounds
from awsroll.core.classify.estimates import most_running
from awsroll.core.model.rollout import Rollout
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts, Goal


def check_vcpus(rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Note the room that the account needs in its quotas. Worked example: 4 servers of 2 vCPUs, double-half: 8 more."""
    leaving = [instance for instance in fleet.live if not goal.is_on(instance)]
    most = most_running(rollout, bounds(rollout, fleet.desired), fleet.target_groups, len(leaving))
    further = min(most - fleet.desired, len(leaving))
    if rollout.reloads or further <= 0:
        return
    each = Counter(vcpus for one in leaving if (vcpus := fleet.vcpus.get(one.instance_id, 0)))
    size = f" ({further * each.most_common(1)[0][0]} vCPUs, if they are as large as the old ones)" if each else ""
    findings.note(
        f"up to {fleet.desired + further} servers run at the same time, draining ones included, so the account needs "
        f"room for {further} more{size} in its quotas of On-Demand or Spot Instances. awsroll does not read the quotas"
    )
