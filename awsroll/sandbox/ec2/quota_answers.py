"""Service Quotas: `GetServiceQuota` for the vCPUs of each bucket of instance types.

Every bucket has the quota of the switch `vcpu_quota`. Without it, the answer is a quota that nothing reaches. moto
answers the other quotas.
"""

from collections.abc import Callable, Mapping
from typing import Any

from awsroll.sandbox.interfaces import ServiceContext

_ON_DEMAND = {
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-417A185B": "Running On-Demand P instances",
    "L-43DA4232": "Running On-Demand High Memory instances",
    "L-6E869C2A": "Running On-Demand DL instances",
    "L-7295265B": "Running On-Demand X instances",
    "L-74FC7D96": "Running On-Demand F instances",
    "L-1945791B": "Running On-Demand Inf instances",
    "L-2C3B7624": "Running On-Demand Trn instances",
    "L-DB2E81BA": "Running On-Demand G and VT instances",
    "L-F7808C92": "Running On-Demand HPC instances",
}
_WITHOUT_LIMIT = 1_000_000


class ServiceQuotas:
    """The quotas of one region.

    Args:
        context: the switches.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self.operations: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {
            "GetServiceQuota": self._quota
        }

    def _quota(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        code = str(parameters["QuotaCode"])
        if parameters["ServiceCode"] != "ec2" or code not in _ON_DEMAND:
            return None
        quota = {
            "ServiceCode": "ec2",
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "QuotaCode": code,
            "QuotaName": _ON_DEMAND[code],
            "Value": float(self._context.options.vcpu_quota or _WITHOUT_LIMIT),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
        return {"Quota": quota}
