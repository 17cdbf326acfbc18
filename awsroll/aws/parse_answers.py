"""The parsing of AWS's answers into the values of `core.model`. Nothing is looked up or decided here.

A state that AWS adds becomes `UNKNOWN`. A value that AWS leaves out keeps the default of `core.model`.
"""

from collections.abc import Iterable, Mapping, Sequence

from awsroll.aws.caller import Reply
from awsroll.core.model.observation import (
    Instance,
    InstanceState,
    Lifecycle,
    Target,
    TargetGroup,
    TargetKey,
    TargetState,
    TemplateVersion,
)
from awsroll.core.model.warm_pool import WarmPool
from awsroll.core.tags import (
    APP_VERSION_TAG,
    LAUNCH_TEMPLATE_ID_TAG,
    LAUNCH_TEMPLATE_VERSION_TAG,
    ROLE_TAG,
    ROLLOUT_TAG,
    TEMPLATE_TAG,
    with_own_replaced,
)

_NOT_REGISTERED = "Target.NotRegistered"
_ACTIVE_REFRESH = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
_SHIFTED = ("zonal_shift_active", "zonal_shift_delegated_to_dns")
_NOT_SET = -1  # Auto Scaling returns it for a size that was removed
_FOLDED_LIFECYCLES = {"Detached": Lifecycle.DETACHING}


def tags_of(described: Mapping[str, object]) -> dict[str, str]:
    """Return the tags of a described resource, by key."""
    tags = described.get("Tags")
    if not isinstance(tags, list):
        return {}
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags}


def read_instance(
    described: Reply, *, targets: Sequence[Target] = (), member: Reply | None = None, protected: bool = False
) -> Instance:
    """Parse an instance from EC2's description, its registrations and, for a member, its group's description."""
    tags = with_own_replaced(tags_of(described), int(described.get("AmiLaunchIndex") or 0))
    reason = described.get("StateReason", {})
    state_reason = ": ".join(part for part in (reason.get("Code", ""), reason.get("Message", "")) if part)
    in_group = member or {}
    return Instance(
        instance_id=described["InstanceId"],
        zone=described.get("Placement", {}).get("AvailabilityZone", "") or in_group.get("AvailabilityZone", ""),
        subnet_id=described.get("SubnetId", ""),
        state=_state(described.get("State", {}).get("Name", "")),
        state_reason=state_reason,
        template=launched_from(tags) or read_member_template(in_group) or _tagged_by_us(tags),
        image=described.get("ImageId", ""),
        app_version=tags.get(APP_VERSION_TAG),
        lifecycle=None if member is None else read_lifecycle(member["LifecycleState"]),
        lifecycle_detail=in_group.get("LifecycleState", ""),
        marked_unhealthy=is_marked_unhealthy(in_group),
        protected=protected or bool(in_group.get("ProtectedFromScaleIn", False)),
        rollout=tags.get(ROLLOUT_TAG, ""),
        role=tags.get(ROLE_TAG, ""),
        launched_at=described.get("LaunchTime"),
        client_token=described.get("ClientToken", ""),
        targets=tuple(targets),
        tags=tuple(sorted((key, value) for key, value in tags.items() if not key.startswith("aws:"))),
    )


def missing_instance(instance_id: str, *, targets: Sequence[Target] = (), member: Reply | None = None) -> Instance:
    """Return an instance that EC2 does not know yet or no longer knows."""
    in_group = member or {}
    return Instance(
        instance_id=instance_id,
        zone=in_group.get("AvailabilityZone", ""),
        state=InstanceState.MISSING,
        template=read_member_template(in_group),
        lifecycle=None if member is None else read_lifecycle(member["LifecycleState"]),
        lifecycle_detail=in_group.get("LifecycleState", ""),
        marked_unhealthy=is_marked_unhealthy(in_group),
        protected=bool(in_group.get("ProtectedFromScaleIn", False)),
        targets=tuple(targets),
    )


def is_marked_unhealthy(member: Reply) -> bool:
    """Return whether a group's description of a member carries the mark `Unhealthy`, which never recovers by itself."""
    return str(member.get("HealthStatus", "")).lower() == "unhealthy"


def _state(name: str) -> InstanceState:
    try:
        return InstanceState(name)
    except ValueError:
        return InstanceState.UNKNOWN


def launched_from(tags: Mapping[str, str]) -> TemplateVersion | None:
    """Parse the tags that EC2 sets at launch. They hold a number also where the group names an alias."""
    return _template_version(tags.get(LAUNCH_TEMPLATE_ID_TAG, ""), tags.get(LAUNCH_TEMPLATE_VERSION_TAG, ""))


def _tagged_by_us(tags: Mapping[str, str]) -> TemplateVersion | None:
    """Parse the tag that awsroll sets at launch, for endpoints that set no tags of EC2."""
    template_id, _, number = tags.get(TEMPLATE_TAG, "").rpartition(":")
    return _template_version(template_id, number)


def _template_version(template_id: str, number: str) -> TemplateVersion | None:
    if template_id and number.isdigit():
        return TemplateVersion(template_id=template_id, number=int(number))
    return None


def read_member_template(member: Mapping[str, object]) -> TemplateVersion | None:
    """Parse a member's template version from its group; None for an alias or a launch configuration."""
    template = member.get("LaunchTemplate")
    if not isinstance(template, dict):
        return None
    return _template_version(template.get("LaunchTemplateId", ""), str(template.get("Version", "")))


def read_lifecycle(state: str) -> Lifecycle:
    """Parse a lifecycle state without the detail after its colon: `Terminating:Wait` is terminating."""
    if state == Lifecycle.RETAINED:
        return Lifecycle.RETAINED
    first = state.partition(":")[0]
    if first in _FOLDED_LIFECYCLES:
        return _FOLDED_LIFECYCLES[first]
    try:
        return Lifecycle(first)
    except ValueError:
        return Lifecycle.UNKNOWN


_ANOMALOUS = {"anomalous": True, "normal": False}


def read_targets(arn: str, descriptions: Iterable[Reply]) -> dict[str, list[Target]]:
    """Parse the targets of a target group, by instance id; leave out targets that are not registered."""
    targets: dict[str, list[Target]] = {}
    for description in descriptions:
        if is_not_registered(description):
            continue
        health = description.get("TargetHealth", {})
        target = Target(
            key=TargetKey(target_group=arn, port=int(description["Target"].get("Port", 0))),
            state=_target_state(health.get("State", "")),
            reason=health.get("Reason", ""),
            description=health.get("Description", ""),
            shifted=description.get("AdministrativeOverride", {}).get("State") in _SHIFTED,
            is_anomalous=_ANOMALOUS.get(description.get("AnomalyDetection", {}).get("Result", "")),
        )
        targets.setdefault(description["Target"]["Id"], []).append(target)
    return targets


def is_not_registered(description: Reply) -> bool:
    """Return whether a target is not registered. The state `unused` alone has three other meanings."""
    health = description.get("TargetHealth", {})
    return bool(health.get("State") == TargetState.UNUSED and health.get("Reason") == _NOT_REGISTERED)


def _target_state(name: str) -> TargetState:
    first = name.partition(".")[0]  # `unhealthy.draining` is not healthy
    try:
        return TargetState(first)
    except ValueError:
        return TargetState.UNKNOWN


def read_target_group(described: Reply, attributes: Mapping[str, str], *, managed: bool = False) -> TargetGroup:
    """Parse a target group and the settings that a rollout depends on."""
    return TargetGroup(
        arn=described["TargetGroupArn"],
        name=described["TargetGroupName"],
        port=int(described.get("Port", 0)),
        deregistration_delay_seconds=float(attributes.get("deregistration_delay.timeout_seconds", 300)),
        health_interval_seconds=float(described.get("HealthCheckIntervalSeconds", 30)),
        health_timeout_seconds=float(described.get("HealthCheckTimeoutSeconds", 5)),
        healthy_threshold=int(described.get("HealthyThresholdCount", 5)),
        unhealthy_threshold=int(described.get("UnhealthyThresholdCount", 2)),
        slow_start_seconds=float(attributes.get("slow_start.duration_seconds", 0)),
        protocol=described.get("Protocol", ""),
        managed=managed,
    )


def template_setting(group: Reply) -> Reply | None:
    """Return a group's launch template specification, also from a mixed instances policy; None if it has none."""
    mixed = group.get("MixedInstancesPolicy") or {}
    setting = group.get("LaunchTemplate") or mixed.get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    return setting or None


def read_warm_pool(configuration: Reply) -> WarmPool | None:
    """Parse a warm pool's settings; None without a pool, or if the pool is being deleted."""
    if not configuration or configuration.get("Status") == "PendingDelete":
        return None
    prepared = configuration.get("MaxGroupPreparedCapacity", _NOT_SET)
    return WarmPool(
        minimum=int(configuration.get("MinSize") or 0),
        prepared=None if prepared in (None, _NOT_SET) else int(prepared),
        state=configuration.get("PoolState") or WarmPool().state,
        reuses=bool((configuration.get("InstanceReusePolicy") or {}).get("ReuseOnScaleIn")),
    )


def active_refresh(refreshes: Iterable[Reply]) -> Reply | None:
    """Return the instance refresh that has not ended; None if all have ended."""
    return next((refresh for refresh in refreshes if refresh.get("Status") in _ACTIVE_REFRESH), None)


def is_mixed(described: Reply) -> bool:
    """Return whether a group mixes On-Demand and Spot instances, which LaunchInstances does not support."""
    mixed = described.get("MixedInstancesPolicy")
    if not mixed:
        return False
    spread = mixed.get("InstancesDistribution", {})
    base = int(spread.get("OnDemandBaseCapacity") or 0)
    percentage = spread.get("OnDemandPercentageAboveBaseCapacity")
    above = 100 if percentage is None else int(percentage)
    all_on_demand, all_spot = above == 100, above == 0 and base == 0  # noqa: PLR2004
    return not (all_on_demand or all_spot)


def vcpus_of(described: Reply) -> int:
    """Return the number of vCPUs of an instance; 0 if EC2 does not show it."""
    options = described.get("CpuOptions") or {}
    return int(options.get("CoreCount") or 0) * int(options.get("ThreadsPerCore") or 0)
