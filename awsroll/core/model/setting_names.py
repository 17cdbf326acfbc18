"""The names of the settings that a rollout changes: in the record, and in the tags that hold their old values."""

from typing import assert_never

from awsroll.core.model import actions as act

MINIMUM, MAXIMUM, VERSION, DESIRED = "min-size", "max-size", "version", "desired-capacity"
PROCESS, DELAY, POOL = "process:", "deregistration-delay", "warm-pool"
INTERVAL, THRESHOLD = "health-check-interval", "health-check-threshold"
RUNNING, SUSPENDED = "running", "suspended"
OF_TARGET_GROUPS = (DELAY, INTERVAL, THRESHOLD)
"""The settings of target groups. The record adds the ARN to the name."""


def names_set_by(action: act.Action) -> tuple[str, ...]:
    """Return the names of the settings that an action sets; empty if it sets none."""
    match action:
        case act.UpdateGroup():
            sizes = ((MINIMUM, action.minimum), (MAXIMUM, action.maximum))
            template = (VERSION,) if action.template is not None else ()
            return (*(name for name, value in sizes if value is not None), *template)
        case act.SuspendProcesses(processes=processes) | act.ResumeProcesses(processes=processes):
            return tuple(f"{PROCESS}{name}" for name in processes)
        case act.DeleteWarmPool() | act.PutWarmPool():
            return (POOL,)
        case act.SetDeregistrationDelay() | act.SetHealthChecks():
            return _names_on_target_group(action)
        case act.SetDesiredCapacity():
            return (DESIRED,)
        case (
            act.TagInstances()
            | act.LaunchInstance()
            | act.LaunchInGroup()
            | act.RegisterTargets()
            | act.DeregisterTargets()
            | act.TerminateInstance()
            | act.TerminateInGroup()
            | act.DetachFromGroup()
            | act.EnterStandby()
            | act.ExitStandby()
            | act.ClearUnhealthyMarks()
            | act.SendCommand()
            | act.SaveSettings()
            | act.ForgetSavedSettings()
        ):
            return ()
        case _ as never:
            assert_never(never)


def _names_on_target_group(action: act.SetDeregistrationDelay | act.SetHealthChecks) -> tuple[str, ...]:
    values: dict[str, int | None]
    match action:
        case act.SetDeregistrationDelay(seconds=seconds):
            values = {DELAY: seconds}
        case act.SetHealthChecks(interval_seconds=interval, healthy_threshold=threshold):
            values = {INTERVAL: interval, THRESHOLD: threshold}
        case _ as never:
            assert_never(never)
    return tuple(f"{name}={action.target_group}" for name, value in values.items() if value is not None)


def target_group_of(name: str) -> str:
    """Return the ARN of the target group that a saved setting belongs to; empty for a setting of a group."""
    setting, _, arn = name.partition("=")
    return arn if setting in OF_TARGET_GROUPS else ""
