"""The channels: what each destination receives, and that no message shows the URL of a webhook."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from moto import mock_aws

from awsroll.aws.connection import Connection
from awsroll.core.model.destinations import Destination, DestinationKind, destination, without_secrets
from awsroll.core.notices import Notice, NoticeKind
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import AwsError, SpecError
from awsroll.notifications.channels import UndeliveredError, channel, post_json
from awsroll.testing.clock import VirtualClock

NOTICE = Notice(
    kind=NoticeKind.APPROVAL_AWAITED,
    key="web-1/approval-1-20260101T000000-0",
    rollout_id="web-1",
    fleet="web",
    status="running",
    text="Rollout web-1 of web waits for an approval at checkpoint 1 of 1.",
    command="awsroll approve web-1 --checkpoint 1",
)
SECRET = "https://hooks.slack.com/services/T0/B0/secret"
REGION = "eu-west-1"


def connect(region: str) -> Connection:
    return Connection(boto3.Session(region_name=REGION), clock=VirtualClock(), region=region or None)


@pytest.fixture(name="subscribed")
def _subscribed() -> Iterator[Any]:
    """Return a function that reads the messages that a queue receives."""
    with mock_aws():
        queues = boto3.client("sqs", region_name=REGION)
        url = queues.create_queue(QueueName="notices")["QueueUrl"]

        def read() -> list[dict[str, Any]]:
            return [json.loads(one["Body"]) for one in queues.receive_message(QueueUrl=url).get("Messages", [])]

        yield url, read


def test_a_topic_receives_the_message_with_the_command(subscribed: Any) -> None:
    _, read = subscribed
    topics = boto3.client("sns", region_name=REGION)
    arn = topics.create_topic(Name="notices")["TopicArn"]
    queue = f"arn:aws:sqs:{REGION}:123456789012:notices"
    topics.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)

    channel(destination(f"sns:{arn}"), connect).send(NOTICE)

    (message,) = read()
    assert message["Message"] == NOTICE.message
    assert message["Subject"] == "awsroll: Rollout Approval Awaited (web)"
    assert message["MessageAttributes"]["id"]["Value"] == NOTICE.key


def test_a_bus_receives_an_event_with_the_id(subscribed: Any) -> None:
    _, read = subscribed
    events = boto3.client("events", region_name=REGION)
    events.put_rule(Name="all", EventPattern='{"source": ["awsroll"]}')
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:123456789012:notices"}])

    channel(destination("eventbridge"), connect).send(NOTICE)

    (event,) = read()
    assert (event["source"], event["detail-type"]) == ("awsroll", "Rollout Approval Awaited")
    assert event["detail"] == NOTICE.as_dict()


def test_a_topic_that_does_not_exist_is_an_error_of_aws() -> None:
    with mock_aws(), pytest.raises(AwsError):
        channel(destination("sns:arn:aws:sns:eu-west-1:123456789012:absent"), connect).send(NOTICE)


@pytest.mark.parametrize(
    ("url", "is_card"),
    [
        (SECRET, False),
        ("https://x.webhook.office.com/y", True),
        ("https://prod.westeurope.logic.azure.com:443/y", True),
    ],
)
def test_a_webhook_receives_the_form_of_its_host(url: str, *, is_card: bool) -> None:
    posted: list[tuple[str, Any]] = []
    channel(destination(url), connect, post=lambda to, body: posted.append((to, json.loads(body)))).send(NOTICE)
    ((to, body),) = posted
    assert to == url
    if is_card:
        (attachment,) = body["attachments"]
        assert [block["text"] for block in attachment["content"]["body"]] == [NOTICE.text, NOTICE.command]
    else:
        assert body == {"text": NOTICE.message}


class _Refusing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(int(self.path.removeprefix("/")))
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.mark.parametrize("code", [302, 403, 500])
def test_a_refusal_and_a_redirect_are_errors_without_the_url(code: int) -> None:
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(UndeliveredError, match=f"^it answered {code}$"):
            post_json(f"http://127.0.0.1:{server.server_port}/{code}", b"{}")
        thread.join()


def test_a_host_that_does_not_answer_is_an_error_without_the_url() -> None:
    with pytest.raises(UndeliveredError, match=r"^it did not answer \(URLError\)$"):
        post_json("http://127.0.0.1:1/secret", b"{}")


def test_destinations_are_named_without_their_secret() -> None:
    shown = destination(SECRET)
    assert (shown.kind, shown.shown) == (DestinationKind.WEBHOOK, "webhook at hooks.slack.com")
    assert repr(shown) == "Destination(webhook at hooks.slack.com)"
    assert without_secrets((SECRET, "eventbridge")) == ("eventbridge",)
    assert destination("eventbridge:main") == Destination(
        kind=DestinationKind.BUS, address="main", shown="event bus main"
    )


@pytest.mark.parametrize("value", ["http://x/secret", "sns:web", "eventbridge:", "https://", "https://a b/secret"])
def test_a_wrong_destination_is_refused_without_being_shown(value: Any) -> None:
    with pytest.raises(SpecError) as refused:
        RolloutSpec(asg="web", notify=(value,))
    assert "may be a secret" in str(refused.value)
    assert "x/secret" not in str(refused.value)
