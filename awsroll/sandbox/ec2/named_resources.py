"""The resources that a launch names and that must exist: the key pair and the instance profile.

Sources: EC2 API reference, "Error codes" (InvalidKeyPair.NotFound, InvalidParameterValue); Auto Scaling guide,
"Troubleshoot Amazon EC2 Auto Scaling" (the key pair does not exist, invalid instance profile).
"""

from collections.abc import Mapping
from typing import Any

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.interfaces import Account


def refuse_missing_names(account: Account, settings: Mapping[str, Any]) -> None:
    """Refuse a key pair or an instance profile that does not exist.

    Raises:
        ApiError: `InvalidKeyPair.NotFound`, or `InvalidParameterValue` for the instance profile.
    """
    key = settings.get("KeyName")
    if key and key not in storage.ec2(account).key_pairs:
        refuse("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
    profile = settings.get("IamInstanceProfile") or {}
    if not profile:
        return
    known = storage.instance_profiles(account)
    if (name := profile.get("Name")) and name not in {one.name for one in known}:
        message = f"Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
        refuse("InvalidParameterValue", message)
    if (arn := profile.get("Arn")) and arn not in {one.arn for one in known}:
        message = f"Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN"
        refuse("InvalidParameterValue", message)
