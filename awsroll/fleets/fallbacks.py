"""The calls that the endpoint, the SDK or the group lacks. They are remembered for the life of the process.

Only an unknown call leads to a fallback. A missing permission never does.
"""

from collections.abc import Callable


class Fallbacks:
    """The missing calls. Each is reported once."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._lacking: set[str] = set()

    def lacks(self, call: str) -> bool:
        """Return whether a call is known to be missing."""
        return call in self._lacking

    def note(self, call: str, warning: str) -> None:
        """Remember that a call is missing, and report it the first time."""
        if call not in self._lacking:
            self._lacking.add(call)
            self._warn(warning)


LAUNCH_INSTANCES = "LaunchInstances"
BULK_TERMINATE = "TerminateInstanceInAutoScalingGroup with several ids"
STATUS_CHECKS = "DescribeInstanceStatus"
LIST_INVOCATIONS = "ListCommandInvocations"
INSTANCE_REFRESHES = "DescribeInstanceRefreshes"
