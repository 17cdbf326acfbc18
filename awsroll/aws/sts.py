"""Security Token Service: who is calling."""

from awsroll.aws.caller import Caller


class Sts:
    """The one STS call awsroll makes; it needs no permission."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def account(self) -> str:
        """Return the account that the credentials belong to."""
        return str(self._caller.call("sts", "GetCallerIdentity").get("Account", ""))
