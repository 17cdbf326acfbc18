"""Targets of VPC Lattice: who is registered in a target group. moto keeps the target groups.

Targets have no health checks and no draining here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.interfaces import Account


class LatticeTargets:
    """The targets of the VPC Lattice target groups of one region.

    Args:
        account: the account whose target groups moto keeps.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._targets: dict[str, dict[tuple[str, int], None]] = {}
        self.operations: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {
            "RegisterTargets": self._register,
            "DeregisterTargets": self._deregister,
            "ListTargets": self._list,
        }

    def _register(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        held = self._held(parameters)
        keys = [_key(target) for target in parameters["targets"]]
        held |= dict.fromkeys(keys)
        return {"successful": [{"id": name, "port": port} for name, port in keys], "unsuccessful": []}

    def _deregister(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        held = self._held(parameters)
        keys = [key for target in parameters["targets"] if (key := _key(target)) in held]
        for key in keys:
            del held[key]
        return {"successful": [{"id": name, "port": port} for name, port in keys], "unsuccessful": []}

    def _list(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        targets = [{"id": name, "port": port, "status": "HEALTHY"} for name, port in self._held(parameters)]
        return {"items": targets}

    def _held(self, parameters: Mapping[str, Any]) -> dict[tuple[str, int], None]:
        from moto.vpclattice.models import vpclattice_backends  # noqa: PLC0415  moto is an optional, slow import

        name = str(parameters["targetGroupIdentifier"]).rpartition("/")[2]
        if name not in vpclattice_backends[self._account.account_id][self._account.region].target_groups:
            refuse("ResourceNotFoundException", f"Target group {name} not found.")
        return self._targets.setdefault(name, {})


def _key(target: Mapping[str, Any]) -> tuple[str, int]:
    return str(target["id"]), int(target.get("port") or 80)
