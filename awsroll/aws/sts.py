"""Security Token Service: the identity of the caller. The call needs no permission."""

from collections.abc import Callable

from awsroll.aws.caller import Caller


class Sts:
    """The STS call awsroll makes.

    Args:
        caller: makes the call.
        on_account: called with the account once it is known.

    Attributes:
        known_caller: the ARN of the caller, as `account` has read it; empty before.
    """

    def __init__(self, caller: Caller, *, on_account: Callable[[str], None]) -> None:
        self._caller = caller
        self._on_account = on_account
        self.known_caller = ""

    def account(self) -> str:
        """Return the account that the credentials belong to."""
        answer = self._caller.call("sts", "GetCallerIdentity")
        account, self.known_caller = str(answer.get("Account", "")), str(answer.get("Arn", ""))
        self._on_account(account)
        return account

    def caller(self) -> str:
        """Return the ARN of the caller: a user, or a session of a role."""
        return str(self._caller.call("sts", "GetCallerIdentity").get("Arn", ""))
