"""Service Quotas: one quota of the account. Calls only; no decisions."""

from awsroll.aws.caller import Caller
from awsroll.errors import AwsRefusedError

_UNKNOWN = "NoSuchResourceException"


class ServiceQuotas:
    """The call to Service Quotas that awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def quota(self, service: str, code: str) -> float | None:
        """Return the value of a quota that applies to the account in the region; None if there is no such quota."""
        request = {"ServiceCode": service, "QuotaCode": code}
        try:
            answer = self._caller.call("service-quotas", "GetServiceQuota", request)
        except AwsRefusedError as error:
            if error.code == _UNKNOWN:
                return None
            raise
        value = answer.get("Quota", {}).get("Value")
        return None if value is None else float(value)
