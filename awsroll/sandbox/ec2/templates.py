"""Launch templates: the version that a request refers to, and the checks that moto omits.

moto stores the templates and answers calls about them. This file resolves `$Latest`, `$Default` and an omitted version
to a number, and raises AWS's errors for missing templates and versions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import refuse, unknown_template_version
from awsroll.sandbox.ec2.images import with_image
from awsroll.sandbox.interfaces import Account
from awsroll.sandbox.service_limits import TEMPLATES_PER_PAGE
from awsroll.sandbox.template_versions import delete_versions, has_deleted, is_left, versions_left


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVersion:
    """One immutable version of a launch template."""

    template_id: str
    number: int
    data: Mapping[str, Any]
    """As given to CreateLaunchTemplate or CreateLaunchTemplateVersion."""

    @property
    def instance_tags(self) -> dict[str, str]:
        """The tags that the version puts on instances."""
        return tags_for("instance", self.data.get("TagSpecifications") or ())


def tags_for(resource_type: str, specifications: Any) -> dict[str, str]:
    """Return the tags in `TagSpecifications` for a resource type."""
    return {
        tag["Key"]: tag.get("Value", "")
        for specification in specifications
        if specification.get("ResourceType") == resource_type
        for tag in specification.get("Tags") or ()
    }


def resolve(account: Account, reference: Mapping[str, Any]) -> TemplateVersion:
    """Return the version for a `LaunchTemplateSpecification`; an omitted version is the default version.

    Raises:
        ApiError: the template or the version does not exist, or the reference is malformed.
    """
    template = _template(account, reference)
    version_text = str(reference.get("Version") or "$Default")
    if version_text == "$Latest":
        version = versions_left(template)[-1]
    elif version_text == "$Default":
        version = template.versions[template.default_version_number - 1]
    else:
        version = template.versions[_index(template, version_text)]
    return TemplateVersion(template_id=template.id, number=version.number, data=version.data)


def check_versions(account: Account, parameters: Mapping[str, Any]) -> None:
    """Refuse to describe versions that are malformed or do not exist."""
    versions = parameters.get("Versions") or []
    for name in ("MinVersion", "MaxVersion"):
        if not str(parameters.get(name, "1")).isdecimal():
            refuse("InvalidParameterValue", f"{name} must be the number of a launch template version.")
    if not ("LaunchTemplateId" in parameters or "LaunchTemplateName" in parameters):
        return
    template = _template(account, parameters)
    for version in versions:
        if version not in {"$Latest", "$Default"}:
            _index(template, version)


def describe_resolved(account: Account, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the versions, with the ids of their images if the request resolves aliases.

    moto answers requests without aliases, as long as no version is deleted.
    """
    if not ("LaunchTemplateId" in parameters or "LaunchTemplateName" in parameters):
        return None
    template = _template(account, parameters)
    if not parameters.get("ResolveAlias") and not has_deleted(template):
        return None
    described = []
    for version in _described(template, parameters.get("Versions") or []):
        by_alias = parameters.get("ResolveAlias") and version.data.get("ImageId")
        data = with_image(account, version.data) if by_alias else dict(version.data)
        if data.get("UserData") is not None:
            data["UserData"] = str(data["UserData"])
        described.append(
            {
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "VersionNumber": version.number,
                "DefaultVersion": version.number == template.default_version_number,
                "CreateTime": version.create_time,
                "LaunchTemplateData": data,
            }
        )
    return {"LaunchTemplateVersions": described}


def _described(template: Any, versions: list[str]) -> list[Any]:
    left = versions_left(template)
    aliases = {"$Latest": left[-1].number - 1, "$Default": template.default_version_number - 1}
    if not versions:
        return list(reversed(left))
    return [
        template.versions[aliases[version] if version in aliases else _index(template, version)] for version in versions
    ]


def check_templates(account: Account, parameters: dict[str, Any]) -> None:
    """Refuse to describe template ids that do not exist, and set AWS's page size."""
    for template_id in parameters.get("LaunchTemplateIds") or []:
        _template(account, {"LaunchTemplateId": template_id})
    parameters.setdefault("MaxResults", TEMPLATES_PER_PAGE)


def apply_source_version(account: Account, parameters: dict[str, Any]) -> None:
    """Complete the data of a new version from its `SourceVersion`, if the request names one."""
    template = _template(account, parameters)
    if (source := parameters.get("SourceVersion")) is None:
        return
    index = template.default_version_number - 1 if source == "$Default" else versions_left(template)[-1].number - 1
    if source not in {"$Latest", "$Default"}:
        index = _index(template, source)
    data = {**template.versions[index].data, **parameters.get("LaunchTemplateData", {})}
    if data.get("UserData") is not None:
        data["UserData"] = str(data["UserData"])  # moto keeps it in its own type, and parses only text
    parameters["LaunchTemplateData"] = data


def delete_template_versions(account: Account, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Delete versions of a launch template."""
    return delete_versions(_template(account, parameters), parameters)


def _template(account: Account, reference: Mapping[str, Any]) -> Any:
    template_id, name = reference.get("LaunchTemplateId"), reference.get("LaunchTemplateName")
    if template_id and name:
        message = "Exactly one of 'launchTemplateId' or 'launchTemplateName' must be specified"
        refuse("InvalidParameterCombination", message)
    backend = storage.ec2(account)
    if name:
        template_id = backend.launch_template_name_to_ids.get(name)
        if template_id is None:
            message = f"The specified launch template, with template name {name}, does not exist."
            refuse("InvalidLaunchTemplateName.NotFoundException", message)
    if not template_id:
        refuse("MissingParameter", "The request must contain a launch template ID or a launch template name")
    if not template_id.startswith("lt-"):
        message = f"The specified launch template ID, {template_id}, is not valid."
        refuse("InvalidLaunchTemplateId.Malformed", message)
    if template_id not in backend.launch_templates:
        message = f"The specified launch template, with template ID {template_id}, does not exist."
        refuse("InvalidLaunchTemplateId.NotFound", message)
    return backend.launch_templates[template_id]


def _index(template: Any, version: str) -> int:
    if not version.isdecimal():
        message = f"Invalid launch template version: {version}. Use $Latest, $Default, or a version number"
        refuse("InvalidParameterValue", message)
    if not is_left(template, int(version)):
        refuse("InvalidLaunchTemplateId.VersionNotFound", unknown_template_version(version, template.id))
    return int(version) - 1
