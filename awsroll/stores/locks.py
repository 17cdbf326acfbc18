"""The locks of a fleet: one for the Auto Scaling group, or one for each target group of a standalone fleet.

A group's rollout that changes settings of target groups locks them, too. The rollout itself has a lock of its own.

Values only.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from awsroll.core.model.rollout import Rollout
from awsroll.stores.process_identity import Process

_READABLE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The driver of a rollout.

    Attributes:
        token: random, so that two holders are never equal, even in one process.
        takes_steps: it drives the rollout for one step, and extends the lease for the next step.
        arn: of the execution that makes the steps, else of the caller of AWS; empty: not known.
    """

    rollout_id: str
    process: Process
    since: datetime
    token: str
    takes_steps: bool = False
    arn: str = ""

    def __str__(self) -> str:
        process, rollout = self.process, self.rollout_id
        since = f"{self.since:%Y-%m-%d %H:%M:%SZ}"
        if self.takes_steps:
            unknown = f"an execution, pipeline or function that makes its steps; an execution has the name {rollout}"
            execution = self.arn or unknown
            return f"rollout {rollout} ({execution}; last step at {since})"
        caller = f" as {self.arn}" if self.arn else ""
        return f"rollout {rollout} (process {process.number} on {process.host}{caller}, since {since})"


def holder_of(rollout: Rollout, process: Process, since: datetime, *, takes_steps: bool = False) -> Holder:
    """Return a process as the driver of a rollout, unlike every other one."""
    return Holder(
        rollout_id=rollout.rollout_id, process=process, since=since, token=uuid4().hex, takes_steps=takes_steps
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock as it is stored.

    Attributes:
        about: the full name of the locked resource; the key is derived from it.
        fence: counts the holders without a release in between.
        expires_at: when the lease ends, by the clock of the store (`lock_expiry`).
        awaits_next_step: no process works under it; the next step of the same rollout may take it at any time.
        seconds: the length of the lease.
        boot_seconds: when it was written, by the clock of the holder's boot; None: not in real time.
    """

    about: str
    holder: Holder
    fence: int
    expires_at: datetime
    awaits_next_step: bool = False
    seconds: float = 60
    boot_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.expires_at.tzinfo is None:
            problem = "expires_at has no time zone"
            raise ValueError(problem)


def fleet_parts(rollout: Rollout) -> tuple[str, ...]:
    """Return the names of what no two rollouts may change at a time: the group, or the target groups."""
    group = (f"{rollout.account}/{rollout.region}/{rollout.group}",) if rollout.group else ()
    return tuple(sorted({*group, *rollout.held_target_groups}))


def servers_of(parts: Collection[str]) -> frozenset[str]:
    """Return the parts of a fleet that hold its servers: the group, or the target groups of a standalone fleet.

    The target groups among the parts of a group's rollout are parts only because their settings change.
    """
    groups = frozenset(part for part in parts if not _is_target_group(part))
    return groups or frozenset(parts)


def part_words(part: str) -> str:
    """Return the name of a part of a fleet for a message, such as `target group web` or `group web`."""
    if _is_target_group(part):
        return f"target group {part.rsplit(':targetgroup/', maxsplit=1)[-1].split('/', maxsplit=1)[0]}"
    return f"group {part.split('/', 2)[-1]}"


def _is_target_group(part: str) -> bool:
    return part.startswith("arn:")


def lock_keys(rollout: Rollout) -> dict[str, str]:
    """Return the keys of the locks of a rollout, each with its resource, in the order in which they are taken.

    The lock of the rollout itself comes last: a rollout that is refused because of its fleet leaves no file behind.
    """
    parts = {f"fleets/{_file_name(part)}": part for part in fleet_parts(rollout)}
    return {**parts, rollout_lock(rollout.rollout_id): rollout.rollout_id}


def rollout_lock(rollout_id: str) -> str:
    """Return the key of the lock of the rollout itself."""
    return f"rollouts/{rollout_id}/lock.json"


def _file_name(part: str) -> str:
    readable = "".join(letter if (letter.isascii() and letter.isalnum()) or letter == "-" else "_" for letter in part)
    return f"{readable[-_READABLE:]}-{sha256(part.encode()).hexdigest()[:12]}.json"
