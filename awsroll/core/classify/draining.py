"""When a server is drained, judged by observations of it: the same rule for the engine and for the single stages.

Elastic Load Balancing shows `draining` for the whole deregistration delay, and then no longer lists the target. A
member of a group must also be in standby: until then the group may still register or drain it.
"""

from datetime import datetime, timedelta

from awsroll.core.model.observation import Instance, Lifecycle, TargetKey, TargetState

CONFIRM_SECONDS = 2
"""For how long observations must show an instance registered nowhere if no observation has shown it draining."""


def active_registrations(instance: Instance) -> tuple[TargetKey, ...]:
    """Return where the instance is registered and not draining."""
    return tuple(target.key for target in instance.targets if target.state is not TargetState.DRAINING)


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
