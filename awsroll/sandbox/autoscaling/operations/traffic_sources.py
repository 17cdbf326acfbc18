"""Operations that attach and detach target groups and other traffic sources, by the old names and by type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.autoscaling.operations.refresh import refuse_during_refresh
from awsroll.sandbox.autoscaling.other_sources import CLASSIC, TARGET_GROUP, attach, detach, type_of
from awsroll.sandbox.handler_parts import page, refuse, with_token
from awsroll.sandbox.service_limits import TARGET_GROUP_PAGES, TARGET_GROUPS_PER_CALL, TRAFFIC_SOURCE_PAGES

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters

_IN_SERVICE = "InService"


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
            "AttachLoadBalancers": lambda parameters: self._attach_others(parameters, {CLASSIC: _names(parameters)}),
            "DetachLoadBalancers": lambda parameters: self._detach_others(parameters, _names(parameters)),
            "DescribeLoadBalancers": self.describe_load_balancers,
            "AttachTrafficSources": self._attach_sources,
            "DetachTrafficSources": self._detach_sources,
            "DescribeTrafficSources": self.describe_sources,
        }

    def describe_target_groups(self, parameters: Parameters) -> Answer:
        """Return the attached target groups and the states of their attachments."""
        rows = [{"LoadBalancerTargetGroupARN": arn, "State": state} for arn, state in self._states(parameters)]
        shown, token = page(rows, parameters, TARGET_GROUP_PAGES)
        return with_token({"LoadBalancerTargetGroups": shown}, token)

    def describe_load_balancers(self, parameters: Parameters) -> Answer:
        """Return the attached Classic Load Balancers."""
        others = self._group(parameters).other_sources.items()
        rows = [{"LoadBalancerName": name, "State": _IN_SERVICE} for name, kind in others if kind == CLASSIC]
        shown, token = page(rows, parameters, TARGET_GROUP_PAGES)
        return with_token({"LoadBalancers": shown}, token)

    def describe_sources(self, parameters: Parameters) -> Answer:
        """Return the attached traffic sources, of one type or of all types."""
        wanted = parameters.get("TrafficSourceType")
        others = self._group(parameters).other_sources.items()
        found = [(arn, state, TARGET_GROUP) for arn, state in self._states(parameters)]
        found += [(name, _IN_SERVICE, kind) for name, kind in others]
        rows = [
            {"TrafficSource": name, "State": state, "Identifier": name, "Type": kind}
            for name, state, kind in found
            if wanted in (None, kind)
        ]
        shown, token = page(rows, parameters, TRAFFIC_SOURCE_PAGES)
        return with_token({"TrafficSources": shown}, token)

    def _attach_sources(self, parameters: Parameters) -> Answer:
        by_type = _sources(parameters)
        arns = by_type.pop(TARGET_GROUP, [])
        self._attach_others(parameters, by_type)
        return self._attach(parameters, arns) if arns else {}

    def _detach_sources(self, parameters: Parameters) -> Answer:
        by_type = _sources(parameters)
        arns = by_type.pop(TARGET_GROUP, [])
        self._detach_others(parameters, [name for names in by_type.values() for name in names])
        return self._detach(parameters, arns) if arns else {}

    def _attach_others(self, parameters: Parameters, by_type: dict[str, list[str]]) -> Answer:
        group = self._group(parameters)
        refuse_during_refresh(group)
        for kind, names in by_type.items():
            attach(self._registry.context, group, kind, names)
        return {}

    def _detach_others(self, parameters: Parameters, names: list[str]) -> Answer:
        detach(self._registry.context, self._group(parameters), names)
        return {}

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


def _names(parameters: Parameters) -> list[str]:
    return _checked([str(name) for name in parameters.get("LoadBalancerNames") or []])


def _sources(parameters: Parameters) -> dict[str, list[str]]:
    """Return the named traffic sources by type."""
    sources = parameters.get("TrafficSources") or []
    _checked([str(source["Identifier"]) for source in sources])
    by_type: dict[str, list[str]] = {}
    for source in sources:
        by_type.setdefault(type_of(source), []).append(str(source["Identifier"]))
    return by_type


def _checked(arns: list[str]) -> list[str]:
    if not 1 <= len(arns) <= TARGET_GROUPS_PER_CALL:
        refuse(f"Between 1 and {TARGET_GROUPS_PER_CALL} target groups can be given; {len(arns)} were.")
    return arns
