"""Approvals: which checkpoint waits for a person, and which answers it accepts.

An answer names its checkpoint, so it never opens a later one. The first answer to a checkpoint counts. An answer in
advance is refused, because the person has not seen that checkpoint yet.
"""

from dataclasses import dataclass
from datetime import datetime

from awsroll.core.classify.counts import count_servers
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Rehearsal
from awsroll.core.model.user_requests import UserRequests, approval_of, rejection_of
from awsroll.core.observe.rejection import is_rejection_applied


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedApproval:
    """A checkpoint that waits for a person.

    Attributes:
        checkpoint: its number, from 1.
        checkpoints: the number of checkpoints of the rollout.
        updated: servers that serve on the new version.
        servers: servers that the fleet should have.
        zone: the zone that ends at this checkpoint; empty unless the zones come one by one.
        version: the new version.
        version_name: the new version with the name of its launch template; empty if that is not known.
        since: since when the checkpoint waits.
        command: the command that approves it.
        answer: `approved` or `rejected` if a person has answered and the rollout has not acted on it yet; else empty.
        answered_by: who has answered; empty if that is not known.
    """

    checkpoint: int
    checkpoints: int
    updated: int
    servers: int
    version: str
    since: datetime
    command: str
    answer: str = ""
    answered_by: str = ""
    zone: str = ""
    version_name: str = ""

    @property
    def place(self) -> str:
        """What the person decides about: `checkpoint 2 of 3: 5 of 20 servers on web:7`."""
        servers = f"{self.updated} of {self.servers} servers on {self.version_name or self.version}"
        zone = f", the end of zone {self.zone}" if self.zone else ""
        return f"checkpoint {self.checkpoint} of {self.checkpoints}{zone}: {servers}"


_REQUEST_OF = {"approved": approval_of, "rejected": rejection_of}


def closed_checkpoint(status: Status) -> int:
    """Return the number of the checkpoint whose gate is closed, from 1; 0 if the rollout waits at none."""
    rolls = status.mode is Mode.ROLLING and not status.rolling_back and status.rehearsal is not Rehearsal.FORTH
    is_closed = status.gate.closed_since is not None and rolls
    return status.gate.passed + 1 if is_closed else 0


def awaited_approval(rollout: Rollout, status: Status, requests: UserRequests) -> AwaitedApproval | None:
    """Return the checkpoint that waits for a person; None if none does.

    Args:
        rollout: the rollout.
        status: its record.
        requests: the user requests in the store, which may be newer than those in the record.
    """
    return checkpoint_at_rest(rollout, status, requests) if rollout.gates.needs_approval else None


def checkpoint_at_rest(rollout: Rollout, status: Status, requests: UserRequests) -> AwaitedApproval | None:
    """Return the checkpoint that the rollout waits at, for an approval or for its delay alone; None if at none."""
    number, since = closed_checkpoint(status), status.gate.asked_since or status.gate.closed_since
    if not number or since is None:
        return None
    counts, answer = count_servers(rollout, status), _answer(status, requests, number)
    return AwaitedApproval(
        checkpoint=number,
        checkpoints=len(rollout.gates.names),
        updated=counts.updated,
        servers=counts.wanted,
        version=rollout.to_version,
        since=since,
        command=f"awsroll approve {rollout.rollout_id} --checkpoint {number}",
        answer=answer,
        answered_by=requests.who(_REQUEST_OF[answer](number)) if answer else "",
        zone=rollout.gates.zones[number - 1] if rollout.gates.by_zone else "",
        version_name=rollout.to_name,
    )


def approval_event(awaited: AwaitedApproval) -> Event:
    """Return the event that a checkpoint waits for a person."""
    fields: dict[str, str | int] = {
        "checkpoint": awaited.checkpoint,
        "checkpoints": awaited.checkpoints,
        "updated": awaited.updated,
        "servers": awaited.servers,
        "command": awaited.command,
        "message": f"{awaited.place}. Approve with `{awaited.command}`, or reject with --reject",
    }
    return Event(name=EventName.APPROVAL_AWAITED, fields=fields)


def why_no_answer(
    rollout: Rollout, status: Status, requests: UserRequests, *, approves: bool, checkpoint: int | None
) -> str:
    """Return why a person's answer to a checkpoint is refused; empty if it counts.

    Args:
        rollout: the rollout.
        status: its record.
        requests: the user requests in the store.
        approves: whether the answer opens the checkpoint. A rejection needs no checkpoint that asks for approval.
        checkpoint: the number that the answer names; None: the checkpoint that waits.
    """
    name, total = rollout.rollout_id, len(rollout.gates.names)
    waiting = checkpoint_at_rest(rollout, status, requests)
    if checkpoint is not None and not 1 <= checkpoint <= total:
        return f"rollout {name} has {total or 'no'} checkpoints, so there is no checkpoint {checkpoint}"
    if waiting is None:
        return _why_none_waits(rollout, status)
    here = f"checkpoint {waiting.checkpoint} of {total}"
    if checkpoint is not None and checkpoint != waiting.checkpoint:
        fate = "has passed" if checkpoint < waiting.checkpoint else "is not reached yet"
        return f"checkpoint {checkpoint} of rollout {name} {fate}; {here} waits"
    if approves and not rollout.gates.needs_approval:
        return f"{here} of rollout {name} needs no approval: it opens after its delay"
    if waiting.answer:
        return f"{here} of rollout {name} was {waiting.answer} already, and the rollout has not acted on it yet"
    return ""


def _answer(status: Status, requests: UserRequests, number: int) -> str:
    if requests.approved >= number:
        return "approved"
    # The rollout acts on a rejection by a rollback, a stop or a pause. Only the pause keeps the gate closed.
    is_applied = status.outcome is Outcome.PAUSED and is_rejection_applied(status)
    return "rejected" if requests.rejects(number) and not is_applied else ""


def _why_none_waits(rollout: Rollout, status: Status) -> str:
    name, total = rollout.rollout_id, len(rollout.gates.names)
    if not total:
        return f"rollout {name} has no checkpoints"
    if status.rolling_back:
        return f"rollout {name} rolls back, so no checkpoint waits"
    if status.mode is not Mode.ROLLING:
        return f"rollout {name} is about to end, so no checkpoint waits"
    if status.gate.passed >= total:
        return f"rollout {name} has passed all {total} checkpoints"
    return f"rollout {name} has not reached checkpoint {status.gate.passed + 1} of {total} yet"
