"""Single stages of a rolling deployment, for people who compose their own state machine or pipeline.

Each stage does one thing to the instances or the group in its event, and answers what the next stage needs. A stage
does not wait: if its work takes time, it answers `done` and `wait_seconds`, and is called again. Stages keep no record:
they rely on what AWS shows, and on tags that they set before each effect. So a call may be repeated or die half way.

Each file is a stage, except: `event_fields` (what events share), `scope` (finds the fleet), and their helpers.
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
