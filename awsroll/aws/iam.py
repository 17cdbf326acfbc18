"""Identity and Access Management: the role behind an instance profile. Calls only; no decisions."""

from awsroll.aws.caller import Caller
from awsroll.errors import AwsRefusedError

_SERVICE = "iam"
_UNKNOWN = "NoSuchEntity"


class Iam:
    """The one IAM call awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def roles_of_profile(self, name: str) -> tuple[str, ...] | None:
        """Return the ARNs of the roles in an instance profile (at most one); None if the profile does not exist."""
        try:
            answer = self._caller.call(_SERVICE, "GetInstanceProfile", {"InstanceProfileName": name})
        except AwsRefusedError as error:
            if error.code == _UNKNOWN:
                return None
            raise
        return tuple(str(role["Arn"]) for role in answer["InstanceProfile"].get("Roles", []))
