"""Zonal shifts of load balancers: the API of Application Recovery Controller, as far as the sandbox simulates it.

A shift needs a load balancer with the attribute `zonal_shift.config.enabled` (ALB and NLB guides, zonal shift). It ends
when it is cancelled or expires. AWS does not document the error code for a load balancer without the attribute.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.elb.world import ElbWorld
from awsroll.sandbox.interfaces import InstanceContext

ENABLED = "zonal_shift.config.enabled"
LONGEST = timedelta(days=3)
_EXPIRES_IN = re.compile(r"([1-9][0-9]*)([mh])")


@dataclass(slots=True, kw_only=True)
class _Shift:
    shift_id: str
    load_balancer: str
    zone: str
    zone_id: str
    comment: str
    started_at: datetime
    expires_at: datetime
    status: str = "ACTIVE"


class ZonalShifts:
    """The zonal shifts of one region.

    Args:
        context: the time and the account.
        elb: the targets.
    """

    def __init__(self, context: InstanceContext, elb: ElbWorld) -> None:
        self._context = context
        self._elb = elb
        self._shifts: list[_Shift] = []
        self.operations: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "StartZonalShift": self._start,
            "CancelZonalShift": self._cancel,
            "ListZonalShifts": self._list,
            "GetManagedResource": self._describe,
            "ListManagedResources": self._list_resources,
        }

    def _start(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        arn, zone_id = str(parameters.get("resourceIdentifier")), str(parameters.get("awayFrom"))
        zones = {zone_id: zone for zone, zone_id in self._zones_of(self._managed(arn)).items()}
        if zone_id not in zones:
            refuse("ValidationException", f"{zone_id} is no Availability Zone of the resource.")
        if any(shift.load_balancer == arn and shift.status == "ACTIVE" for shift in self._shifts):
            refuse("ConflictException", "The resource has an active zonal shift.", 409)
        lasts = _duration(str(parameters.get("expiresIn")))
        now = self._context.now()
        shift = _Shift(
            shift_id=str(UUID(int=len(self._shifts) + 1, version=4)),
            load_balancer=arn,
            zone=zones[zone_id],
            zone_id=zone_id,
            comment=str(parameters.get("comment") or ""),
            started_at=now,
            expires_at=now + self._context.scaled(lasts.total_seconds()),
        )
        self._shifts.append(shift)
        self._elb.shift(shift.zone, arn)
        self._context.after(lasts.total_seconds(), lambda: self._end(shift, "EXPIRED"))
        return _shape(shift)

    def _end(self, shift: _Shift, status: str) -> None:
        if shift.status == "ACTIVE":
            shift.status = status
            self._elb.end_shift(shift.zone, shift.load_balancer)

    def _cancel(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        wanted = str(parameters.get("zonalShiftId"))
        shift = next((each for each in self._shifts if each.shift_id == wanted), None)
        if shift is None:
            refuse("ResourceNotFoundException", f"The zonal shift {wanted} was not found.", 404)
        if shift.status != "ACTIVE":
            refuse("ConflictException", f"The zonal shift is {shift.status}.", 409)
        self._end(shift, "CANCELED")
        return _shape(shift)

    def _list(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        status, arn = parameters.get("status"), parameters.get("resourceIdentifier")
        shown = [
            shift for shift in self._shifts if status in (None, shift.status) and arn in (None, shift.load_balancer)
        ]
        return {"items": [_shape(shift) for shift in shown]}

    def _describe(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        balancer = self._managed(str(parameters.get("resourceIdentifier")))
        active = self._active(balancer.arn)
        away = {shift.zone_id for shift in active}
        return {
            "arn": balancer.arn,
            "name": balancer.name,
            "appliedWeights": {each: float(each not in away) for each in self._zones_of(balancer).values()},
            "zonalShifts": [
                _shape(shift) | {"appliedStatus": "APPLIED", "shiftType": "ZONAL_SHIFT"} for shift in active
            ],
            "autoshifts": [],
            "zonalAutoshiftStatus": "DISABLED",
        }

    def _list_resources(self, _parameters: Mapping[str, Any]) -> dict[str, Any]:
        arns = [arn for arn, balancer in storage.elbv2(self._context).load_balancers.items() if _is_enabled(balancer)]
        described = [self._describe({"resourceIdentifier": arn}) for arn in arns]
        return {
            "items": [each | {"availabilityZones": list(each["appliedWeights"])} for each in described],
        }

    def _active(self, arn: str) -> list[_Shift]:
        return [shift for shift in self._shifts if shift.load_balancer == arn and shift.status == "ACTIVE"]

    def _managed(self, arn: str) -> Any:
        """Return moto's load balancer, if shifts of it are enabled."""
        balancer = storage.elbv2(self._context).load_balancers.get(arn)
        if balancer is None or not _is_enabled(balancer):
            refuse("ResourceNotFoundException", f"{arn} is no resource that is enabled for zonal shifts.", 404)
        return balancer

    def _zones_of(self, balancer: Any) -> dict[str, str]:
        """Return the ids of the zones of a load balancer, by their names."""
        ec2 = storage.ec2(self._context)
        subnets = [ec2.get_subnet(getattr(subnet, "id", subnet)) for subnet in balancer.subnets]
        names = {subnet.availability_zone for subnet in subnets}
        return {each.name: str(each.zone_id) for each in ec2.describe_availability_zones() if each.name in names}


def _is_enabled(balancer: Any) -> bool:
    return str(balancer.attrs.get(ENABLED, "false")) == "true"


def _duration(text: str) -> timedelta:
    match = _EXPIRES_IN.fullmatch(text)
    lasts = timedelta(**{"hours" if match[2] == "h" else "minutes": int(match[1])}) if match else LONGEST * 2
    if lasts > LONGEST:
        refuse("ValidationException", "expiresIn must be a number of minutes or hours, such as 10m, and at most 72h.")
    return lasts


def _shape(shift: _Shift) -> dict[str, Any]:
    return {
        "zonalShiftId": shift.shift_id,
        "resourceIdentifier": shift.load_balancer,
        "awayFrom": shift.zone_id,
        "expiryTime": shift.expires_at.timestamp(),
        "startTime": shift.started_at.timestamp(),
        "status": shift.status,
        "comment": shift.comment,
    }
