"""The drain probe of awsroll, simulated: a sample each second of the requests that an instance holds.

The script is recognized by its first line. Its two limits are variables that it exports.
"""

import re
from dataclasses import dataclass

_MARKER = "# awsroll drain probe"
_QUIET = re.compile(r"export AWSROLL_QUIET_SECONDS='?(\d+)")
_LONGEST = re.compile(r"export AWSROLL_DRAIN_SECONDS='?(\d+)")
_SPARE_SECONDS = 60


def is_probe(script: str) -> bool:
    """Return whether a script is the drain probe."""
    return _MARKER in script


@dataclass(slots=True, kw_only=True)
class Samples:
    """The samples of one run.

    Attributes:
        quiet_seconds: how many samples without a request must follow one another, and one more.
        longest_seconds: after how many samples the script gives up.
    """

    quiet_seconds: int
    longest_seconds: int
    taken: int = 0
    quiet: int = 0

    @classmethod
    def of(cls, script: str) -> "Samples":
        """Return the samples of a script before the first one."""
        quiet, longest = _QUIET.search(script), _LONGEST.search(script)
        return cls(
            quiet_seconds=int(quiet[1]) if quiet else 0,
            longest_seconds=(int(longest[1]) if longest else 0) + _SPARE_SECONDS,
        )

    def add(self, connections: int | None) -> int | None:
        """Add a sample; return the exit code if the script ends with it. None: the count has failed."""
        if connections is None:
            return 1
        self.taken += 1
        self.quiet = 0 if connections else self.quiet + 1
        if self.quiet > self.quiet_seconds:
            return 0
        return 1 if self.taken > self.longest_seconds else None
