"""The experiment on groups that keep what they end: P14, with images in overrides and replaced root volumes."""

from typing import Any

from awsroll.core.tags import LAUNCH_TEMPLATE_VERSION_TAG
from awsroll.probe.base import INSTANCE_TYPE, Base, add_group, remove_group
from awsroll.probe.group_experiments import terminate_member
from awsroll.probe.lab import Lab, Measurement, UnexpectedAnswerError

REFRESH_SECONDS = 360.0
_PLAIN: dict[str, Any] = {"HealthCheckType": "EC2"}


def retained(lab: Lab, base: Base) -> Measurement:
    """P14: end a termination hook with ABANDON in a group that retains such instances."""
    group = add_group(lab, "retained", base.template, base.subnets, [], sizes=(0, 2, 1), HealthCheckType="EC2")
    hook = {"LifecycleHookName": "keep", "AutoScalingGroupName": group}
    lab.call(
        "autoscaling",
        "PutLifecycleHook",
        **hook,
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=300,
        DefaultResult="ABANDON",
    )
    policy = lab.ask(
        "autoscaling",
        "UpdateAutoScalingGroup",
        AutoScalingGroupName=group,
        InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "retain"}},
    )
    if not policy.succeeded:
        remove_group(lab, group)
        return Measurement(note=f"InstanceLifecyclePolicy was refused: {policy.code}: {policy.message}")
    (member,) = lab.settle(group, 1)
    lab.reserve(1)
    terminate_member(lab, member, decrement=False)
    lab.until("the hook", lambda: lab.member_state(group, member) == "Terminating:Wait", seconds=300)
    completed = lab.ask(
        "autoscaling", "CompleteLifecycleAction", **hook, LifecycleActionResult="ABANDON", InstanceId=member
    )
    changes = lab.watch(
        lambda: (lab.member_state(group, member), lab.instance_state(member), len(lab.in_service(group))),
        seconds=120,
        ends=lambda seen: seen[0] == "left",
    )
    activities = lab.call("autoscaling", "DescribeScalingActivities", AutoScalingGroupName=group)["Activities"]
    values = {
        "complete": completed.code or "accepted",
        "states": [[at, list(seen)] for at, seen in changes],
        "activities": [f"{each['StatusCode']}: {each['Description']}" for each in activities],
        "retained": any(seen[0] == "Terminating:Retained" for _, seen in changes),
    }
    remove_group(lab, group)
    values |= {"image in an override": _image_in_override(lab, base), "replaced root volume": _replaced_root(lab, base)}
    note = "" if values["retained"] else "the instance was not retained"
    return Measurement(values=values, note=note)


def _image_in_override(lab: Lab, base: Base) -> Any:
    """Create a group whose override names an image, and return what its member shows; or the refusal."""
    template = {"LaunchTemplateId": base.template, "Version": "1"}
    override = {"InstanceType": INSTANCE_TYPE, "ImageId": base.image_id}
    mixed = {"LaunchTemplate": {"LaunchTemplateSpecification": template, "Overrides": [override]}}
    try:
        group = add_group(
            lab, "override", base.template, base.subnets, [], sizes=(0, 1, 1), MixedInstancesPolicy=mixed, **_PLAIN
        )
    except UnexpectedAnswerError as error:
        return str(error)
    (member,) = lab.settle(group, 1)
    shown = _shown_version(lab, group, member)
    remove_group(lab, group)
    return shown


def _replaced_root(lab: Lab, base: Base) -> Any:
    """Replace the root volume of a member by version 2, and return the versions that it shows; or the refusal."""
    group = add_group(lab, "root", base.template, base.subnets, [], sizes=(0, 2, 1), **_PLAIN)
    (member,) = lab.settle(group, 1)
    started = lab.ask(
        "autoscaling",
        "StartInstanceRefresh",
        AutoScalingGroupName=group,
        Strategy="ReplaceRootVolume",
        DesiredConfiguration={"LaunchTemplate": {"LaunchTemplateId": base.template, "Version": "2"}},
    )
    if not started.succeeded:
        remove_group(lab, group)
        return f"{started.code}: {started.message}"
    changes = lab.watch(
        lambda: [lab.member_state(group, member), _refresh_status(lab, group), _shown_version(lab, group, member)],
        seconds=REFRESH_SECONDS,
        every=5,
        ends=lambda seen: seen[1] not in {"Pending", "InProgress", "Baking"},
    )
    lab.ask("autoscaling", "CancelInstanceRefresh", AutoScalingGroupName=group)
    remove_group(lab, group)
    return changes


def _refresh_status(lab: Lab, group: str) -> str:
    refreshes = lab.call("autoscaling", "DescribeInstanceRefreshes", AutoScalingGroupName=group)["InstanceRefreshes"]
    return str(refreshes[0]["Status"]) if refreshes else "none"


def _shown_version(lab: Lab, group: str, member: str) -> dict[str, str]:
    """Return the version that the group shows for a member, and the version and image that EC2 shows."""
    members = [each for each in lab.group(group)["Instances"] if each["InstanceId"] == member]
    found = [each for each in lab.instances() if each["InstanceId"] == member]
    tags = {tag["Key"]: tag["Value"] for each in found for tag in each.get("Tags", [])}
    return {
        "group": members[0].get("LaunchTemplate", {}).get("Version", "none") if members else "left",
        "tag": tags.get(LAUNCH_TEMPLATE_VERSION_TAG, "none"),
        "image": str(found[0]["ImageId"]) if found else "none",
    }
