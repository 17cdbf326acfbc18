"""Images that a launch template or a request names by an SSM parameter: `resolve:ssm:NAME[:VERSION|:LABEL]`.

EC2 reads the parameter at each launch, and in DescribeLaunchTemplateVersions with `ResolveAlias` (EC2 user guide, use a
Systems Manager parameter instead of an AMI ID).
"""

from collections.abc import Mapping
from typing import Any

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.interfaces import Account

BY_PARAMETER = "resolve:ssm:"


def resolve_image(account: Account, image_id: str) -> str:
    """Return the image id, read from its parameter if the image is named by one.

    Raises:
        ApiError: the parameter does not exist, or holds no image id.
    """
    if not image_id.startswith(BY_PARAMETER):
        return image_id
    name = image_id.removeprefix(BY_PARAMETER)
    parameter = storage.parameter(account, name)
    if parameter is None:
        refuse("InvalidParameterValue", f"The SSM parameter {name} for ImageId could not be found")
    if not parameter.startswith("ami-"):
        refuse("InvalidAMIID.Malformed", f'Invalid id: "{parameter}" (expecting "ami-...")')
    return parameter


def with_image(account: Account, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a launch with the id of their image."""
    if not settings.get("ImageId"):
        refuse("MissingParameter", "The request must contain the parameter ImageId")
    return {**settings, "ImageId": resolve_image(account, str(settings["ImageId"]))}
