"""Launch templates: which version a request means, and the checks that moto leaves out.

moto keeps the templates and answers the calls about them; this file resolves `$Latest`, `$Default` and an omitted
version to a number, and gives AWS's errors for what does not exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.interfaces import Account

MOST_TEMPLATES_PER_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVersion:
    """One immutable version of a launch template."""

    template_id: str
    number: int
    data: Mapping[str, Any]
    """As given to CreateLaunchTemplate or CreateLaunchTemplateVersion."""

    @property
    def instance_tags(self) -> dict[str, str]:
        """The tags it puts on instances."""
        return tags_for("instance", self.data.get("TagSpecifications") or ())


def tags_for(resource_type: str, specifications: Any) -> dict[str, str]:
    """Return the tags that `TagSpecifications` hold for one type of resource."""
    return {
        tag["Key"]: tag.get("Value", "")
        for specification in specifications
        if specification.get("ResourceType") == resource_type
        for tag in specification.get("Tags") or ()
    }


def resolve(account: Account, reference: Mapping[str, Any]) -> TemplateVersion:
    """Return the version that a `LaunchTemplateSpecification` means; an omitted version is the default one.

    Raises:
        ApiError: the template or the version does not exist, or the reference is not well formed.
    """
    template = _template(account, reference)
    wanted = str(reference.get("Version") or "$Default")
    if wanted == "$Latest":
        version = template.versions[-1]
    elif wanted == "$Default":
        version = template.versions[template.default_version_number - 1]
    else:
        version = template.versions[_index(template, wanted)]
    return TemplateVersion(template_id=template.id, number=version.number, data=version.data)


def check_versions(account: Account, parameters: Mapping[str, Any]) -> None:
    """Refuse to describe versions that are no numbers or do not exist."""
    wanted = parameters.get("Versions") or []
    if not ("LaunchTemplateId" in parameters or "LaunchTemplateName" in parameters):
        return
    template = _template(account, parameters)
    for version in wanted:
        if version not in {"$Latest", "$Default"}:
            _index(template, version)


def check_templates(account: Account, parameters: dict[str, Any]) -> None:
    """Refuse to describe templates by an id that does not exist, and page as AWS does."""
    for template_id in parameters.get("LaunchTemplateIds") or []:
        _template(account, {"LaunchTemplateId": template_id})
    parameters.setdefault("MaxResults", MOST_TEMPLATES_PER_PAGE)


def apply_source_version(account: Account, parameters: dict[str, Any]) -> None:
    """Complete the data of a new version from its `SourceVersion`; without one it holds only what was passed."""
    template = _template(account, parameters)
    if (source := parameters.get("SourceVersion")) is None:
        return
    index = template.default_version_number - 1 if source == "$Default" else -1
    if source not in {"$Latest", "$Default"}:
        index = _index(template, source)
    parameters["LaunchTemplateData"] = {**template.versions[index].data, **parameters.get("LaunchTemplateData", {})}


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
    if not 1 <= int(version) <= len(template.versions):
        message = f"Could not find the specified version {version} for the launch template with ID {template.id}."
        refuse("InvalidLaunchTemplateId.VersionNotFound", message)
    return int(version) - 1
