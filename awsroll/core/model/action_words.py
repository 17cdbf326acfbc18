"""What an action changes, in the words of AWS: `web: suspended AZRebalance, ReplaceUnhealthy`."""

from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action


def change_of(action: Action) -> str:
    """Return what an action changes in the settings of a group or target group; empty if it changes none."""
    match action:
        case act.SetDeregistrationDelay(target_group=arn, seconds=seconds):
            return f"{name_of_target_group(arn)}: deregistration delay {seconds} s"
        case act.SetHealthChecks(target_group=arn):
            return f"{name_of_target_group(arn)}: {', '.join(_health_checks(action))}"
        case _:
            change = _change_of_group(action)
            return f"{getattr(action, 'group', '')}: {change}" if change else ""


def _change_of_group(action: Action) -> str:
    match action:
        case act.SetDesiredCapacity(expected=before, value=after):
            words = f"desired capacity {before} -> {after}"
        case act.UpdateGroup():
            words = ", ".join(_updates(action))
        case act.SuspendProcesses(processes=processes):
            words = f"suspended {', '.join(processes)}"
        case act.ResumeProcesses(processes=processes):
            words = f"resumed {', '.join(processes)}"
        case act.DeleteWarmPool():
            words = "deleted the warm pool"
        case act.PutWarmPool():
            words = "restored the warm pool"
        case _:
            words = ""
    return words


def _updates(action: act.UpdateGroup) -> list[str]:
    sizes = ((action.minimum, "minimum"), (action.maximum, "maximum"))
    words = [f"{name} {value}" for value, name in sizes if value is not None]
    if action.template is not None:
        words.append(f"launch template version {action.version or action.template}")
    return words


def _health_checks(action: act.SetHealthChecks) -> list[str]:
    interval, threshold = action.interval_seconds, action.healthy_threshold
    words = [] if interval is None else [f"health check interval {interval} s"]
    return words if threshold is None else [*words, f"healthy threshold {threshold}"]


def name_of_target_group(arn: str) -> str:
    """Return the name in the ARN of a target group: `targetgroup/NAME/0123456789abcdef`."""
    parts = arn.split("/")
    return parts[-2] if len(parts) > 2 else arn  # noqa: PLR2004 - the three parts of the resource
