"""LaunchInstances: the synchronous launch, idempotent by its client token.

It launches into the zone or subnet that the caller names, returns ids or errors at once, and raises the desired
capacity by the number of launched instances. The new members are ordinary members.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling.activities import at
from awsroll.sandbox.autoscaling.group_state import Member
from awsroll.sandbox.autoscaling.launch_sources import mixes_purchase_options
from awsroll.sandbox.autoscaling.launches import LaunchRequest, refuse_if_suspended
from awsroll.sandbox.handler_parts import refuse
from awsroll.sandbox.service_limits import LAUNCH_TOKEN, LAUNCHED_MEMBERS

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters

RETRY = "retry-with-group-configuration"


@dataclass(slots=True)
class Outcome:
    """The members that one call launched, and the error that ended the launch."""

    members: list[Member] = field(default_factory=list)
    error: ApiError | None = None
    is_unfinished: bool = False
    """AWS stops waiting for the launch and answers without its outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A call with a client token, and its answer."""

    request: dict[str, Any]
    answer: dict[str, Any]
    at: datetime


class LaunchOperation:
    """Handler of LaunchInstances, with the client tokens of earlier calls.

    Args:
        registry: the groups.
        controller: launches.
    """

    def __init__(self, registry: Registry, controller: Controller) -> None:
        self._registry = registry
        self._controller = controller
        self._seen: dict[tuple[str, str], _Seen] = {}

    def operations(self) -> dict[str, Handler]:
        """Return the handler by operation name, or nothing if the endpoint does not know the operation."""
        return {"LaunchInstances": self.launch} if self._registry.options.launch_instances_available else {}

    def launch(self, parameters: Parameters) -> Answer:
        """Launch instances, or repeat the answer of an earlier call with the same token."""
        group = self._registry.group(str(parameters["AutoScalingGroupName"]))
        token = str(parameters["ClientToken"])
        request = {key: value for key, value in parameters.items() if value is not None}
        if not re.fullmatch(LAUNCH_TOKEN, token):
            refuse(f"Value '{token}' at 'clientToken' failed to satisfy constraint: {LAUNCH_TOKEN}")
        if (previous := self._seen.get((group.arn, token))) is not None and not self._is_forgotten(previous):
            if previous.request != request:
                message = f"The client token {token} was used before with other parameters."
                refuse(message, code="IdempotentParameterMismatch")
            return previous.answer
        count = int(parameters["RequestedCapacity"])
        subnet_id = self._place(group, parameters)
        self._check(group, count)
        outcome = self._launch(group, subnet_id, count)
        answer = self._answer(group, token, subnet_id, outcome)
        self._raise_desired(group, count, outcome, retries=parameters.get("RetryStrategy") == RETRY)
        self._seen[group.arn, token] = _Seen(request=request, answer=answer, at=self._registry.context.now())
        self._registry.wake(group)
        if outcome.is_unfinished:
            return answer | {"Instances": [], "Errors": []}
        return answer

    def _is_forgotten(self, seen: _Seen) -> bool:
        context = self._registry.context
        return context.now() - seen.at >= context.scaled(self._registry.options.launch_token_seconds)

    def _check(self, group: Group, count: int) -> None:
        if not 1 <= count <= LAUNCHED_MEMBERS:
            refuse(f"RequestedCapacity must be between 1 and {LAUNCHED_MEMBERS}, not {count}.")
        if mixes_purchase_options(group):
            refuse("LaunchInstances is not supported for groups that mix On-Demand and Spot instances.")
        refuse_if_suspended(group)
        if group.desired + count > group.max_size:
            refuse(
                f"Launching {count} instance(s) would take the desired capacity of AutoScalingGroup {group.name} from "
                f"{group.desired} above its max size {group.max_size}."
            )

    def _place(self, group: Group, parameters: Parameters) -> str:
        """Return the subnet to launch into: the named subnet, or the emptiest subnet of the named zone."""
        subnets = [str(subnet_id) for subnet_id in parameters.get("SubnetIds") or []]
        zones = [str(zone) for zone in parameters.get("AvailabilityZones") or []]
        zone_ids = parameters.get("AvailabilityZoneIds") or []
        if zones and zone_ids:
            refuse("AvailabilityZones and AvailabilityZoneIds cannot both be given.")
        zones += [zone for zone in group.zones if self._registry.catalog.zone_id(zone) in zone_ids]
        if len(subnets) > 1 or len(zones) > 1 or (zone_ids and not zones):
            refuse("Exactly one Availability Zone or subnet of the group can be given.")
        if not subnets and not zones and len(group.zones) > 1:
            refuse("An Availability Zone or a subnet is required for a group with several Availability Zones.")
        candidates = [
            subnet
            for subnet, zone in group.subnets.items()
            if (not subnets or subnet in subnets) and (not zones or zone in zones)
        ]
        if not candidates:
            refuse("The Availability Zone or subnet is not part of the Auto Scaling group.")
        return min(candidates, key=lambda subnet: sum(member.subnet_id == subnet for member in group.members.values()))

    def _launch(self, group: Group, subnet_id: str, count: int) -> Outcome:
        faults = self._registry.context.faults.of_launch()
        outcome = Outcome(is_unfinished=faults.is_unfinished(group.subnets[subnet_id]))
        now = at(self._registry.context.now())
        cause = f"At {now} an instance was started in response to a LaunchInstances request."
        for _ in range(count):
            try:
                outcome.members.append(
                    self._controller.launches.launch(group, LaunchRequest(subnet_id=subnet_id, cause=cause))
                )
            except ApiError as error:
                outcome.error = error
                break
        return outcome

    def _raise_desired(self, group: Group, count: int, outcome: Outcome, *, retries: bool) -> None:
        if self._registry.options.launch_instances_raises_desired:
            group.desired += count if retries else len(outcome.members)

    def _answer(self, group: Group, token: str, subnet_id: str, outcome: Outcome) -> Answer:
        zone = group.subnets[subnet_id]
        place = {"MarketType": "OnDemand", "SubnetId": subnet_id, "AvailabilityZone": zone}
        if zone_id := self._registry.catalog.zone_id(zone):
            place["AvailabilityZoneId"] = zone_id
        answer: Answer = {"AutoScalingGroupName": group.name, "ClientToken": token, "Instances": [], "Errors": []}
        if outcome.members:
            ids = [member.instance_id for member in outcome.members]
            answer["Instances"] = [place | {"InstanceType": outcome.members[0].instance_type, "InstanceIds": ids}]
        if outcome.error is not None:
            answer["Errors"] = [place | {"ErrorCode": outcome.error.code, "ErrorMessage": outcome.error.message}]
        return answer
