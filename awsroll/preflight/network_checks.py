"""What is special about target groups of Network Load Balancers: drains, registration and connections. Values only.

Sources: NLB guide, "Target groups" (deregistration delay, connection termination) and "Target health states"; threads
about new flows after a deregistration (see `core/classify/draining.py`).
"""

from collections.abc import Mapping

from awsroll.core.classify.draining import NEW_FLOWS_SECONDS, delay_in_rollout, drain_seconds
from awsroll.core.model.observation import TargetGroup
from awsroll.core.model.probe_form import CONNECTIONS
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings

_TERMINATION = "deregistration_delay.connection_termination.enabled"
_OF_CONNECTIONS = ("TCP", "TLS")
_TERMINATED_BY_DEFAULT = ("UDP", "TCP_UDP")


def check_network_target_groups(
    spec: RolloutSpec,
    groups: tuple[TargetGroup, ...],
    attributes: Mapping[str, Mapping[str, str]],
    findings: Findings,
) -> None:
    """Note what a Network Load Balancer changes about the rollout, and warn of connections that a reload would cut.

    Args:
        spec: the request.
        groups: the target groups of the fleet.
        attributes: their attributes, by ARN.
        findings: where to add it.
    """
    for group in groups:
        if not group.is_network:
            continue
        if spec.drain_probe == CONNECTIONS and group.protocol not in _OF_CONNECTIONS:
            findings.refuse(
                f"target group {group.name} has the protocol {group.protocol}, whose flows are no TCP connections: "
                "--drain-probe connections cannot count them. Pass a URL that answers with their number"
            )
        drain = drain_seconds(group, spec.deregistration_delay)
        findings.note(
            f"target group {group.name} ({group.protocol}) belongs to a Network Load Balancer, which can send new "
            f"flows to a server for about {NEW_FLOWS_SECONDS} s after its deregistration. Each drain takes "
            f"{drain:g} s{_raised(spec, group)}"
        )
        if _ends_connections(group, attributes.get(group.arn, {})):
            continue
        report = findings.warn if spec.strategy is Strategy.RELOAD else findings.note
        effect = "reach a server while its command runs" if spec.strategy is Strategy.RELOAD else "are cut at the end"
        report(
            f"target group {group.name} keeps connections at the end of the deregistration delay, so connections that "
            f"last longer than {drain:g} s {effect}. Set its attribute {_TERMINATION} or raise the delay to avoid this"
        )


def _raised(spec: RolloutSpec, group: TargetGroup) -> str:
    delay = delay_in_rollout(group, spec.deregistration_delay)
    if delay == group.deregistration_delay_seconds:
        return ""
    old = f"{group.deregistration_delay_seconds:g}"
    return f". awsroll changes its deregistration delay from {old} s to {delay:g} s, and restores it at the end"


def _ends_connections(group: TargetGroup, attributes: Mapping[str, str]) -> bool:
    default = "true" if group.protocol in _TERMINATED_BY_DEFAULT else "false"
    return attributes.get(_TERMINATION, default) == "true"
