"""The actions of a plan: each is one kind of write to AWS, with its reason and its precondition.

A plan holds actions of one kind only; then the fleet is observed again. Repeating an action on an unchanged fleet is
harmless, or its precondition makes it so. The executor checks the precondition right before the call. If it no longer
holds, the executor returns `STALE`, which is not an error.
"""

from dataclasses import dataclass
from typing import TypeAlias

from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import TargetKey, TemplateVersion
from awsroll.core.model.reasons import Reason
from awsroll.core.model.warm_pool import WarmPool


@dataclass(frozen=True, slots=True, kw_only=True)
class TagInstances:
    """Set awsroll's tags on instances before the change that the tags announce (EC2 CreateTags)."""

    instance_ids: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchInstance:
    """Launch one instance for a standalone fleet (EC2 RunInstances), exactly as recorded in `launch`."""

    launch: Launch
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchInGroup:
    """Launch instances in an Auto Scaling group, in one zone (LaunchInstances), exactly as recorded in `launch`."""

    group: str
    launch: Launch
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDesiredCapacity:
    """Set a group's desired capacity.

    Precondition: it is still `expected`, and at most `value` members count towards it, so that lowering it ends none.
    """

    group: str
    value: int
    expected: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterTargets:
    """Register one instance on ports of target groups. Precondition: it runs."""

    instance_id: str
    targets: tuple[TargetKey, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DeregisterTargets:
    """Deregister one instance from ports of target groups. The calls always name the port."""

    instance_id: str
    targets: tuple[TargetKey, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateInstance:
    """Terminate one instance of a standalone fleet.

    Precondition: none of `not_registered` lists it any longer (queried by id and port, right before the call), or only
    as draining if `may_be_draining`: a probe has found no open connection. If `template` is given, it still comes from
    that template version.
    """

    instance_id: str
    not_registered: tuple[TargetKey, ...]
    template: TemplateVersion | None
    reason: Reason
    may_be_draining: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateInGroup:
    """Make a group retire members: deregister, drain, run its hooks, terminate.

    Precondition, for each id: it is a member, not already leaving, and not registered on any of `not_registered` (the
    ports that the group does not manage). The call has no token: if it gets no answer, an observation settles it.
    """

    group: str
    instance_ids: tuple[str, ...]
    decrement: bool
    not_registered: tuple[TargetKey, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachFromGroup:
    """Detach failed members, which run on for inspection: the group drains them, and launches others in their place.

    Desired stays as it is. Precondition, for each id: it is a member in service. A repeated call is harmless: Auto
    Scaling refuses to detach an instance that is no member.
    """

    group: str
    instance_ids: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterStandby:
    """Move members to standby: they keep running, the group deregisters and drains them, and desired goes down."""

    group: str
    instance_ids: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitStandby:
    """Return members to service: the group registers them, and desired goes up."""

    group: str
    instance_ids: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearUnhealthyMarks:
    """Set the health status of members to `Healthy` in their group (SetInstanceHealth).

    The mark `Unhealthy` never recovers by itself, and the group replaces marked members as soon as `ReplaceUnhealthy`
    runs (Amazon EC2 Auto Scaling User Guide, "Health checks for instances in an Auto Scaling group").
    Precondition, for each id: it is a member in service, and marked.
    """

    group: str
    instance_ids: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCommand:
    """Run the rollout's reload command on instances. Precondition: none of `not_registered` lists them.

    It may list those in `may_be_draining` as draining: a probe has found no open connection there.
    `attempt` identifies the command: the executor searches for it before it sends it again.
    """

    instance_ids: tuple[str, ...]
    attempt: int
    not_registered: tuple[TargetKey, ...]
    reason: Reason
    may_be_draining: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateGroup:
    """Set a group's bounds or template version to absolute values; None does not change a setting."""

    group: str
    reason: Reason
    minimum: int | None = None
    maximum: int | None = None
    template: TemplateVersion | None = None
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendProcesses:
    """Suspend processes of a group."""

    group: str
    processes: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeProcesses:
    """Resume processes of a group: only those that this rollout suspended."""

    group: str
    processes: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWarmPool:
    """Delete a group's warm pool with the instances in it. Precondition: its settings are still those of `pool`."""

    group: str
    pool: WarmPool
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PutWarmPool:
    """Create a group's warm pool with these settings. Precondition: it has none."""

    group: str
    pool: WarmPool
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDeregistrationDelay:
    """Set a target group's deregistration delay."""

    target_group: str
    seconds: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SetHealthChecks:
    """Set the health check interval of a target group, its healthy threshold, or both; None: unchanged."""

    target_group: str
    interval_seconds: int | None = None
    healthy_threshold: int | None = None
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSettings:
    """Save the old values of settings as tags on the group or target group, before the settings change."""

    resource: str
    settings: tuple[tuple[str, str], ...]
    reason: Reason = Reason.PREPARING


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSavedSettings:
    """Remove the tags of saved settings: the settings are restored."""

    resource: str
    settings: tuple[str, ...]
    reason: Reason = Reason.RESTORING


Action: TypeAlias = (
    TagInstances
    | LaunchInstance
    | LaunchInGroup
    | SetDesiredCapacity
    | RegisterTargets
    | DeregisterTargets
    | TerminateInstance
    | TerminateInGroup
    | DetachFromGroup
    | EnterStandby
    | ExitStandby
    | ClearUnhealthyMarks
    | SendCommand
    | UpdateGroup
    | SuspendProcesses
    | ResumeProcesses
    | DeleteWarmPool
    | PutWarmPool
    | SetDeregistrationDelay
    | SetHealthChecks
    | SaveSettings
    | ForgetSavedSettings
)


def instance_ids_of(action: Action) -> tuple[str, ...]:
    """Return the instances that an action names."""
    instance_id = getattr(action, "instance_id", "")
    return (instance_id,) if instance_id else tuple(getattr(action, "instance_ids", ()))
