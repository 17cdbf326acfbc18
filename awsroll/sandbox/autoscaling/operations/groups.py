"""Group operations: create, update, delete, describe, and the desired capacity.

They check and store a request; the controller acts on it in its next run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.autoscaling import views
from awsroll.sandbox.autoscaling.activities import at
from awsroll.sandbox.autoscaling.group_state import Group, GroupTag
from awsroll.sandbox.autoscaling.launch_sources import SOURCE_REQUIRED, apply_template
from awsroll.sandbox.autoscaling.lifecycle_hooks import put_hook
from awsroll.sandbox.autoscaling.other_sources import CLASSIC, TARGET_GROUP, attach, type_of
from awsroll.sandbox.autoscaling.placement import POLICIES
from awsroll.sandbox.handler_parts import page, refuse, with_token
from awsroll.sandbox.service_limits import GROUP_PAGES, SHORTEST_LIFETIME_SECONDS

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters

SETTINGS = (*views.BEHAVIOUR, *views.STORED, "ServiceLinkedRoleARN")
HEALTH_CHECK_TYPES = frozenset({"EC2", "EBS", "ELB", "VPC_LATTICE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Minimum, maximum and desired capacity, checked against each other."""

    min_size: int
    max_size: int
    desired: int

    def __post_init__(self) -> None:
        if self.min_size < 0 or self.min_size > self.max_size:
            refuse(f"Max bound, {self.max_size}, must be greater than or equal to min bound, {self.min_size}")
        if not self.min_size <= self.desired <= self.max_size:
            refuse(
                f"Desired capacity:{self.desired} must be between the specified min size:{self.min_size} "
                f"and max size:{self.max_size}"
            )


def updated_sizes(group: Group, parameters: Parameters) -> Sizes:
    """Return the sizes after a partial update.

    If the request has no desired capacity, the current value moves into the new bounds: 5 becomes 3 with MaxSize 3.
    """
    min_size = int(parameters.get("MinSize", group.min_size))
    max_size = int(parameters.get("MaxSize", group.max_size))
    desired = parameters.get("DesiredCapacity")
    if desired is None and min_size <= max_size:
        desired = min(max(group.desired, min_size), max_size)
    return Sizes(min_size=min_size, max_size=max_size, desired=int(group.desired if desired is None else desired))


class GroupOperations:
    """Handlers of the operations on groups.

    Args:
        registry: the groups.
        controller: acts on the stored requests.
    """

    def __init__(self, registry: Registry, controller: Controller) -> None:
        self._registry = registry
        self._controller = controller

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {
            "CreateAutoScalingGroup": self.create,
            "UpdateAutoScalingGroup": self.update,
            "DeleteAutoScalingGroup": self.delete,
            "DescribeAutoScalingGroups": self.describe,
            "SetDesiredCapacity": self.set_desired,
        }

    def create(self, parameters: Parameters) -> Answer:
        """Create a group. The next run of the controller launches its instances."""
        name = str(parameters["AutoScalingGroupName"])
        if name in self._registry.groups:
            message = f"AutoScalingGroup by this name already exists - A group with the name {name} already exists"
            refuse(message, code="AlreadyExists")
        min_size, max_size = int(parameters["MinSize"]), int(parameters["MaxSize"])
        desired = int(parameters.get("DesiredCapacity", min_size))
        sizes = Sizes(min_size=min_size, max_size=max_size, desired=desired)
        group = Group(
            name=name,
            arn=self._arn(name),
            created_at=self._registry.context.now(),
            min_size=sizes.min_size,
            max_size=sizes.max_size,
            desired=sizes.desired,
            subnets=self._subnets(parameters),
            settings=_settings(parameters),
        )
        apply_template(group, parameters, self._registry.catalog)
        if not (group.template or group.mixed_policy or group.launch_configuration):
            refuse(SOURCE_REQUIRED)
        for tag in parameters.get("Tags") or []:
            group.tags[tag["Key"]] = GroupTag(
                value=tag.get("Value") or "", propagate=bool(tag.get("PropagateAtLaunch"))
            )
        by_type: dict[str, list[str]] = {CLASSIC: list(parameters.get("LoadBalancerNames") or [])}
        for source in parameters.get("TrafficSources") or []:
            by_type.setdefault(type_of(source), []).append(str(source["Identifier"]))
        arns = [*(parameters.get("TargetGroupARNs") or []), *by_type.pop(TARGET_GROUP, [])]
        self._controller.targets.attach(group, arns)
        for kind, names in by_type.items():
            attach(self._registry.context, group, kind, names)
        for hook in parameters.get("LifecycleHookSpecificationList") or []:
            put_hook(group, hook)
        group.desired_changed_because = self._because(group, 0)
        self._registry.groups[name] = group
        self._registry.wake(group)
        return {}

    def update(self, parameters: Parameters) -> Answer:
        """Change the settings that the request names, after all checks have passed."""
        group = self._registry.group(str(parameters["AutoScalingGroupName"]))
        sizes = updated_sizes(group, parameters)
        settings = _settings(parameters)
        moves = parameters.get("VPCZoneIdentifier") or parameters.get("AvailabilityZones")
        subnets = self._subnets(parameters) if moves else group.subnets
        self._check_refresh(group, parameters)
        apply_template(group, parameters, self._registry.catalog)
        before, group.subnets = group.desired, subnets
        group.min_size, group.max_size, group.desired = sizes.min_size, sizes.max_size, sizes.desired
        group.settings |= settings
        self._controller.health.suspect_all(group)
        if group.desired != before:
            group.desired_changed_because = self._because(group, before)
        self._registry.wake(group)
        return {}

    def delete(self, parameters: Parameters) -> Answer:
        """Delete an empty group, or any group with ForceDelete."""
        group = self._registry.group(str(parameters["AutoScalingGroupName"]))
        force = bool(parameters.get("ForceDelete"))
        protection = group.setting("DeletionProtection", default="none")
        if protection == "prevent-all-deletion" or (force and protection == "prevent-force-deletion"):
            refuse(f"Deletion protection of {group.name} is {protection}.", code="ResourceInUse")
        if (group.members or group.pool) and not force:
            message = (
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) "
                "still in the group."
            )
            refuse(message, code="ResourceInUse")
        if group.warm_pool is not None:
            self._controller.warm_pools.delete(group)
        if not group.members and not group.pool:
            del self._registry.groups[group.name]
            return {}
        group.deleting = True
        group.min_size = group.desired = 0
        for member in tuple(group.members.values()):
            self._controller.departures.force(group, member)
        self._registry.wake(group)
        return {}

    def describe(self, parameters: Parameters) -> Answer:
        """Return all groups or the named groups, in pages of 50; unknown names are absent."""
        names = parameters.get("AutoScalingGroupNames") or list(self._registry.groups)
        filters = parameters.get("Filters") or []
        existing = [self._registry.groups[name] for name in dict.fromkeys(names) if name in self._registry.groups]
        matching = [group for group in existing if all(_tagged(group, tag_filter) for tag_filter in filters)]
        groups, token = page(matching, parameters, GROUP_PAGES)
        with_instances = parameters.get("IncludeInstances", True) is not False
        catalog = self._registry.catalog
        shown = [views.describe_group(group, catalog, with_instances=with_instances) for group in groups]
        return with_token({"AutoScalingGroups": shown}, token)

    def set_desired(self, parameters: Parameters) -> Answer:
        """Set the desired capacity within the bounds. Cooldowns are not simulated."""
        group = self._registry.group(str(parameters["AutoScalingGroupName"]))
        desired = int(parameters["DesiredCapacity"])
        if desired > group.max_size:
            refuse(
                f"New SetDesiredCapacity value {desired} is above max value {group.max_size} for the AutoScalingGroup."
            )
        if desired < group.min_size:
            refuse(
                f"New SetDesiredCapacity value {desired} is below min value {group.min_size} for the AutoScalingGroup."
            )
        before, group.desired = group.desired, desired
        now = at(self._registry.context.now())
        group.desired_changed_because = (
            f"At {now} a user request explicitly set group desired capacity changing the desired capacity "
            f"from {before} to {desired}."
        )
        self._registry.wake(group)
        return {}

    def _arn(self, name: str) -> str:
        context = self._registry.context
        prefix = f"arn:aws:autoscaling:{context.region}:{context.account_id}:autoScalingGroup"
        return f"{prefix}:{self._registry.new_id()}:autoScalingGroupName/{name}"

    def _because(self, group: Group, before: int) -> str:
        now = at(self._registry.context.now())
        return (
            f"At {now} a user request update of AutoScalingGroup constraints to min: {group.min_size}, "
            f"max: {group.max_size}, desired: {group.desired} changing the desired capacity from {before} "
            f"to {group.desired}."
        )

    def _subnets(self, parameters: Parameters) -> dict[str, str]:
        catalog = self._registry.catalog
        identifiers = [part.strip() for part in str(parameters.get("VPCZoneIdentifier") or "").split(",")]
        identifiers = [identifier for identifier in identifiers if identifier]
        zones = [str(zone) for zone in parameters.get("AvailabilityZones") or []]
        if not identifiers and not zones:
            refuse("At least one Availability Zone or VPC Subnet is required.")
        if not identifiers:
            return catalog.default_subnets(zones)
        subnets = catalog.subnets(identifiers)
        if zones and set(zones) != set(subnets.values()):
            refuse("The availability zones of the specified subnets and the Auto Scaling group do not match")
        return subnets

    @staticmethod
    def _check_refresh(group: Group, parameters: Parameters) -> None:
        refresh = group.active_refresh
        changes = {"LaunchTemplate", "MixedInstancesPolicy", "LaunchConfigurationName"} & set(parameters)
        if refresh is not None and refresh.has_desired_configuration and changes:
            refuse(
                "An active instance refresh with a desired configuration exists. All configuration options derived "
                "from the desired configuration are not available for update while the instance refresh is active."
            )


def _settings(parameters: Parameters) -> dict[str, Any]:
    settings = {name: parameters[name] for name in SETTINGS if parameters.get(name) is not None}
    unknown = set(str(settings.get("HealthCheckType", "EC2")).split(",")) - HEALTH_CHECK_TYPES
    if unknown:
        refuse(f"Invalid HealthCheckType: {', '.join(sorted(unknown))}")
    if not int(settings.get("HealthCheckGracePeriod", 0)) >= 0:
        refuse("HealthCheckGracePeriod must not be negative.")
    lifetime = int(settings.get("MaxInstanceLifetime", 0))
    if lifetime and lifetime < SHORTEST_LIFETIME_SECONDS:
        refuse(f"MaxInstanceLifetime must be 0, or at least {SHORTEST_LIFETIME_SECONDS} seconds.")
    policies = settings.get("TerminationPolicies") or []
    unknown = {str(policy) for policy in policies if not str(policy).startswith("arn:")} - POLICIES
    if unknown:
        refuse(f"{', '.join(sorted(unknown))} is not a valid termination policy")
    return settings


def _tagged(group: Group, tag_filter: dict[str, Any]) -> bool:
    name, values = str(tag_filter.get("Name")), tag_filter.get("Values") or []
    if name == "tag-key":
        return any(value in group.tags for value in values)
    if name == "tag-value":
        return any(tag.value in values for tag in group.tags.values())
    tag = group.tags.get(name.removeprefix("tag:"))
    return name.startswith("tag:") and tag is not None and tag.value in values
