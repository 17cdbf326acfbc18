"""Whether the launch template version decides which image runs. Read only.

A rollout compares versions. An image that comes from elsewhere makes that comparison wrong: from an override of a mixed
instances policy, from a Systems Manager parameter, or from a replaced root volume.

Sources: service models of Auto Scaling (`LaunchTemplateOverrides.ImageId`, `Instance.ImageId`) and EC2
(`RequestLaunchTemplateData.ImageId`), EC2 Auto Scaling guide, "Replace root volume".
"""

from collections.abc import Iterable, Mapping

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import launched_from, read_member_template, tags_of
from awsroll.core.model.observation import TemplateVersion
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import OnFailure
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts
from awsroll.preflight.versions import template_data

IMAGE_BY_PARAMETER = "resolve:ssm:"


def check_overrides(group: Reply, findings: Findings) -> None:
    """Refuse a mixed instances policy that names an image: the template version does not decide what is launched."""
    policy = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {})
    images = sorted({override["ImageId"] for override in policy.get("Overrides", []) if override.get("ImageId")})
    if images:
        findings.refuse(
            f"group {group['AutoScalingGroupName']} names the image {', '.join(images)} in an override of its mixed "
            "instances policy, so the launch template version does not decide which image is launched: remove the "
            "image from the override, or pass --strategy reload"
        )


def replaced_root_volumes(group: Reply, described: Mapping[str, Reply]) -> tuple[str, ...]:
    """Return the members whose root volume was replaced, each with what differs from its launch as EC2 shows it."""
    replaced = (
        _replaced(member, described[member["InstanceId"]])
        for member in group.get("Instances", [])
        if member["InstanceId"] in described
    )
    return tuple(words for words in replaced if words)


def check_root_volumes(fleet: FleetFacts, findings: Findings) -> None:
    """Refuse members whose root volume was replaced: EC2 still shows the version and image of their launch."""
    if fleet.group is not None and fleet.group.replaced_root_volumes:
        findings.refuse(
            f"group {fleet.name} has members whose root volume was replaced after their launch "
            f"({shortened(list(fleet.group.replaced_root_volumes))}), so their launch template version does not say "
            "what they run: start an instance refresh that replaces the instances, or pass --strategy reload"
        )


def _replaced(member: Reply, instance: Reply) -> str:
    """Describe how the group's view of a member differs from EC2's view of its launch; empty if it does not."""
    name, differences = member["InstanceId"], []
    launched, now = launched_from(tags_of(instance)), read_member_template(member)
    if launched is not None and now is not None and launched != now:
        differences.append(f"launched from {launched}, now {now}")
    image, first_image = member.get("ImageId"), instance.get("ImageId")
    if image and first_image and image != first_image:
        differences.append(f"launched with image {first_image}, now {image}")
    return f"{name}: {', '.join(differences)}" if differences else ""


def check_images(aws: Connection, rollout: Rollout, findings: Findings) -> None:
    """Warn of versions whose image is a Systems Manager parameter: what they launch changes with the parameter."""
    back = rollout.baseline_template if rollout.on_failure is OnFailure.ROLLBACK else None
    for template in _distinct(rollout.template, back):
        image = str(template_data(aws, template).get("ImageId", ""))
        if not image.startswith(IMAGE_BY_PARAMETER):
            continue
        named, version = parameter_and_version(image)
        if version.isdigit():
            findings.note(f"launch template {template} takes its image from version {version} of the parameter {named}")
            continue
        findings.warn(
            f"launch template {template} takes its image from the Systems Manager parameter {named} at each launch, so "
            "the number of the version does not say what runs: servers of this version may differ, a changed parameter "
            f"alone replaces no server, and a rollback to {template} launches the image that the parameter names then"
        )


def _distinct(*templates: TemplateVersion | None) -> Iterable[TemplateVersion]:
    return dict.fromkeys(template for template in templates if template is not None)


def parameter_and_version(image: str) -> tuple[str, str]:
    """Return the name or ARN of the parameter in `resolve:ssm:NAME[:VERSION-OR-LABEL]`, and what follows it."""
    named = image.removeprefix(IMAGE_BY_PARAMETER)
    parts = named.split(":")
    size = 6 if named.startswith("arn:") else 1
    return ":".join(parts[:size]), ":".join(parts[size:])
