"""The load balancing operations that the sandbox answers: register, deregister, target health.

moto answers the rest (load balancers, listeners, rules, attributes, tags); the targets are then checked again.
Parameters and answers have the shapes of botocore's model.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from awsroll.sandbox import storage, tag_rules
from awsroll.sandbox.api_errors import ApiError, refuse, refuse_reserved_tags
from awsroll.sandbox.elb.setting_limits import DELAY, as_mapping, check_attributes, check_interval, check_settings
from awsroll.sandbox.elb.target_group import TargetGroupSettings
from awsroll.sandbox.elb.target_life import DRAINING, NOT_REGISTERED
from awsroll.sandbox.elb.target_zones import OUTSIDE, check_zone, zone_of_address
from awsroll.sandbox.elb.world import ElbWorld, refuse_unknown_target
from awsroll.sandbox.interfaces import InstanceContext
from awsroll.sandbox.service_limits import TAGGED_LOAD_BALANCING
from awsroll.sandbox.target import SimTarget

TARGET_CHANGES = (
    "CreateListener",
    "CreateRule",
    "DeleteListener",
    "DeleteLoadBalancer",
    "DeleteRule",
    "DeleteTargetGroup",
    "ModifyListener",
    "ModifyRule",
    "ModifyTargetGroup",
    "ModifyTargetGroupAttributes",
    "SetSubnets",
)
DEFAULT_INTERVAL_SECONDS, DEFAULT_TIMEOUT_SECONDS = 30.0, 5.0
"""The defaults of an Application Load Balancer's health check (user guide, health checks)."""

NOT_SHIFTED = {
    "State": "no_override",
    "Reason": "AdministrativeOverride.NoOverride",
    "Description": "No override is currently active on target",
}
SHIFTED = {
    "State": "zonal_shift_active",
    "Reason": "AdministrativeOverride.ZonalShiftActive",
    "Description": "Zonal shift is active on this target",
}

_LEAST_HEALTHY = 3


class ElbApi:
    """The load balancing operations that the sandbox simulates.

    Args:
        context: the time, the switches and the instances.
        elb: the targets.
    """

    def __init__(self, context: InstanceContext, elb: ElbWorld) -> None:
        self._context = context
        self._elb = elb
        self.operations: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {
            "RegisterTargets": self._register,
            "DeregisterTargets": self._deregister,
            "DescribeTargetHealth": self._describe_health,
            "ModifyTargetGroupAttributes": self._modify_attributes,
            "AddTags": self._add_tags,
        }
        self.guards: dict[str, Callable[[dict[str, Any]], None]] = {
            "CreateTargetGroup": self._check_new_group,
            "ModifyTargetGroup": self._check_health_check,
            "DescribeTags": lambda parameters: _check_number(parameters.get("ResourceArns") or []),
        }
        self.followups: dict[str, Callable[[Mapping[str, Any]], None]] = dict.fromkeys(
            TARGET_CHANGES, self._settings_changed
        )

    def _register(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        arn, targets = parameters["TargetGroupArn"], parameters.get("Targets") or []
        if not self._elb.target_group(arn).holds_servers:
            return None
        refused: ApiError | None = None
        accepted: list[Mapping[str, Any]] = []
        for target in targets:
            try:
                self._elb.check_target(arn, target["Id"])
                check_zone(self._context, self._elb.target_group(arn), target)
                accepted.append(target)
            except ApiError as error:
                refused = refused or error
        if refused is None or self._context.options.register_targets == "partial":
            for target in accepted:
                self._elb.register(arn, target["Id"], target.get("Port"))
        if refused is not None:
            raise refused
        return {}

    def _deregister(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        arn = parameters["TargetGroupArn"]
        if not self._elb.target_group(arn).holds_servers:
            return None
        for target in parameters.get("Targets") or []:
            self._elb.deregister(arn, target["Id"], target.get("Port"))
        return {}

    def _describe_health(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        arn = parameters["TargetGroupArn"]
        group = self._elb.target_group(arn)
        if not group.holds_servers:
            return None
        named = parameters.get("Targets") or []
        targets = [self._named(arn, target) for target in named] if named else self._elb.targets(arn)
        shapes = self._health_shapes(group, targets)
        if set(parameters.get("Include") or ()) & {"AnomalyDetection", "All"}:
            self._add_anomalies(arn, targets, shapes)
        return {"TargetHealthDescriptions": shapes}

    def _add_anomalies(self, arn: str, targets: Sequence[SimTarget], shapes: list[dict[str, Any]]) -> None:
        """Add the flags of healthy targets. AWS detects anomalies with at least three healthy targets.

        The tag `sandbox:anomalous` makes a server anomalous: the sandbox does not compare its answers.
        """
        if sum(target.state == "healthy" for target in self._elb.targets(arn)) < _LEAST_HEALTHY:
            return
        for target, shape in zip(targets, shapes, strict=True):
            instance = self._context.ec2.find(target.instance_id)
            if target.state == "healthy" and instance is not None:
                flag = "anomalous" if "sandbox:anomalous" in instance.tags else "normal"
                shape["AnomalyDetection"] = {"Result": flag, "MitigationInEffect": "no"}

    def _named(self, arn: str, target: Mapping[str, Any]) -> SimTarget:
        """Return a target that the request names, by default on the target group's port."""
        existing = self._elb.target(arn, target["Id"], target.get("Port"))
        if existing is not None:
            return existing
        by_address = self._elb.target_group(arn).by_address
        unknown = not by_address and self._context.ec2.find(target["Id"]) is None
        if unknown and self._context.options.unknown_target_health == "refused":
            refuse_unknown_target(target["Id"])
        port = target.get("Port") or self._elb.target_group(arn).port
        by_id = self._context.options.ended_target_by_id
        draining = by_id == "draining" and self._elb.is_remembered(arn, target["Id"], port)
        state, (reason, description) = ("draining", DRAINING) if draining else ("unused", NOT_REGISTERED)
        return SimTarget(instance_id=target["Id"], port=port, state=state, reason=reason, description=description)

    def _health_shapes(self, group: TargetGroupSettings, targets: Sequence[SimTarget]) -> list[dict[str, Any]]:
        shapes, check_port = [], group.health_check_port
        for target in targets:
            name = {"Id": target.instance_id, "Port": target.port}
            if group.by_address:
                name["AvailabilityZone"] = zone_of_address(self._context, group, target.instance_id) or OUTSIDE
            health = {"State": target.state}
            if target.reason is not None and target.description is not None:
                health |= {"Reason": target.reason, "Description": target.description}
            shapes.append(
                {
                    "Target": name,
                    "HealthCheckPort": str(check_port or target.port),
                    "TargetHealth": health,
                    "AdministrativeOverride": SHIFTED if target.shifted else NOT_SHIFTED,
                }
            )
        return shapes

    def _modify_attributes(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        """Check the attributes, and change the deregistration delay, because moto refuses the longest delay of AWS.

        moto changes the rest.
        """
        arn, attributes = parameters["TargetGroupArn"], as_mapping(parameters.get("Attributes") or [])
        protocol = self._elb.target_group(arn).protocol
        existing = storage.elbv2(self._context).target_groups[arn].attributes
        check_attributes(attributes, existing, protocol=protocol)
        if set(attributes) != {DELAY}:
            return None
        existing[DELAY] = attributes[DELAY]
        return {"Attributes": [{"Key": DELAY, "Value": attributes[DELAY]}]}

    def _check_new_group(self, parameters: Mapping[str, Any]) -> None:
        _tags_of(parameters)
        self._check_health_check(parameters)

    def _check_health_check(self, parameters: Mapping[str, Any]) -> None:
        """Refuse settings of a health check that AWS refuses, for a new or an existing target group."""
        arn = parameters.get("TargetGroupArn")
        settings = self._elb.target_group(arn) if arn else None
        protocol = settings.protocol if settings else str(parameters.get("Protocol") or "")
        target_type = settings.target_type if settings else str(parameters.get("TargetType") or "instance")
        check_settings(parameters, protocol=protocol, target_type=target_type)
        given = (parameters.get("HealthCheckIntervalSeconds"), parameters.get("HealthCheckTimeoutSeconds"))
        if given == (None, None):
            return
        interval = given[0] or (settings.interval_seconds if settings else DEFAULT_INTERVAL_SECONDS)
        timeout = given[1] or (settings.timeout_seconds if settings else DEFAULT_TIMEOUT_SECONDS)
        check_interval(float(interval), float(timeout))

    def _add_tags(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Set tags. moto takes only 10 on a resource, and values of any length."""
        backend = storage.elbv2(self._context)
        tags, arns = _tags_of(parameters), parameters.get("ResourceArns") or []
        _check_number(arns)
        for arn in arns:
            backend._get_resource_by_arn(arn)  # noqa: SLF001  refuses an unknown ARN
            existing = backend.tagging_service.get_tag_dict_for_resource(arn)
            if tag_rules.are_too_many({*existing, *tags}):
                refuse("TooManyTags", "You've reached the limit on the number of tags per resource")
        for arn in arns:
            backend.tagging_service.tag_resource(arn, [{"Key": key, "Value": value} for key, value in tags.items()])
        return {}

    def _settings_changed(self, _parameters: Mapping[str, Any]) -> None:
        self._elb.settings_changed()


def _tags_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a request, if Elastic Load Balancing takes them."""
    pairs = parameters.get("Tags") or []
    if (repeated := tag_rules.repeated_key(pairs)) is not None:
        refuse("DuplicateTagKeys", f"Tag keys must be unique; '{repeated}' is repeated.")
    tags = {str(tag["Key"]): str(tag.get("Value") or "") for tag in pairs}
    refuse_reserved_tags(tags)
    tag_rules.check_lengths(tags, tag_rules.refuse_for_load_balancing)
    tag_rules.check_characters(tags)
    return tags


def _check_number(arns: Sequence[str]) -> None:
    if len(arns) > TAGGED_LOAD_BALANCING:
        refuse("ValidationError", f"The number of resources must not exceed {TAGGED_LOAD_BALANCING}.")
