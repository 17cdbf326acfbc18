"""The reasons of actions and waits."""

from enum import StrEnum


class Reason(StrEnum):
    """The reason of an action or a wait: the metric label, the log field and the headings of the docs."""

    PREPARING = "preparing"
    PINNING_VERSION = "pinning-version"
    MAKING_ROOM = "making-room"
    SURGING = "surging"
    REPLACING_VACANCY = "replacing-vacancy"
    OUTDATED = "outdated"
    UNHEALTHY = "unhealthy"
    SURPLUS = "surplus"
    DRAINED = "drained"
    KEPT_FOR_INSPECTION = "kept-for-inspection"
    NEW_INSTANCE_RUNNING = "new-instance-running"
    RELOADED = "reloaded"
    HEALTHY_DESPITE_MARK = "healthy-despite-mark"
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
    JUDGING = "waiting-for-verdict"
    BAKING = "baking"
    SKIPPED = "waiting-for-protected-or-standby"
    BLOCKED = "waiting-to-go-on"
