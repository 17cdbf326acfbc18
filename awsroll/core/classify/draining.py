"""When a server is drained, judged by observations of it: the same rule for the engine and for the single stages.

Elastic Load Balancing shows `draining` for the whole deregistration delay, and then no longer lists the target. A
member of a group must also be in standby: until then the group may still register or drain it.

A Network Load Balancer sends new flows to a deregistered target for about two minutes, whatever the delay says
(kubernetes-sigs/aws-load-balancer-controller#2366, aws/containers-roadmap#470). So a drain there takes at least
`NEW_FLOWS_SECONDS`. awsroll waits for it where it deregisters servers. A group waits for the delay only, so the delay
of its target groups is raised for the rollout.
"""

from datetime import datetime, timedelta

from awsroll.core.model.observation import Instance, Lifecycle, TargetGroup, TargetKey, TargetState

CONFIRM_SECONDS = 2
"""For how long observations must show an instance registered nowhere if no observation has shown it draining."""

NEW_FLOWS_SECONDS = 120
"""For how long a Network Load Balancer can send new flows to a target after its deregistration."""


def delay_in_rollout(group: TargetGroup, requested: float | None = None) -> float:
    """Return the deregistration delay that a target group has during a rollout.

    Args:
        group: the target group as it is.
        requested: the delay that the request sets; None: unchanged.
    """
    delay = group.deregistration_delay_seconds if requested is None else requested
    must_last = group.is_network and (group.managed or requested is not None)
    return max(delay, NEW_FLOWS_SECONDS) if must_last else delay


def may_raise_delay(group: TargetGroup) -> bool:
    """Return whether a rollout may have to raise the delay of a target group, so that no other rollout may do so too.

    A delay of exactly `NEW_FLOWS_SECONDS` may be what another rollout has set and will restore.
    """
    return group.is_network and group.managed and group.deregistration_delay_seconds <= NEW_FLOWS_SECONDS


def drain_seconds(group: TargetGroup, requested: float | None = None) -> float:
    """Return how long a server may get requests or flows from a target group after its deregistration."""
    delay = delay_in_rollout(group, requested)
    return max(delay, NEW_FLOWS_SECONDS) if group.is_network else delay


def active_registrations(instance: Instance) -> tuple[TargetKey, ...]:
    """Return where the instance is registered and not draining."""
    return tuple([target.key for target in instance.targets if target.state is not TargetState.DRAINING])


def is_drained(instance: Instance, *, is_certain: bool) -> bool:
    """Return whether no target group can still send the instance a request.

    Args:
        instance: the instance, with its registrations, draining ones included.
        is_certain: the absence of a registration is proven: Elastic Load Balancing answered `Target.NotRegistered` for
            each port, or `is_absence_certain`.
    """
    return is_certain and not instance.targets


def is_absence_certain(
    *, deregistered_at: datetime, gone_since: datetime | None, delay_seconds: float, at: datetime
) -> bool:
    """Return whether an instance that is listed nowhere has drained, although no observation has shown it draining.

    A single answer is not proof. The absence must last for `CONFIRM_SECONDS`, or the deregistration delay must be over.
    """
    if gone_since is not None and at - gone_since >= timedelta(seconds=CONFIRM_SECONDS):
        return True
    return at - deregistered_at >= timedelta(seconds=delay_seconds)


def is_out_of_group(instance: Instance) -> bool:
    """Return whether no group registers or drains the instance: it is in standby, or in no group (any longer)."""
    return instance.lifecycle in (None, Lifecycle.STANDBY, Lifecycle.TERMINATED)
