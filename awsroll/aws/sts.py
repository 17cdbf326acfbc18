"""Security Token Service: the identity of the caller. The call needs no permission."""

from awsroll.aws.caller import Caller


class Sts:
    """The STS call awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def account(self) -> str:
        """Return the account that the credentials belong to."""
        return str(self._caller.call("sts", "GetCallerIdentity").get("Account", ""))

    def caller(self) -> str:
        """Return the ARN of the caller: a user, or a session of a role."""
        return str(self._caller.call("sts", "GetCallerIdentity").get("Arn", ""))
