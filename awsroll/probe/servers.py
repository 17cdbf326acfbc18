"""Instances that experiments launch by hand, register, and terminate again; commands on them."""

from typing import Any

from awsroll.probe.base import Base
from awsroll.probe.lab import Lab

SHELL = "AWS-RunShellScript"
RUNNING_SECONDS = 300.0
HEALTHY_SECONDS = 300.0
ONLINE_SECONDS = 600.0
_OVER = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})


def launch(lab: Lab, base: Base, count: int = 1, *, zone: int = 0, **more: Any) -> list[str]:
    """Launch instances from version 1, and return their ids when they run."""
    lab.reserve(count)
    answer = lab.call(
        "ec2",
        "RunInstances",
        LaunchTemplate={"LaunchTemplateId": base.template, "Version": "1"},
        SubnetId=base.subnets[zone],
        MinCount=count,
        MaxCount=count,
        **more,
    )
    ids = [str(each["InstanceId"]) for each in answer["Instances"]]
    lab.until("running", lambda: {lab.instance_state(each) for each in ids} == {"running"}, seconds=RUNNING_SECONDS)
    return ids


def register(lab: Lab, target_group: str, ids: list[str], *, waits: bool = True) -> None:
    """Register instances, and wait until they are healthy."""
    lab.call("elbv2", "RegisterTargets", TargetGroupArn=target_group, Targets=[{"Id": each} for each in ids])
    if waits:
        lab.until(
            "healthy targets",
            lambda: all(lab.target(target_group, each) == "healthy" for each in ids),
            seconds=HEALTHY_SECONDS,
        )


def deregister(lab: Lab, target_group: str, ids: list[str]) -> None:
    """Deregister instances."""
    lab.call("elbv2", "DeregisterTargets", TargetGroupArn=target_group, Targets=[{"Id": each} for each in ids])


def terminate(lab: Lab, ids: list[str]) -> None:
    """Terminate instances, and wait until they no longer run."""
    if not ids:
        return
    lab.call("ec2", "TerminateInstances", InstanceIds=ids)
    lab.until(
        "terminated instances",
        lambda: all(lab.instance_state(each) in {"terminated", "gone"} for each in ids),
        seconds=RUNNING_SECONDS,
    )


def wait_online(lab: Lab, instance_id: str) -> float:
    """Wait until the agent of an instance is online."""
    return lab.until("an online agent", lambda: ping(lab, instance_id) == "Online", seconds=ONLINE_SECONDS, every=5)


def ping(lab: Lab, instance_id: str) -> str:
    """Return what Systems Manager says about an agent; `absent` if it does not know the node."""
    filters = [{"Key": "InstanceIds", "Values": [instance_id]}]
    listed = lab.call("ssm", "DescribeInstanceInformation", Filters=filters)["InstanceInformationList"]
    return str(listed[0]["PingStatus"]) if listed else "absent"


def run(lab: Lab, instance_id: str, commands: list[str], *, seconds: float = 300) -> str:
    """Run shell commands on an instance, and return their output; empty if they have not ended in time."""
    sent = lab.call(
        "ssm", "SendCommand", InstanceIds=[instance_id], DocumentName=SHELL, Parameters={"commands": commands}
    )
    command_id = str(sent["Command"]["CommandId"])
    deadline = lab.clock.monotonic() + seconds
    while lab.clock.monotonic() < deadline:
        lab.wait(3)
        answer = lab.ask("ssm", "GetCommandInvocation", CommandId=command_id, InstanceId=instance_id)
        if answer.succeeded and answer.result["Status"] in _OVER:
            return str(answer.result.get("StandardOutputContent", ""))
    return ""
