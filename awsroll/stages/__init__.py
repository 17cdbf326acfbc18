"""Single stages of a rolling deployment, for people who compose their own state machine or pipeline.

Each does one thing on instances or a group that its event names, and answers what the next one needs. None waits: a
stage that is called again until it is done answers `done` and `wait_seconds`. There is no record: what AWS shows, and
tags that are set before each effect, are all they go by. So a call that is made twice, or dies half way, is harmless.

One file a stage; `words` has what their events share, `scope` finds the fleet, the rest are their parts.
"""

from awsroll.stages.check_drained import CheckDrainedAnswer, CheckDrainedEvent, check_drained
from awsroll.stages.check_healthy import CheckHealthyAnswer, CheckHealthyEvent, check_healthy
from awsroll.stages.deregister_targets import (
    DeregisterTargetsAnswer,
    DeregisterTargetsEvent,
    Registration,
    deregister_targets,
)
from awsroll.stages.double_group import DoubleGroupAnswer, DoubleGroupEvent, double_group
from awsroll.stages.reload_instances import ReloadInstancesAnswer, ReloadInstancesEvent, reload_instances
from awsroll.stages.retire_old_half import RetireOldHalfAnswer, RetireOldHalfEvent, retire_old_half
from awsroll.stages.terminate_and_launch import (
    TerminateAndLaunchAnswer,
    TerminateAndLaunchEvent,
    terminate_and_launch,
)

__all__ = [
    "CheckDrainedAnswer",
    "CheckDrainedEvent",
    "CheckHealthyAnswer",
    "CheckHealthyEvent",
    "DeregisterTargetsAnswer",
    "DeregisterTargetsEvent",
    "DoubleGroupAnswer",
    "DoubleGroupEvent",
    "Registration",
    "ReloadInstancesAnswer",
    "ReloadInstancesEvent",
    "RetireOldHalfAnswer",
    "RetireOldHalfEvent",
    "TerminateAndLaunchAnswer",
    "TerminateAndLaunchEvent",
    "check_drained",
    "check_healthy",
    "deregister_targets",
    "double_group",
    "reload_instances",
    "retire_old_half",
    "terminate_and_launch",
]
