"""Security Token Service: who is calling. It needs no permission."""

from awsroll.aws.caller import Caller


class Sts:
    """The one STS call awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def account(self) -> str:
        """Return the account that the credentials belong to."""
        return str(self._caller.call("sts", "GetCallerIdentity").get("Account", ""))

    def caller(self) -> str:
        """Return the ARN of whoever calls: a user's, or that of a session of a role."""
        return str(self._caller.call("sts", "GetCallerIdentity").get("Arn", ""))
