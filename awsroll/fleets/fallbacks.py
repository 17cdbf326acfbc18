"""What the endpoint, the SDK or the group turned out not to take, learned once and kept for the process.

Only "I do not know this call" leads to a fallback; a refused permission never does.
"""

from collections.abc import Callable


class Fallbacks:
    """The calls that are done without, and who is told so (once each)."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._lacking: set[str] = set()

    def lacks(self, call: str) -> bool:
        """Tell whether a call is known to be missing."""
        return call in self._lacking

    def note(self, call: str, warning: str) -> None:
        """Do without a call from now on."""
        if call not in self._lacking:
            self._lacking.add(call)
            self._warn(warning)


LAUNCH_INSTANCES = "LaunchInstances"
BULK_TERMINATE = "TerminateInstanceInAutoScalingGroup with several ids"
LIST_INVOCATIONS = "ListCommandInvocations"
INSTANCE_REFRESHES = "DescribeInstanceRefreshes"
