"""Operations that attach and detach target groups, by their own names and as traffic sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.autoscaling.operations.refresh import refuse_during_refresh
from awsroll.sandbox.handler_parts import page, refuse, with_token
from awsroll.sandbox.service_limits import TARGET_GROUP_PAGES, TARGET_GROUPS_PER_CALL, TRAFFIC_SOURCE_PAGES

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters


class TrafficOperations:
    """Handlers of the operations on attached target groups.

    Args:
        registry: the groups.
        controller: registers and deregisters members.
    """

    def __init__(self, registry: Registry, controller: Controller) -> None:
        self._registry = registry
        self._targets = controller.targets
        self._health = controller.health

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {
            "AttachLoadBalancerTargetGroups": lambda parameters: self._attach(parameters, _arns(parameters)),
            "DetachLoadBalancerTargetGroups": lambda parameters: self._detach(parameters, _arns(parameters)),
            "DescribeLoadBalancerTargetGroups": self.describe_target_groups,
            "AttachTrafficSources": lambda parameters: self._attach(parameters, _sources(parameters)),
            "DetachTrafficSources": lambda parameters: self._detach(parameters, _sources(parameters)),
            "DescribeTrafficSources": self.describe_sources,
        }

    def describe_target_groups(self, parameters: Parameters) -> Answer:
        """Return the attached target groups and the states of their attachments."""
        rows = [{"LoadBalancerTargetGroupARN": arn, "State": state} for arn, state in self._states(parameters)]
        shown, token = page(rows, parameters, TARGET_GROUP_PAGES)
        return with_token({"LoadBalancerTargetGroups": shown}, token)

    def describe_sources(self, parameters: Parameters) -> Answer:
        """Return the attached traffic sources, which are all target groups."""
        is_listed = parameters.get("TrafficSourceType") in (None, "elbv2")
        rows = [
            {"TrafficSource": arn, "State": state, "Identifier": arn, "Type": "elbv2"}
            for arn, state in self._states(parameters)
            if is_listed
        ]
        shown, token = page(rows, parameters, TRAFFIC_SOURCE_PAGES)
        return with_token({"TrafficSources": shown}, token)

    def _states(self, parameters: Parameters) -> list[tuple[str, str]]:
        group = self._group(parameters)
        return [(arn, attachment.state) for arn, attachment in group.attachments.items()]

    def _attach(self, parameters: Parameters, arns: list[str]) -> Answer:
        group = self._group(parameters)
        refuse_during_refresh(group)
        self._targets.attach(group, arns)
        self._health.suspect_all(group)
        self._registry.wake(group)
        return {}

    def _detach(self, parameters: Parameters, arns: list[str]) -> Answer:
        group = self._group(parameters)
        unknown = [arn for arn in arns if arn not in group.attachments]
        if unknown:
            refuse(f"Trying to remove Target Groups that are not part of the group: {', '.join(unknown)}")
        self._targets.detach(group, arns)
        self._registry.wake(group)
        return {}

    def _group(self, parameters: Parameters) -> Group:
        return self._registry.group(str(parameters["AutoScalingGroupName"]))


def _arns(parameters: Parameters) -> list[str]:
    return _checked([str(arn) for arn in parameters.get("TargetGroupARNs") or []])


def _sources(parameters: Parameters) -> list[str]:
    return _checked([str(source["Identifier"]) for source in parameters.get("TrafficSources") or []])


def _checked(arns: list[str]) -> list[str]:
    if not 1 <= len(arns) <= TARGET_GROUPS_PER_CALL:
        refuse(f"Between 1 and {TARGET_GROUPS_PER_CALL} target groups can be given; {len(arns)} were.")
    return arns
