"""Which notices follow from a record, and their keys."""

from dataclasses import replace
from datetime import timedelta

import pytest

from awsroll.core.model.amount import Amount
from awsroll.core.model.command_text import with_options_in
from awsroll.core.model.rollout_choices import Gates
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Failure, Gate
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.notices import Notice, NoticeKind, due_notices
from tests.stores.records import T0, record

ROLLOUT = replace(record().rollout, gates=Gates(checkpoints=(Amount(value=1),), needs_approval=True))
RUNNING = replace(record().status, observed_at=T0)


def kinds(status: Status, *, hours: float = 0, requests: UserRequests | None = None) -> list[NoticeKind]:
    return [notice.kind for notice in notices(status, hours=hours, requests=requests)]


def notices(status: Status, *, hours: float = 0, requests: UserRequests | None = None) -> tuple[Notice, ...]:
    return due_notices(ROLLOUT, status, requests or UserRequests(), T0 + timedelta(hours=hours))


def test_a_running_rollout_has_started() -> None:
    (started,) = notices(RUNNING)
    assert (started.kind, started.key) == (NoticeKind.STARTED, "web-1/started")
    assert started.message == "Rollout web-1 of web started, from lt-1:1 to lt-1:2."


def test_an_approval_names_its_command_and_is_repeated_every_day() -> None:
    waits = replace(RUNNING, gate=Gate(closed_since=T0, asked_since=T0))
    first, same, next_day = (notices(waits, hours=hours)[-1] for hours in (0, 23, 25))
    assert first.kind is NoticeKind.APPROVAL_AWAITED
    assert first.command == "awsroll approve web-1 --checkpoint 1"
    assert first.message.endswith("Continue: `awsroll approve web-1 --checkpoint 1`")
    assert first.key == same.key != next_day.key
    assert kinds(waits, requests=UserRequests(approved=1)) == [NoticeKind.STARTED], "a person has answered"


def test_a_pause_is_repeated_every_day_once_the_group_is_at_rest() -> None:
    paused = replace(RUNNING, outcome=Outcome.PAUSED, reason="paused by request")
    first, next_day = (notices(paused, hours=hours)[-1] for hours in (0, 24))
    assert first.kind is NoticeKind.PAUSED
    assert "is paused: paused by request. `awsroll abort web-1` ends it." in first.text
    assert first.command == "awsroll resume web-1"
    assert first.key != next_day.key
    assert kinds(replace(paused, must_rest=True)) == [NoticeKind.STARTED]


def test_each_failure_and_each_end_has_a_notice() -> None:
    failures = (Failure(instance_id="i-1", cause="i-1 never became healthy", at=T0),) * 2
    back = replace(RUNNING, failures=failures, mode=Mode.ENDED, outcome=Outcome.ROLLED_BACK, ended_at=T0)
    assert kinds(back) == [NoticeKind.STARTED, NoticeKind.FAILED, NoticeKind.FAILED, NoticeKind.ROLLED_BACK]
    done = replace(RUNNING, mode=Mode.ENDED, outcome=Outcome.SUCCEEDED, ended_at=T0)
    assert notices(done)[-1].message == "Rollout web-1 of web succeeded."
    again = replace(done, ended_at=T0 + timedelta(hours=1))
    assert notices(again)[-1].key != notices(done)[-1].key, "a rollout that was reopened ends again"
    assert len({notice.key for notice in notices(back)}) == 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Paused. `awsroll abort web-1` ends it.", "Paused. `awsroll abort web-1 --state s3://a` ends it."),
        ("make it with `awsroll state create --state s3://b`", "make it with `awsroll state create --state s3://b`"),
        ("see `awsroll list --state s3://b`", "see `awsroll list --state s3://b`"),
        ("try `awsroll doctor --asg web`", "try `awsroll doctor --asg web`"),
        ("awsroll resume", "awsroll resume"),
    ],
)  # fmt: skip
def test_the_commands_in_a_text_name_the_store(text: str, shown: str) -> None:
    assert with_options_in(text, "--state s3://a") == shown
    assert with_options_in(text, "") == text


def test_a_notice_has_commands_that_work_at_another_machine() -> None:
    paused = notices(replace(RUNNING, outcome=Outcome.PAUSED, reason="paused by request"))[-1]
    sent = paused.with_options("--state dynamodb://deploys --region eu-west-1")

    assert sent.command == "awsroll resume web-1 --state dynamodb://deploys --region eu-west-1"
    assert "`awsroll abort web-1 --state dynamodb://deploys --region eu-west-1` ends it" in sent.text
    assert sent.key == paused.key
