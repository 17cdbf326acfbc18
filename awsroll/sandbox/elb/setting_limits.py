"""The ranges of a target group's settings and attributes that AWS enforces, and moto does not.

The ranges are those of the Elastic Load Balancing model: CreateTargetGroup, ModifyTargetGroup, TargetGroupAttribute.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.service_limits import LONGEST_DEREGISTRATION_DELAY_SECONDS

DELAY = "deregistration_delay.timeout_seconds"
SLOW_START = "slow_start.duration_seconds"
ALGORITHM = "load_balancing.algorithm.type"
LEAST_OUTSTANDING = "least_outstanding_requests"
CROSS_ZONE = "load_balancing.cross_zone.enabled"
SETTINGS = {
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}
LONGEST_PATH = 1024
PORTS = (1, 65535)
_NUMBER = re.compile(r"[0-9]{1,9}")
_STATUS_CODES = re.compile(r"[0-9]{3}(-[0-9]{3})?(,[0-9]{3}(-[0-9]{3})?)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The whole numbers that an attribute may have, and the words that it may have instead."""

    least: int
    most: int
    or_words: tuple[str, ...] = ()

    def allows(self, value: str) -> bool:
        """Return whether the attribute may have the value."""
        is_number = bool(_NUMBER.fullmatch(value))
        return value in self.or_words or (is_number and self.least <= int(value) <= self.most)

    def __str__(self) -> str:
        words = "".join(f", or '{word}'" for word in self.or_words)
        return f"'{self.least}-{self.most}' inclusive{words}"


_COUNT, _PERCENTAGE = Range(least=1, most=1000), Range(least=1, most=100, or_words=("off",))
ATTRIBUTES = {
    DELAY: Range(least=0, most=LONGEST_DEREGISTRATION_DELAY_SECONDS),
    SLOW_START: Range(least=30, most=900, or_words=("0",)),
    "stickiness.lb_cookie.duration_seconds": Range(least=1, most=604_800),
    "stickiness.app_cookie.duration_seconds": Range(least=1, most=604_800),
    "target_group_health.dns_failover.minimum_healthy_targets.count": Range(least=1, most=1000, or_words=("off",)),
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": _PERCENTAGE,
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": _COUNT,
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": _PERCENTAGE,
    "target_health_state.unhealthy.draining_interval_seconds": Range(least=0, most=360_000),
}
CHOICES = {
    ALGORITHM: ("round_robin", LEAST_OUTSTANDING, "weighted_random"),
    CROSS_ZONE: ("true", "false", "use_load_balancer_configuration"),
    "load_balancing.algorithm.anomaly_mitigation": ("on", "off"),
    "stickiness.enabled": ("true", "false"),
}


def check_settings(parameters: Mapping[str, Any]) -> None:
    """Refuse health check settings outside AWS's ranges."""
    for name, (least, most) in SETTINGS.items():
        value = parameters.get(name)
        if value is not None and not least <= int(value) <= most:
            refuse("ValidationError", f"{name} '{value}' must be between '{least}-{most}' inclusive")
    path = parameters.get("HealthCheckPath")
    if path is not None and not (str(path).startswith("/") and len(str(path)) <= LONGEST_PATH):
        refuse(
            "ValidationError",
            f"Health check path '{path}' must begin with a '/' and have at most {LONGEST_PATH} characters",
        )
    port = parameters.get("HealthCheckPort")
    if port not in (None, "traffic-port") and not Range(least=PORTS[0], most=PORTS[1]).allows(str(port)):
        refuse("ValidationError", f"Health check port '{port}' must be 'traffic-port' or in the range [1, 65535]")
    codes = (parameters.get("Matcher") or {}).get("HttpCode")
    if codes is not None and not _STATUS_CODES.fullmatch(str(codes)):
        refuse("ValidationError", f"Health check matcher HTTP code '{codes}' must be within '200-499' inclusive")


def check_interval(interval_seconds: float, timeout_seconds: float) -> None:
    """Refuse a timeout that is not below the interval."""
    if timeout_seconds >= interval_seconds:
        refuse("ValidationError", "Health check interval must be greater than the timeout.")


def check_attributes(attributes: Mapping[str, str], existing: Mapping[str, Any]) -> None:
    """Refuse attributes outside AWS's ranges, and combinations that exclude each other.

    Args:
        attributes: the attributes of the request.
        existing: the attributes that the target group has.
    """
    for key, value in attributes.items():
        if key in ATTRIBUTES and not ATTRIBUTES[key].allows(value):
            refuse("ValidationError", f"'{key}' value '{value}' must be between {ATTRIBUTES[key]}")
        if key in CHOICES and value not in CHOICES[key]:
            refuse("ValidationError", f"'{key}' value '{value}' must be one of [{', '.join(CHOICES[key])}]")
    wanted = {**existing, **attributes}
    if str(wanted.get(SLOW_START, "0")) != "0" and wanted.get(ALGORITHM) == LEAST_OUTSTANDING:
        message = f"Slow start cannot be enabled with the load balancing algorithm {LEAST_OUTSTANDING}"
        refuse("InvalidConfigurationRequest", message)
    if str(wanted.get("stickiness.enabled", "false")) == "true" and wanted.get(CROSS_ZONE) == "false":
        refuse("InvalidConfigurationRequest", "Stickiness cannot be enabled while cross-zone load balancing is off")


def as_mapping(attributes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the attributes of a request by key."""
    return {str(attribute["Key"]): str(attribute.get("Value", "")) for attribute in attributes}
