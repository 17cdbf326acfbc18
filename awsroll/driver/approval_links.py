"""The links by which people answer checkpoints in a browser: a driver makes them, the function behind them opens them.

An answer by a link takes the way of `awsroll approve`: it is a user request for exactly the checkpoint of the link.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from awsroll.core.approval_link import ApprovalLink
from awsroll.core.decide.approvals import AwaitedApproval, awaited_approval, why_no_answer
from awsroll.core.model.status import Mode
from awsroll.core.model.user_requests import UserRequests, approval_of, rejection_of
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.driver.user_commands import Command, apply_command
from awsroll.errors import NoApprovalAwaitedError
from awsroll.ports import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The checkpoint of a link, as it stands.

    Attributes:
        awaited: what the person decides about; None: the checkpoint does not wait for an answer.
        answer: `approved` or `rejected` if the checkpoint has an answer; else empty.
        reason: why it does not wait; empty if it waits.
    """

    record: Record
    awaited: AwaitedApproval | None = None
    answer: str = ""
    reason: str = ""


def question_of(link: ApprovalLink, context: Context) -> Question:
    """Return how the checkpoint of a link stands. This changes nothing.

    Raises:
        StateError: if the record is missing or cannot be used.
    """
    store = Session(context).record_store()
    record = store.load(link.rollout_id)
    requests = store.user_requests(link.rollout_id)
    rollout, status = record.rollout, record.status
    awaited = awaited_approval(rollout, status, requests)
    is_asked = awaited is not None and (awaited.checkpoint, _second(awaited.since)) == (link.checkpoint, link.since)
    if awaited is not None and is_asked and not awaited.answer:
        return Question(record=record, awaited=awaited)
    if answer := _answer(requests, link.checkpoint):
        name = requests.who({"approved": approval_of, "rejected": rejection_of}[answer](link.checkpoint))
        return Question(record=record, answer=answer, reason=f"It was {answer}{f' by {name}' if name else ''}.")
    if status.mode is Mode.ENDED:
        return Question(record=record, reason=f"The rollout {status.outcome.because(status.reason)}.")
    reason = why_no_answer(rollout, status, requests, approves=True, checkpoint=link.checkpoint)
    earlier = "This link is of an earlier wait at it. The newest message has its link"
    return Question(record=record, reason=f"{reason or earlier}.")


def answer_by_link(link: ApprovalLink, command: Command, context: Context) -> None:
    """Approve or reject the checkpoint of a link.

    Raises:
        NoApprovalAwaitedError: if it does not wait for an answer; nothing was changed.
        StateError: if the record is missing or cannot be used.
    """
    question = question_of(link, context)
    if question.awaited is None:
        raise NoApprovalAwaitedError(question.reason)
    apply_command(link.rollout_id, command, context, checkpoint=link.checkpoint, by=link.who)


def _answer(requests: UserRequests, checkpoint: int) -> str:
    if requests.approved >= checkpoint:
        return "approved"
    return "rejected" if requests.rejects(checkpoint) else ""


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
