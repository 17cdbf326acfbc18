"""Experiments on tags (P9) and on the agent of Systems Manager (P10)."""

from typing import Any

from awsroll.probe.base import Base
from awsroll.probe.lab import Lab, Measurement
from awsroll.probe.servers import SHELL, launch, ping, terminate, wait_online

TAGS_OF_A_GROUP = 50
LOST_SECONDS = 600.0
BOOT_SECONDS = 180.0


def tags(lab: Lab, base: Base) -> Measurement:
    """P9: set tag values with a dollar sign, and one tag more than the limit."""
    group = {"ResourceId": base.group, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
    dollar = {**group, "Key": "awsroll:probe:value", "Value": "lt-1:$Latest"}
    values: dict[str, Any] = {
        "group, $": lab.ask("autoscaling", "CreateOrUpdateTags", Tags=[dollar]).code or "accepted"
    }
    present = lab.call("autoscaling", "DescribeTags", Filters=[{"Name": "auto-scaling-group", "Values": [base.group]}])
    room = TAGS_OF_A_GROUP - len(present["Tags"])
    many = [{**group, "Key": f"awsroll:probe:{number}", "Value": "x"} for number in range(room + 1)]
    try:
        values["group, 50 tags"] = lab.ask("autoscaling", "CreateOrUpdateTags", Tags=many[:-1]).code or "accepted"
        values["group, tag 51"] = lab.ask("autoscaling", "CreateOrUpdateTags", Tags=many[-1:]).code or "accepted"
    finally:
        lab.call("autoscaling", "DeleteTags", Tags=[dollar, *many])
    elb_tag = {"Key": "awsroll:probe:value", "Value": "lt-1:$Latest"}
    answer = lab.ask("elbv2", "AddTags", ResourceArns=[base.hand_targets], Tags=[elb_tag])
    values["target group, $"] = answer.code or "accepted"
    if answer.succeeded:
        lab.call("elbv2", "RemoveTags", ResourceArns=[base.hand_targets], TagKeys=[elb_tag["Key"]])
    return Measurement(values=values)


def agent(lab: Lab, base: Base) -> Measurement:
    """P10: stop the agent of an instance, and time when Systems Manager shows it; then reboot the instance."""
    (instance_id,) = launch(lab, base)
    try:
        online = wait_online(lab, instance_id)
        sent = _send(lab, instance_id, ["systemctl stop amazon-ssm-agent"])
        changes = lab.watch(
            lambda: ping(lab, instance_id), seconds=LOST_SECONDS, every=10, ends=lambda state: state != "Online"
        )
        meanwhile = _send(lab, instance_id, ["true"])
        lab.call("ec2", "RebootInstances", InstanceIds=[instance_id])
        after_reboot = lab.watch(lambda: ping(lab, instance_id), seconds=BOOT_SECONDS, every=10, ends=lambda _: False)
    finally:
        terminate(lab, [instance_id])
    lost = changes[-1][0] if changes[-1][1] != "Online" else None
    return Measurement(
        values={
            "online after launch": online,
            "stop command": sent,
            "lost after": lost,
            "command while stopped": meanwhile,
            "states after the reboot": after_reboot,
        },
        note="" if lost is not None else f"the agent was not seen to stop within {LOST_SECONDS:g} s",
    )


def _send(lab: Lab, instance_id: str, commands: list[str]) -> str:
    answer = lab.ask(
        "ssm",
        "SendCommand",
        InstanceIds=[instance_id],
        DocumentName=SHELL,
        Parameters={"commands": commands},
        TimeoutSeconds=60,
    )
    if not answer.succeeded:
        return f"{answer.code}: {answer.message}"
    lab.wait(90)
    seen = lab.ask(
        "ssm", "GetCommandInvocation", CommandId=answer.result["Command"]["CommandId"], InstanceId=instance_id
    )
    return str(seen.result.get("StatusDetails") or seen.code)
