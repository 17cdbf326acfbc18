"""Rollouts send notices from every driver, keep no webhook, and continue if nothing can be sent."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import pytest

import awsroll
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.driver.first_step import start_rollout
from awsroll.driver.notifying import store_options
from awsroll.driver.steps import step
from awsroll.notifications import channels
from awsroll.stores import RolloutRequest
from awsroll.stores.opening import open_store
from tests.rollouts.rolling import Rolling, enter, make_sandbox

WEBHOOK = "https://hooks.slack.com/services/T0/B0/secret"
TOPIC = "sns:arn:aws:sns:us-east-1:123456789012:absent"


@pytest.fixture(name="one")
def _one(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path, grouped=True, servers=1)


@pytest.fixture(name="posted")
def _posted() -> Iterator[list[str]]:
    sent: list[str] = []
    with patch.object(channels, "post_json", lambda _url, body: sent.append(body.decode())):
        yield sent


def test_a_rollout_tells_its_approval_and_its_end_and_stores_no_webhook(one: Rolling, posted: list[str]) -> None:
    request = one.request(
        launch_first=True, checkpoint=("1",), approve_checkpoints=True, notify=(WEBHOOK, "eventbridge")
    )
    session, clock = one.sandbox.session(), one.clock
    paused = operations.roll(request, Context(session=session, store=one.store, clock=clock, wait_for_approval=False))
    awsroll.approve(paused.rollout_id, store=one.store)
    report = awsroll.resume(paused.rollout_id, session=session, store=one.store, clock=clock, request=request)

    assert report.status is Outcome.SUCCEEDED
    texts = "\n".join(posted)
    assert f"Continue: `awsroll approve {report.rollout_id} --checkpoint 1`" in texts
    assert [text for text in posted if "succeeded" in text] == posted[-1:]
    assert len([text for text in posted if " started" in text]) == 1, "the next process knows what was sent"
    stored = b"".join(path.read_bytes() for path in one.store.directory.rglob("*") if path.is_file())
    assert b"secret" not in stored
    assert "secret" not in report.as_dict().__repr__()


def test_a_destination_that_refuses_is_a_warning(one: Rolling) -> None:
    seen: list[dict[str, Any]] = []

    class Sink:
        def event(self, name: str, _at: object, **fields: object) -> None:
            if name == "rollout.warning":
                seen.append(fields)

        def observed(self, *_: object) -> None: ...

    request = one.request(launch_first=True, notify=(TOPIC,))
    context = Context(session=one.sandbox.session(), store=one.store, clock=one.clock, sink=Sink())  # type: ignore[arg-type]
    assert operations.roll(request, context).status is Outcome.SUCCEEDED
    assert len([fields for fields in seen if "did not accept a notice" in str(fields["message"])]) == 1


def test_steps_tell_a_pause_and_repeat_it_every_day(one: Rolling, posted: list[str]) -> None:
    context = Context(session=one.sandbox.session(), store=one.store, clock=one.clock, notify=(WEBHOOK,))
    rollout = start_rollout(RolloutRequest(request=one.request(launch_first=True)), context).rollout_id
    awsroll.pause(rollout, store=one.store)
    while step(rollout, context).outcome.value != "paused":
        one.clock.sleep(5)
    for _ in range(3):
        one.clock.sleep(12 * 3600)
        step(rollout, context)
    repeated = [text for text in posted if f"Continue: `awsroll resume {rollout}`" in text]
    assert len(repeated) == 2, "once, and once on the next day"


@pytest.mark.parametrize(
    ("address", "region", "options"),
    [
        ("dynamodb://deploys", "eu-west-1", "--state dynamodb://deploys --region eu-west-1"),
        ("s3://deploys/a b", None, "--state 's3://deploys/a b'"),
        ("records", "eu-west-1", ""),
    ],
    ids=["table", "bucket", "directory"],
)
def test_the_commands_of_a_notice_reach_the_store_from_another_machine(
    address: str, region: str | None, options: str
) -> None:
    session = SimpleNamespace(region_name=region)
    assert store_options(Context(session=session), open_store(address, session=boto3.Session)) == options
