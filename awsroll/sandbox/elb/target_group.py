"""The settings of a target group, and the load balancers that use it, read from moto's records."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.interfaces import Account

NETWORK_PROTOCOLS = frozenset({"TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"})
_ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroupSettings:
    """The current settings of one target group."""

    arn: str
    name: str
    target_type: str
    protocol: str
    vpc_id: str
    port: int
    """The port of targets that name no port."""
    health_check_port: int | None
    """None stands for each target's own port."""
    interval_seconds: float
    timeout_seconds: float
    healthy_threshold: int
    unhealthy_threshold: int
    deregistration_delay_seconds: float
    slow_start_seconds: float
    least_healthy_count: int
    """With fewer healthy targets, requests go to all registered targets."""
    least_healthy_percentage: int
    """The same, as a percentage of the registered targets; 0 is off."""
    load_balancers: tuple[str, ...]
    """The ARNs of the load balancers that use the target group."""
    zones: frozenset[str]
    """The zones of the load balancer that uses the target group; empty if no listener or rule uses it."""

    @property
    def holds_servers(self) -> bool:
        """Whether the targets are instances or addresses, not functions or load balancers."""
        return self.target_type in {"instance", "ip"}

    @property
    def by_address(self) -> bool:
        """Whether targets are registered by address."""
        return self.target_type == "ip"

    @property
    def is_network(self) -> bool:
        """Whether a Network Load Balancer uses the target group."""
        return self.protocol in NETWORK_PROTOCOLS


def settings_of(account: Account, arn: str) -> TargetGroupSettings:
    """Return the settings of a target group.

    Raises:
        ApiError: `TargetGroupNotFound`.
    """
    group = storage.elbv2(account).target_groups.get(arn)
    if group is None:
        refuse("TargetGroupNotFound", "One or more target groups not found")
    check_port = str(group.health_check_port)
    return TargetGroupSettings(
        arn=arn,
        name=group.name,
        target_type=group.target_type,
        protocol=group.protocol or "",
        vpc_id=group.vpc_id,
        port=int(group.port or 0),
        health_check_port=int(check_port) if check_port.isdecimal() else None,
        interval_seconds=float(group.health_check_interval_seconds),
        timeout_seconds=float(group.health_check_timeout_seconds),
        healthy_threshold=int(group.healthy_threshold_count),
        unhealthy_threshold=int(group.unhealthy_threshold_count),
        deregistration_delay_seconds=float(group.attributes["deregistration_delay.timeout_seconds"]),
        slow_start_seconds=float(group.attributes.get("slow_start.duration_seconds", 0)),
        least_healthy_count=int(group.attributes.get(f"{_ROUTING}.count", 1)),
        least_healthy_percentage=_percentage(str(group.attributes.get(f"{_ROUTING}.percentage", "off"))),
        load_balancers=tuple(balancer.arn for balancer in _users(storage.elbv2(account), arn)),
        zones=frozenset(_zones(account, arn)),
    )


def _percentage(value: str) -> int:
    return 0 if value == "off" else int(value)


def link_load_balancers(account: Account) -> None:
    """Update the load balancers of each target group, because moto adds to that list and never removes."""
    backend = storage.elbv2(account)
    for arn, group in backend.target_groups.items():
        group.load_balancer_arns[:] = [balancer.arn for balancer in _users(backend, arn)]


def _zones(account: Account, arn: str) -> Iterator[str]:
    ec2 = storage.ec2(account)
    for balancer in _users(storage.elbv2(account), arn):
        for subnet_id in balancer.subnets:
            yield ec2.get_subnet(getattr(subnet_id, "id", subnet_id)).availability_zone


def _users(backend: Any, arn: str) -> Iterator[Any]:
    for balancer in backend.load_balancers.values():
        if any(arn in _forwarded_to(listener) for listener in balancer.listeners.values()):
            yield balancer


def _forwarded_to(listener: Any) -> Iterable[str]:
    """Return the target groups that a listener's default actions and rules forward to."""
    rules = [rule for rule in listener.rules.values() if not rule.is_default]
    actions = [*listener.default_actions, *(action for rule in rules for action in rule.actions)]
    for action in actions:
        data = action.data
        if arn := data.get("TargetGroupArn"):
            yield arn
        for target_group in (data.get("ForwardConfig") or {}).get("TargetGroups") or ():
            yield target_group["TargetGroupArn"]
