"""Which processes of an Auto Scaling group are suspended during a rollout, and why: one rule for engine and stages.

`Launch`, `Terminate`, `AddToLoadBalancer` and `ScheduledActions` are never suspended: the rollout needs the first
three, and a schedule is a user's request.
"""

from collections.abc import Iterable

ENDING_PROCESSES = ("AZRebalance", "ReplaceUnhealthy")
"""These processes end instances that the rollout did not choose."""
SCALING_PROCESS = "AlarmNotification"
"""An alarm would see the surplus of a surge as idle capacity and scale in."""


def processes_to_suspend(*, surges: bool) -> tuple[str, ...]:
    """Return the processes that are suspended while servers are replaced or reloaded.

    Args:
        surges: the group has more members than its desired capacity at the start, or will have.
    """
    return (*ENDING_PROCESSES, SCALING_PROCESS) if surges else ENDING_PROCESSES


def processes_to_resume(saved: Iterable[str], suspended: Iterable[str]) -> tuple[str, ...]:
    """Return which of the processes that ran before are still suspended, in alphabetical order."""
    return tuple(sorted(set(saved) & set(suspended)))
