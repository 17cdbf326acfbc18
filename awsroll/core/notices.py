"""What to tell people about a rollout: started, waits for an approval, failed, paused, rolled back, ended.

The notices follow from the record, not from events: a process that reads the record later finds the same notices with
the same keys. So a notice that was lost with its process is sent again, and a receiver drops what it has by its key. A
wait for a person has a new notice every day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from awsroll.core.approval_link import ApprovalLink
from awsroll.core.decide.approvals import awaited_approval
from awsroll.core.model.command_text import with_options, with_options_in
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.user_requests import UserRequests

_DAY = timedelta(days=1)
_STAMP = "%Y%m%dT%H%M%S"


class NoticeKind(StrEnum):
    """What a notice is about. Its value is the detail type of the event on EventBridge."""

    STARTED = "Rollout Started"
    APPROVAL_AWAITED = "Rollout Approval Awaited"
    FAILED = "Rollout Failure"
    PAUSED = "Rollout Paused"
    ROLLED_BACK = "Rollout Rolled Back"
    ENDED = "Rollout Ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message for people.

    Attributes:
        key: identifies it among all notices of all rollouts. The same notice sent again has the same key.
        text: what happened, in one or two sentences.
        command: the command that continues the rollout; empty if none is needed.
        approval: what the link of a notice that asks for an approval is for; None for other notices.
        link: the address of the page that approves or rejects; empty if no page is deployed. Who has it may answer.
    """

    kind: NoticeKind
    key: str
    rollout_id: str
    fleet: str
    status: str
    text: str
    command: str = ""
    approval: ApprovalLink | None = None
    link: str = ""

    def with_options(self, options: str) -> "Notice":
        """Return the notice with commands that name the store of the rollout."""
        return replace(self, text=with_options_in(self.text, options), command=with_options(self.command, options))

    def with_link(self, link: str) -> "Notice":
        """Return the notice with the address of the page that approves or rejects."""
        return replace(self, link=link)

    @property
    def message(self) -> str:
        """The text with the command and the link."""
        command = f" Continue: `{self.command}`" if self.command else ""
        return f"{self.text}{command}{f' Approve or reject: {self.link}' if self.link else ''}"

    def as_dict(self) -> dict[str, str]:
        """Return it as plain values."""
        return {
            "id": self.key,
            "rollout_id": self.rollout_id,
            "fleet": self.fleet,
            "status": self.status,
            "text": self.text,
            "command": self.command,
            "link": self.link,
        }


def due_notices(rollout: Rollout, status: Status, requests: UserRequests, at: datetime) -> tuple[Notice, ...]:
    """Return all notices of a rollout up to an instant, in order.

    Args:
        rollout: the rollout.
        status: its record.
        requests: the user requests in the store, which may be newer than those in the record.
        at: the current instant.
    """
    moved = f"from {rollout.from_name or 'an unknown version'} to {rollout.to_name}"
    notices = [_notice(rollout, status, NoticeKind.STARTED, "started", f"started, {moved}.")]
    notices += [
        _notice(rollout, status, NoticeKind.FAILED, f"failed-{number}", f"has a failure: {failure.cause}.")
        for number, failure in enumerate(status.failures, start=1)
    ]
    if status.mode is Mode.ENDED:
        return (*notices, _ended(rollout, status))
    waiting = _approval(rollout, status, requests, at) or _paused(rollout, status, at)
    return (*notices, waiting) if waiting is not None else tuple(notices)


def _approval(rollout: Rollout, status: Status, requests: UserRequests, at: datetime) -> Notice | None:
    awaited = awaited_approval(rollout, status, requests)
    if awaited is None or awaited.answer or status.gate.asked_since is None:
        return None
    key = f"approval-{awaited.checkpoint}-{_stamp(awaited.since)}-{_days(awaited.since, at)}"
    text = f"waits for an approval at {awaited.place}."
    made = _notice(rollout, status, NoticeKind.APPROVAL_AWAITED, key, text, command=awaited.command)
    link = ApprovalLink.asked(rollout.rollout_id, checkpoint=awaited.checkpoint, since=awaited.since, at=at)
    return replace(made, approval=link)


def _paused(rollout: Rollout, status: Status, at: datetime) -> Notice | None:
    """Return the notice of a pause that has come to rest: nothing continues it but a person."""
    if status.outcome is not Outcome.PAUSED or status.must_rest:
        return None
    since = status.observed_at or status.started_at
    key, name = f"paused-{_stamp(since)}-{_days(since, at)}", rollout.rollout_id
    text = f"is paused: {status.reason}. `awsroll abort {name}` ends it."
    return _notice(rollout, status, NoticeKind.PAUSED, key, text, command=f"awsroll resume {name}")


def _ended(rollout: Rollout, status: Status) -> Notice:
    kind = NoticeKind.ROLLED_BACK if status.outcome is Outcome.ROLLED_BACK else NoticeKind.ENDED
    ended_at = status.ended_at or status.started_at
    return _notice(rollout, status, kind, f"ended-{_stamp(ended_at)}", f"{status.outcome.because(status.reason)}.")


def _notice(  # noqa: PLR0913 - one of them has a default
    rollout: Rollout, status: Status, kind: NoticeKind, key: str, text: str, *, command: str = ""
) -> Notice:
    return Notice(
        kind=kind,
        key=f"{rollout.rollout_id}/{key}",
        rollout_id=rollout.rollout_id,
        fleet=rollout.fleet,
        status=status.outcome.value,
        text=f"Rollout {rollout.rollout_id} of {rollout.fleet} {text}",
        command=command,
    )


def _stamp(at: datetime) -> str:
    return at.strftime(_STAMP)


def _days(since: datetime, at: datetime) -> int:
    return max(0, (at - since) // _DAY)
