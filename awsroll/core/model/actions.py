"""What a plan may ask for: each action is one kind of write to AWS, with its reason and its precondition.

A plan holds actions of one kind only; then the fleet is looked at again. Repeating an action on an unchanged fleet is
harmless, or its precondition makes it so: the executor checks it right before the call and answers `STALE` when it no
longer holds, which is no error.

`Result` is what came of an action; `settle` turns results into the next status.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from awsroll.core.model.observation import TargetKey, TemplateVersion
from awsroll.core.model.status import Launch
from awsroll.core.model.warm_pool import WarmPool


class Reason(StrEnum):
    """Why something is done or waited for: the metric label, the log field and the docs' headings."""

    PREPARING = "preparing"
    PINNING_VERSION = "pinning-version"
    MAKING_ROOM = "making-room"
    SURGING = "surging"
    REPLACING_VACANCY = "replacing-vacancy"
    OUTDATED = "outdated"
    UNHEALTHY = "unhealthy"
    SURPLUS = "surplus"
    DRAINED = "drained"
    NEW_INSTANCE_RUNNING = "new-instance-running"
    RELOADED = "reloaded"
    STOPPING = "stopping"
    ROLLING_BACK = "rolling-back"
    RESTORING = "restoring"
    SETTLING = "settling"
    # waits
    DRAINING = "draining"
    TERMINATING = "terminating"
    LAUNCHING = "launching"
    VERIFYING = "verifying"
    RUNNING_COMMAND = "running-command"
    RUNNING_HOOK = "running-hook"
    CAPACITY = "waiting-for-capacity"
    CHECKPOINT = "waiting-at-checkpoint"
    APPROVAL = "waiting-for-approval"
    BAKING = "baking"
    SKIPPED = "waiting-for-protected-or-standby"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagInstances:
    """Put awsroll's tags on instances before the effect that the tags announce (EC2 CreateTags)."""

    instance_ids: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchInstance:
    """Launch one instance for a standalone fleet (EC2 RunInstances), exactly as the intent says."""

    launch: Launch
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchInGroup:
    """Launch instances in an Auto Scaling group, in one zone (LaunchInstances), exactly as the intent says."""

    group: str
    launch: Launch
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDesiredCapacity:
    """Set a group's desired capacity.

    Precondition: it still says `expected`; and no more members count towards it than `value`, so that a lower one ends
    none.
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
    """Deregister one instance from ports of target groups, always with the port."""

    instance_id: str
    targets: tuple[TargetKey, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateInstance:
    """Terminate one instance of a standalone fleet.

    Precondition: none of `not_registered` shows it any more (asked for by id and port, right before the call), and it
    still comes from `template` if one is given.
    """

    instance_id: str
    not_registered: tuple[TargetKey, ...]
    template: TemplateVersion | None
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateInGroup:
    """Have a group retire members: deregister, drain, run its hooks, terminate.

    Precondition, for each id: it is a member, not already leaving, and not registered on any of `not_registered` (the
    ports that the group does not manage). The call has no token: an unanswered one is settled by looking.
    """

    group: str
    instance_ids: tuple[str, ...]
    decrement: bool
    not_registered: tuple[TargetKey, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterStandby:
    """Take members out of service, still running (the group deregisters and drains them); desired goes down."""

    group: str
    instance_ids: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitStandby:
    """Put members back in service (the group registers them); desired goes up."""

    group: str
    instance_ids: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCommand:
    """Run the rollout's reload command on instances. Precondition: none of `not_registered` shows them.

    `attempt` names the sending: it is searched for before it is sent again.
    """

    instance_ids: tuple[str, ...]
    attempt: int
    not_registered: tuple[TargetKey, ...]
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateGroup:
    """Set a group's bounds or template version, absolute values; None leaves a setting alone."""

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
    """Resume processes of a group: only such as this rollout suspended."""

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
    """Give a group a warm pool with these settings. Precondition: it has none."""

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
class SaveSettings:
    """Write settings' old values as tags on the group or target group, before they are changed."""

    resource: str
    settings: tuple[tuple[str, str], ...]
    reason: Reason = Reason.PREPARING


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSavedSettings:
    """Remove such tags: the settings are as they were."""

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
    | EnterStandby
    | ExitStandby
    | SendCommand
    | UpdateGroup
    | SuspendProcesses
    | ResumeProcesses
    | DeleteWarmPool
    | PutWarmPool
    | SetDeregistrationDelay
    | SaveSettings
    | ForgetSavedSettings
)


class Answer(StrEnum):
    """What is known of an action after it was tried."""

    DONE = "done"  # AWS said yes
    STALE = "stale"  # the precondition no longer held: no call was made
    REFUSED = "refused"  # AWS said a definite no: no effect
    UNANSWERED = "unanswered"  # it may or may not have had its effect


PUT_OFF = "PutOff"
"""The code of an action that was left to the next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one action.

    Attributes:
        instance_ids: for launches: the instances; for calls on several instances: those it was accepted for.
        code: AWS's error code for `REFUSED` and `UNANSWERED`; `PUT_OFF` for what a step had no more time for.
        message: one line for people: AWS's words, or why it is stale.
        transient: a refusal that may pass by itself (no capacity, activity in progress, throttling).
        denied: a refusal for lack of permission or of valid credentials.
    """

    action: Action
    answer: Answer
    instance_ids: tuple[str, ...] = ()
    code: str = ""
    message: str = ""
    transient: bool = False
    denied: bool = False
