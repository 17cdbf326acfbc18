"""Versions: the goal, pinned to a number, and the baseline that the instances run."""

from collections import Counter

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.model.observation import Instance, TemplateVersion
from awsroll.core.model.rollout import VersionCount, version_of
from awsroll.errors import AwsRefusedError
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import Goal, TemplateSetting
from awsroll.preflight.lookups import similar_names

LATEST, DEFAULT = "$Latest", "$Default"
_UNKNOWN_TEMPLATE = ("InvalidLaunchTemplateId.", "InvalidLaunchTemplateName.")
_UNKNOWN_VERSION = "VersionNotFound"
_SHORTEST_NAME = 3  # of a launch template; the AWS SDK does not send a shorter one (the service model of EC2)


def pin(aws: Connection, requested: str, setting: TemplateSetting | None, findings: Findings) -> TemplateVersion | None:
    """Return the requested launch template (or the group's own at `$Latest`) with its version as a number.

    Args:
        aws: the connection to the fleet's account and region.
        requested: `ID|NAME[:VERSION]`, or empty.
        setting: the group's launch template; None without a group.
        findings: receives the refusals.
    """
    if not requested and setting is None:
        return None  # the checks of the group report it
    named, _, version = requested.partition(":")
    named = named or (setting.template_id if setting is not None else "")
    version = version or LATEST
    if not version.isdigit() and version not in (LATEST, DEFAULT):
        findings.refuse(f"--launch-template {requested!r}: VERSION is a number, {LATEST} or {DEFAULT}, not {version!r}")
        return None
    by_id = named.startswith("lt-")
    described, is_version = _looked_up(aws, named, version, by_id=by_id)
    if described is None:
        hint = "" if is_version or by_id else similar_names(named, aws.ec2.template_names)
        what = (
            f"launch template {named} has no version {version}"
            if is_version
            else f"there is no launch template {named}"
        )
        findings.refuse(f"{what} in {aws.region}{hint}: check --launch-template and --region")
        return None
    return TemplateVersion(template_id=described["LaunchTemplateId"], number=int(described["VersionNumber"]))


def _looked_up(aws: Connection, named: str, version: str, *, by_id: bool) -> tuple[Reply | None, bool]:
    """Return a described version, None if it does not exist; and whether its template exists."""
    if len(named) < _SHORTEST_NAME:
        return None, False
    try:
        described = aws.ec2.template_version(version, template_id=named if by_id else "", name="" if by_id else named)
    except AwsRefusedError as error:
        if not error.code.startswith(_UNKNOWN_TEMPLATE):
            raise
        return None, _UNKNOWN_VERSION in error.code
    return described, True


def baseline_of(instances: tuple[Instance, ...], goal: Goal) -> tuple[VersionCount, ...]:
    """Count the running versions, the most common first. The goal version comes last."""
    reloading = goal.template is None
    counts = Counter(
        (version_of(instance, reloading=reloading), None if reloading else instance.template, goal.is_on(instance))
        for instance in instances
    )
    ordered = sorted(counts.items(), key=lambda item: (item[0][2], -item[1], item[0][0]))
    return tuple(VersionCount(version=name, count=count, template=template) for (name, template, _), count in ordered)


def baseline_template(baseline: tuple[VersionCount, ...], goal: Goal) -> TemplateVersion | None:
    """Return the template version of a rollback: the most common known version other than the goal."""
    return next(
        (
            version.template
            for version in baseline
            if version.template is not None and version.template != goal.template
        ),
        None,
    )


def template_data(aws: Connection, template: TemplateVersion | None) -> Reply:
    """Return the data of a template version; empty if the version is unknown or deleted."""
    data: Reply = {} if template is None else _described(aws, template).get("LaunchTemplateData", {})
    return data


def _described(aws: Connection, template: TemplateVersion) -> Reply:
    try:
        return aws.ec2.template_version(str(template.number), template_id=template.template_id) or {}
    except AwsRefusedError as error:
        if not error.code.startswith(_UNKNOWN_TEMPLATE):
            raise
        return {}


def template_names(aws: Connection, *templates: TemplateVersion | None) -> tuple[tuple[str, str], ...]:
    """Return the names of launch templates by id, each once. A template that is unknown or deleted has none."""
    described = {template.template_id: _described(aws, template) for template in templates if template is not None}
    names = {template_id: str(found.get("LaunchTemplateName") or "") for template_id, found in described.items()}
    return tuple(sorted((template_id, name) for template_id, name in names.items() if name))


def template_tags(aws: Connection, template: TemplateVersion | None) -> tuple[tuple[str, str], ...]:
    """Return the tags that a template version sets on instances; empty if it is unknown or deleted."""
    return tuple(
        (tag["Key"], tag.get("Value", ""))
        for specification in template_data(aws, template).get("TagSpecifications", [])
        if specification.get("ResourceType") == "instance"
        for tag in specification.get("Tags", [])
    )
