"""What one lock is: which part of a fleet it stands for, who holds it, and until when. Values only.

There is one for the Auto Scaling group, one for each target group, and one for the rollout itself.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from awsroll.core.model.rollout import Rollout
from awsroll.stores.process_identity import Process

_READABLE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who drives a rollout.

    Attributes:
        token: random: two holders are never equal, even in one process.
        takes_steps: it drives the rollout for one step alone and parks the fleet for the next one.
    """

    rollout_id: str
    process: Process
    since: datetime
    token: str
    takes_steps: bool = False

    def __str__(self) -> str:
        process = self.process
        since = f"{self.since:%Y-%m-%d %H:%M:%SZ}"
        return f"rollout {self.rollout_id} (process {process.number} on {process.host}, since {since})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One lock as it is stored.

    Attributes:
        about: what it stands for, in full: the key is made of it.
        fence: counts those who have held it without a release in between.
        expires_at: from then on anybody may take it.
        is_parked: nobody works under it now; whoever drives the same rollout step by step may take it at any time.
    """

    about: str
    holder: Holder
    fence: int
    expires_at: datetime
    is_parked: bool = False


def fleet_parts(rollout: Rollout) -> tuple[str, ...]:
    """Name everything that a rollout may change, so that any two rollouts that share a part share a name."""
    group = (f"{rollout.account}/{rollout.region}/{rollout.group}",) if rollout.group else ()
    extra = (key.target_group for key in rollout.extra_targets)
    return tuple(sorted({*group, *rollout.target_groups, *extra}))


def lock_keys(rollout: Rollout) -> dict[str, str]:
    """Return the keys of a rollout's locks with what each is about, in the order in which they are taken.

    The rollout's own comes last: one that is refused because of its fleet leaves nothing behind.
    """
    parts = {f"fleets/{_file_name(part)}": part for part in fleet_parts(rollout)}
    return {**parts, rollout_lock(rollout.rollout_id): rollout.rollout_id}


def rollout_lock(rollout_id: str) -> str:
    """Return the key of the lock of a rollout itself."""
    return f"rollouts/{rollout_id}/lock.json"


def _file_name(part: str) -> str:
    readable = "".join(letter if (letter.isascii() and letter.isalnum()) or letter == "-" else "_" for letter in part)
    return f"{readable[-_READABLE:]}-{sha256(part.encode()).hexdigest()[:12]}.json"
