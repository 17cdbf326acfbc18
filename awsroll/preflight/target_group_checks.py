"""The settings of target groups, and the check that they can serve requests to instances."""

from collections.abc import Iterable
from functools import partial

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import read_target_group, read_targets
from awsroll.core.model.observation import Target, TargetGroup
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings

_GATEWAY = "GENEVE"


def attributes_of(aws: Connection, arns: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the attributes of target groups, by ARN."""
    wanted = list(arns)
    answers = aws.side_by_side([partial(aws.elbv2.attributes, arn) for arn in wanted])
    return dict(zip(wanted, answers, strict=True))


def targets_in(aws: Connection, arns: Iterable[str]) -> dict[str, dict[str, list[Target]]]:
    """Return the registrations in target groups, by ARN and instance id."""
    wanted = list(arns)
    answers = aws.side_by_side([partial(aws.elbv2.target_health, arn) for arn in wanted])
    return {arn: read_targets(arn, answer) for arn, answer in zip(wanted, answers, strict=True)}


def read_target_groups(
    described: dict[str, Reply], attributes: dict[str, dict[str, str]], *, managed: frozenset[str] = frozenset()
) -> tuple[TargetGroup, ...]:
    """Return target groups as values, sorted by ARN."""
    return tuple(
        read_target_group(described[arn], attributes[arn], managed=arn in managed) for arn in sorted(described)
    )


def check_target_groups(
    described: dict[str, Reply], findings: Findings, *, attached: frozenset[str] = frozenset()
) -> None:
    """Refuse target groups that cannot serve requests to instances.

    Args:
        described: the target groups by ARN.
        findings: where to add the refusals.
        attached: the ARNs of those that are attached to the Auto Scaling group.
    """
    for arn, group in described.items():
        name, kind = group["TargetGroupName"], group.get("TargetType", "instance")
        way_out = "detach it from the Auto Scaling group" if arn in attached else "leave it out of the request"
        if kind != "instance":
            findings.refuse(
                f"target group {name} has targets of type {kind}: awsroll rolls only target groups of type instance"
            )
        elif group.get("Protocol") == _GATEWAY:
            findings.refuse(
                f"target group {name} has the protocol {_GATEWAY}, so it belongs to a Gateway Load Balancer. awsroll "
                f"rolls only target groups of Application and Network Load Balancers: {way_out}"
            )
        elif not group.get("LoadBalancerArns"):
            findings.refuse(
                f"target group {name} is used by no load balancer, so its targets never turn healthy: "
                f"forward a listener rule to it first, or {way_out}"
            )


def check_health_checks(spec: RolloutSpec, groups: Iterable[TargetGroup], findings: Findings) -> None:
    """Refuse a health check interval that is not longer than the timeout of a target group, as AWS does.

    A shorter interval also finds a failing server sooner, so the plan says how soon.
    """
    interval = spec.health_check_interval
    if interval is None:
        return
    for group in groups:
        if group.health_timeout_seconds >= interval:
            findings.refuse(
                f"--health-check-interval {interval} is not longer than the health check timeout of target group "
                f"{group.name}, {group.health_timeout_seconds:g} s: pass {int(group.health_timeout_seconds) + 1} or "
                "more, or shorten its timeout"
            )
        elif interval < group.health_interval_seconds:
            findings.note(
                f"target group {group.name} checks its servers every {interval} s during this rollout: "
                f"{group.unhealthy_threshold} failed checks take a server out of traffic"
            )


def has_instances(group: Reply) -> bool:
    """Return whether a target group has targets of type instance."""
    return bool(group.get("TargetType", "instance") == "instance")
