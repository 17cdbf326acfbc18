"""The names of the settings that a rollout changes: in the record, and in the tags that hold their old values."""

from typing import assert_never

from awsroll.core.model import actions as act

MINIMUM, MAXIMUM, VERSION, DESIRED = "min-size", "max-size", "version", "desired-capacity"
PROCESS, DELAY, POOL = "process:", "deregistration-delay", "warm-pool"
RUNNING, SUSPENDED = "running", "suspended"


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
        case act.SetDeregistrationDelay(target_group=arn):
            return (f"{DELAY}={arn}",)
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
