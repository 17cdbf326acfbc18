"""Which checkpoint waits for a person, and which answers count."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.decide.approvals import approval_event, awaited_approval, why_no_answer
from awsroll.core.model.amount import Amount
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Gates
from awsroll.core.model.rollout_events import EventName
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Failure
from awsroll.core.model.user_requests import UserRequests
from tests.stores.records import T0, record
from tests.support.status import changed

CHECKPOINTS = tuple(Amount(value=value) for value in (1, 2, 3))
WITHOUT_APPROVAL = Gates(checkpoints=CHECKPOINTS, delay_seconds=60)


def gated(*, gates: Gates | None = None) -> Rollout:
    return replace(record().rollout, gates=gates or Gates(checkpoints=CHECKPOINTS, needs_approval=True))


def waiting(*, passed: int = 1, **facts: Any) -> Status:
    """Return the record of a rollout that waits at a checkpoint."""
    return changed(record().status, closed_since=T0, passed=passed, serving=("i-7", "i-8"), **facts)


def problem(status: Status, requests: UserRequests, *, approves: bool = True, checkpoint: int | None = None) -> str:
    return why_no_answer(gated(), status, requests, approves=approves, checkpoint=checkpoint)


def test_the_awaited_checkpoint_says_how_far_the_fleet_is_and_which_command_approves_it() -> None:
    awaited = awaited_approval(gated(), waiting(), UserRequests(approved=1))

    assert awaited is not None
    assert awaited.place == "checkpoint 2 of 3: 2 of 3 servers on lt-1:2"
    assert (awaited.since, awaited.command) == (T0, "awsroll approve web-1 --checkpoint 2")
    assert approval_event(awaited).name is EventName.APPROVAL_AWAITED
    assert awaited.command in str(approval_event(awaited).fields["message"])


@pytest.mark.parametrize("approves", [True, False], ids=["approve", "reject"])
@pytest.mark.parametrize("checkpoint", [None, 2], ids=["unnamed", "named"])
def test_the_waiting_checkpoint_accepts_an_answer(checkpoint: int | None, *, approves: bool) -> None:
    assert problem(waiting(), UserRequests(approved=1), approves=approves, checkpoint=checkpoint) == ""


@pytest.mark.parametrize("approves", [True, False], ids=["approve", "reject"])
@pytest.mark.parametrize(
    ("requests", "answer"),
    [(UserRequests(approved=2), "approved"), (UserRequests(approved=1).rejecting(2), "rejected")],
    ids=["approved", "rejected"],
)
def test_the_first_answer_counts(requests: UserRequests, answer: str, *, approves: bool) -> None:
    awaited = awaited_approval(gated(), waiting(), requests)

    assert awaited is not None
    assert awaited.answer == answer
    assert f"checkpoint 2 of 3 of rollout web-1 was {answer} already" in problem(waiting(), requests, approves=approves)


@pytest.mark.parametrize(
    ("status", "checkpoint", "words"),
    [
        (waiting(), 1, "checkpoint 1 of rollout web-1 has passed; checkpoint 2 of 3 waits"),
        (waiting(), 3, "checkpoint 3 of rollout web-1 is not reached yet; checkpoint 2 of 3 waits"),
        (waiting(), 4, "has 3 checkpoints, so there is no checkpoint 4"),
        (waiting(), 0, "there is no checkpoint 0"),
        (changed(record().status, passed=1), None, "has not reached checkpoint 2 of 3 yet"),
        (changed(record().status, passed=3), None, "has passed all 3 checkpoints"),
        (waiting(rolling_back=True), None, "rolls back, so no checkpoint waits"),
        (waiting(mode=Mode.STOPPING), None, "is about to end, so no checkpoint waits"),
    ],
    ids=["passed", "in-advance", "too-high", "zero", "not-reached", "all-passed", "rolling-back", "stopping"],
)
def test_an_answer_to_a_checkpoint_that_does_not_wait_is_refused(
    status: Status, checkpoint: int | None, words: str
) -> None:
    for approves in (True, False):
        assert words in problem(status, UserRequests(), approves=approves, checkpoint=checkpoint)


def test_a_checkpoint_with_a_delay_alone_can_only_be_rejected() -> None:
    rollout, requests = gated(gates=WITHOUT_APPROVAL), UserRequests()

    refused = why_no_answer(rollout, waiting(), requests, approves=True, checkpoint=None)

    assert "checkpoint 2 of 3 of rollout web-1 needs no approval" in refused
    assert why_no_answer(rollout, waiting(), requests, approves=False, checkpoint=None) == ""
    assert awaited_approval(rollout, waiting(), requests) is None


def test_a_rollout_without_checkpoints_waits_for_no_answer() -> None:
    refused = why_no_answer(record().rollout, record().status, UserRequests(), approves=True, checkpoint=None)

    assert refused == "rollout web-1 has no checkpoints"


def test_a_rejection_that_paused_the_rollout_leaves_the_checkpoint_open_for_an_answer() -> None:
    rejection = Failure(instance_id="", cause="rejected by a person", at=T0, final=True)
    paused = waiting(outcome=Outcome.PAUSED, failures=(rejection,))

    assert problem(paused, UserRequests(approved=1).rejecting(2)) == ""


def test_an_answer_never_applies_to_the_next_checkpoint() -> None:
    approved, rejected = UserRequests().approving(1), UserRequests().rejecting(1)

    assert not rejected.rejects(2)
    for requests in (approved, rejected):
        awaited = awaited_approval(gated(), waiting(passed=1), requests)
        assert awaited is not None
        assert awaited.answer == ""
