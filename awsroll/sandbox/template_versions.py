"""DeleteLaunchTemplateVersions, which moto lacks: the versions of a launch template that are left.

moto numbers versions by their place in a list, so a deleted version keeps its place and is only marked. AWS uses no
number twice either.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

_MARK = "sandbox_deleted"


def is_left(template: Any, number: int) -> bool:
    """Return whether a launch template has a version with this number that is not deleted."""
    return 1 <= number <= len(template.versions) and number not in _deleted(template)


def versions_left(template: Any) -> list[Any]:
    """Return the versions that are not deleted, oldest first. The default version is always among them."""
    return [version for version in template.versions if version.number not in _deleted(template)]


def has_deleted(template: Any) -> bool:
    """Return whether someone has deleted a version."""
    return bool(_deleted(template))


def delete_versions(template: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Delete versions; the answer names those that were not deleted, such as the default version."""
    succeeded, failed = list[dict[str, Any]](), list[dict[str, Any]]()
    for text in parameters["Versions"]:
        number = int(text) if str(text).isdecimal() else 0
        named = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "VersionNumber": number}
        if not is_left(template, number):
            error = {"Code": "launchTemplateVersionDoesNotExist", "Message": f"Version {text} does not exist."}
            failed.append(named | {"ResponseError": error})
        elif number == template.default_version_number:
            error = {
                "Code": "unexpectedError",
                "Message": "The default version of a launch template cannot be deleted.",
            }
            failed.append(named | {"ResponseError": error})
        else:
            setattr(template, _MARK, _deleted(template) | {number})
            template.latest_version = partial(_latest, template)  # else `LatestVersionNumber` shows a deleted version
            succeeded.append(named)
    return {
        "SuccessfullyDeletedLaunchTemplateVersions": succeeded,
        "UnsuccessfullyDeletedLaunchTemplateVersions": failed,
    }


def _latest(template: Any) -> Any:
    return versions_left(template)[-1]


def _deleted(template: Any) -> frozenset[int]:
    return getattr(template, _MARK, frozenset())
