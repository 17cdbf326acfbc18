"""Returns the environment to its first state between two experiments, whatever the one before left."""

from awsroll.probe.base import DELAY_SECONDS, MAX_SIZE, MIN_SIZE, Base, remove_group
from awsroll.probe.lab import Lab
from awsroll.probe.ledger import Kind
from awsroll.probe.servers import deregister, terminate


def reset_base(lab: Lab, base: Base) -> None:
    """Delete other groups and instances, and return the group to its size, version and processes.

    Raises:
        UnexpectedAnswerError: the environment cannot be returned to its first state.
    """
    for entry in lab.ledger.open_entries():
        if entry.kind is Kind.GROUP and entry.name != base.group:
            remove_group(lab, entry.name)
    members = {each["InstanceId"] for each in lab.group(base.group)["Instances"]}
    strangers = [str(each["InstanceId"]) for each in lab.instances() if each["InstanceId"] not in members]
    if strangers:
        deregister(lab, base.hand_targets, strangers)
        terminate(lab, strangers)
    lab.set_delay(base.group_targets, DELAY_SECONDS)
    group = lab.group(base.group)
    if group["SuspendedProcesses"]:
        lab.call("autoscaling", "ResumeProcesses", AutoScalingGroupName=base.group)
    wanted = {"MinSize": MIN_SIZE, "MaxSize": MAX_SIZE, "DesiredCapacity": MIN_SIZE}
    if any(group[name] != value for name, value in wanted.items()):
        lab.call("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName=base.group, **wanted)
    lab.settle(base.group, MIN_SIZE, target_group=base.group_targets)
