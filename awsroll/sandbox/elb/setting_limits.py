"""The ranges of a target group's settings and attributes that AWS enforces, and moto does not.

The ranges are those of the Elastic Load Balancing model: CreateTargetGroup, ModifyTargetGroup, TargetGroupAttribute.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.elb.target_group import NETWORK_PROTOCOLS
from awsroll.sandbox.service_limits import LONGEST_DEREGISTRATION_DELAY_SECONDS

DELAY = "deregistration_delay.timeout_seconds"
SLOW_START = "slow_start.duration_seconds"
ALGORITHM = "load_balancing.algorithm.type"
LEAST_OUTSTANDING = "least_outstanding_requests"
ANOMALIES = "load_balancing.algorithm.anomaly_mitigation"
CROSS_ZONE = "load_balancing.cross_zone.enabled"
SETTINGS = {
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}
LONGEST_PATH = 1024
PORTS = (1, 65535)
APPLICATION, NETWORK, GATEWAY = frozenset({"HTTP", "HTTPS"}), NETWORK_PROTOCOLS, frozenset({"GENEVE"})
LEAST_CODE, MOST_CODE, MOST_NETWORK_CODE = 200, 499, 599
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
_SWITCH = ("true", "false")
CHOICES = {
    ALGORITHM: ("round_robin", LEAST_OUTSTANDING, "weighted_random"),
    CROSS_ZONE: ("true", "false", "use_load_balancer_configuration"),
    ANOMALIES: ("on", "off"),
    "stickiness.enabled": _SWITCH,
    "lambda.multi_value_headers.enabled": _SWITCH,
    "deregistration_delay.connection_termination.enabled": _SWITCH,
    "preserve_client_ip.enabled": _SWITCH,
    "proxy_protocol_v2.enabled": _SWITCH,
    "target_health_state.unhealthy.connection_termination.enabled": _SWITCH,
    "target_failover.on_deregistration": ("rebalance", "no_rebalance"),
    "target_failover.on_unhealthy": ("rebalance", "no_rebalance"),
    "send_tcp_reset.on_unhealthy.enabled": _SWITCH,
    "send_tcp_reset.on_deregistration.enabled": _SWITCH,
}
TEXTS = ("stickiness.type", "stickiness.app_cookie.cookie_name")
OF_ONE_KIND = {
    "load_balancing.algorithm": APPLICATION,
    "slow_start": APPLICATION,
    "stickiness.app_cookie": APPLICATION,
    "stickiness.lb_cookie": APPLICATION,
    "deregistration_delay.connection_termination": NETWORK,
    "preserve_client_ip": NETWORK,
    "proxy_protocol_v2": NETWORK,
    "target_health_state": NETWORK,
    "target_failover": GATEWAY,
    "send_tcp_reset": GATEWAY,
}
"""The attributes, by the beginnings of their names, that target groups of one kind of load balancer have."""


def check_settings(parameters: Mapping[str, Any], *, protocol: str, target_type: str) -> None:
    """Refuse health check settings outside AWS's ranges.

    Args:
        parameters: of CreateTargetGroup or ModifyTargetGroup.
        protocol: of the target group.
        target_type: of the target group.
    """
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
    most = MOST_CODE if protocol in APPLICATION else MOST_NETWORK_CODE
    if codes is not None and not _are_codes(str(codes), most):
        message = f"Health check matcher HTTP code '{codes}' must be within '{LEAST_CODE}-{most}' inclusive"
        refuse("ValidationError", message)
    checks_by = parameters.get("HealthCheckProtocol")
    if checks_by not in (None, "HTTP", "HTTPS", "TCP") or (checks_by == "TCP" and protocol in APPLICATION):
        message = f"Health check protocol '{checks_by}' is not supported for target groups with the {protocol} protocol"
        refuse("InvalidConfigurationRequest", message)
    if parameters.get("HealthCheckEnabled") is False and target_type != "lambda":
        message = f"Health checks cannot be disabled for target groups with target type '{target_type}'"
        refuse("InvalidConfigurationRequest", message)


def _are_codes(codes: str, most: int) -> bool:
    numbers = [int(number) for number in re.findall(r"[0-9]+", codes)]
    return bool(_STATUS_CODES.fullmatch(codes)) and all(LEAST_CODE <= number <= most for number in numbers)


def check_interval(interval_seconds: float, timeout_seconds: float) -> None:
    """Refuse a timeout that is not below the interval."""
    if timeout_seconds >= interval_seconds:
        refuse("ValidationError", "Health check interval must be greater than the timeout.")


def check_attributes(attributes: Mapping[str, str], existing: Mapping[str, Any], *, protocol: str) -> None:
    """Refuse attributes outside AWS's ranges, and combinations that exclude each other.

    Args:
        attributes: the attributes of the request.
        existing: the attributes that the target group has.
        protocol: of the target group.
    """
    for key, value in attributes.items():
        _check_key(key, protocol)
        if key in ATTRIBUTES and not ATTRIBUTES[key].allows(value):
            refuse("ValidationError", f"'{key}' value '{value}' must be between {ATTRIBUTES[key]}")
        if key in CHOICES and value not in CHOICES[key]:
            refuse("ValidationError", f"'{key}' value '{value}' must be one of [{', '.join(CHOICES[key])}]")
    wanted = {**existing, **attributes}
    if str(wanted.get(SLOW_START, "0")) != "0" and wanted.get(ALGORITHM) == LEAST_OUTSTANDING:
        message = f"Slow start cannot be enabled with the load balancing algorithm {LEAST_OUTSTANDING}"
        refuse("InvalidConfigurationRequest", message)
    if wanted.get(ANOMALIES) == "on" and wanted.get(ALGORITHM) != "weighted_random":
        refuse("InvalidConfigurationRequest", f"'{ANOMALIES}' needs the load balancing algorithm weighted_random")
    is_sticky = str(wanted.get("stickiness.enabled", "false")) == "true"
    if is_sticky and wanted.get(CROSS_ZONE) == "false" and protocol in APPLICATION:
        refuse("InvalidConfigurationRequest", "Stickiness cannot be enabled while cross-zone load balancing is off")


def _check_key(key: str, protocol: str) -> None:
    """Refuse an attribute that no target group has, or none with this protocol."""
    if key not in {*ATTRIBUTES, *CHOICES, *TEXTS}:
        refuse("ValidationError", f"Target group attribute key '{key}' is not recognized")
    kinds = [kind for beginning, kind in OF_ONE_KIND.items() if key.startswith(f"{beginning}.")]
    if protocol and not all(protocol in kind for kind in kinds):
        message = f"Target group attribute '{key}' is not supported for target groups with the {protocol} protocol"
        refuse("InvalidConfigurationRequest", message)


def as_mapping(attributes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the attributes of a request by key."""
    return {str(attribute["Key"]): str(attribute.get("Value", "")) for attribute in attributes}
