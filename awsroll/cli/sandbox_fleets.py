"""`awsroll sandbox --fleet`: the fleets that the sandbox builds at its start, and the commands that roll them.

A fleet is written as `NAME:SERVERS`, an Auto Scaling group, or as `tg:NAME:SERVERS`, standalone servers behind the
target group NAME. Each gets its own network, load balancer, and launch template NAME with the versions 1 and 2.
"""

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.sandbox.server import SandboxServer

EXAMPLES = "web:9 for an Auto Scaling group, or tg:api:4 for servers behind a target group"
MOST_SERVERS = 100
_FLEET = re.compile(r"(?P<kind>tg:)?(?P<name>[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*):(?P<servers>[0-9]{1,4})")
_NAME_LENGTH = range(3, 29)  # launch templates have names of 3 characters at least, target groups of 32 at most
_RESERVED = "internal-"  # no load balancer may have such a name
_REAL_TIME = 1.0
_FAST_POLL_SECONDS = 0.5  # the timers of a fast sandbox need more frequent observations than AWS


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxFleet:
    """One fleet to build: an Auto Scaling group, or standalone servers behind a target group."""

    name: str
    servers: int
    is_group: bool

    @property
    def description(self) -> str:
        """Return the fleet in words."""
        servers = f"{self.servers} server{'' if self.servers == 1 else 's'}"
        return f"Auto Scaling group {self.name}, {servers}" if self.is_group else f"target group {self.name}, {servers}"

    def build(self, server: "SandboxServer") -> None:
        """Build the fleet on a sandbox server, and return when every server is healthy."""
        shape: dict[str, Any] = {"name": self.name, "target_group_names": (self.name,), "versions_differ": True}
        if self.is_group:
            server.auto_scaling_fleet(**shape, desired=self.servers, max_size=2 * self.servers)
        else:
            server.standalone_fleet(**shape, servers=self.servers)

    def command(self, verb: str, *, speed: float) -> str:
        """Return the `awsroll` command line that plans or rolls the fleet to version 2 of its launch template."""
        fleet = ("--asg" if self.is_group else "--target-group", self.name)
        pace = ("--poll", f"{_FAST_POLL_SECONDS:g}") if verb == "roll" and speed > _REAL_TIME else ()
        # A fleet of one server has none to spare: its replacement must serve first.
        first = ("--launch-first",) if self.servers == 1 else ()
        return shlex.join(("awsroll", verb, *fleet, "--launch-template", f"{self.name}:2", *first, *pace))

    def to_json(self, *, speed: float) -> dict[str, Any]:
        """Return the fleet as JSON fields."""
        return {
            "name": self.name,
            "servers": self.servers,
            "kind": "auto-scaling" if self.is_group else "standalone",
            "plan": self.command("plan", speed=speed),
            "roll": self.command("roll", speed=speed),
        }


def read_fleets(texts: Sequence[str]) -> tuple[SandboxFleet, ...]:
    """Return the fleets of the `--fleet` options.

    Raises:
        SpecError: an option is malformed, or two fleets have the same name.
    """
    fleets = tuple(_fleet(text) for text in texts)
    if repeated := [name for name, count in Counter(fleet.name for fleet in fleets).items() if count > 1]:
        problem = f"--fleet: two fleets have the name {repeated[0]}. Nothing was started. Give each fleet its own name"
        raise SpecError(problem)
    return fleets


def _fleet(text: str) -> SandboxFleet:
    match = _FLEET.fullmatch(text)
    if match is None or len(match["name"]) not in _NAME_LENGTH or match["name"].startswith(_RESERVED):
        problem = (
            f"--fleet {text} is not valid. Nothing was started. Give {EXAMPLES}; a name has 3 to 28 letters, digits "
            f"and single hyphens, and does not begin with {_RESERVED}"
        )
        raise SpecError(problem)
    servers = int(match["servers"])
    if not 1 <= servers <= MOST_SERVERS:
        problem = f"--fleet {text}: the number of servers must be 1 to {MOST_SERVERS}. Nothing was started"
        raise SpecError(problem)
    return SandboxFleet(name=match["name"], servers=servers, is_group=match["kind"] is None)
