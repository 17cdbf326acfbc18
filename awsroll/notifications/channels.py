"""The channels of notices: an SNS topic, an event bus of EventBridge, and a webhook in the form of Slack or Teams.

Each call takes a bounded time. An error names the destination without its secret.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Protocol, assert_never
from urllib.parse import urlsplit

from awsroll.aws.connection import Connection
from awsroll.core.model.destinations import Destination, DestinationKind
from awsroll.core.notices import Notice
from awsroll.errors import AwsError, AwsrollError

_SECONDS = 5.0
_TEAMS = (".webhook.office.com", ".logic.azure.com", ".powerplatform.com")
_LONGEST_SUBJECT = 100

Post = Callable[[str, bytes], None]
"""Sends a body of JSON to a URL."""


class UndeliveredError(AwsrollError):
    """Raised when a channel did not accept a notice."""


class Channel(Protocol):
    """A way to send notices to one destination."""

    def send(self, notice: Notice) -> None:
        """Send a notice.

        Raises:
            AwsrollError: if the destination did not accept it.
        """


class Topic:
    """An SNS topic. A FIFO topic drops a notice that it has by its key."""

    def __init__(self, aws: Connection, arn: str) -> None:
        self._aws = aws
        self._arn = arn
        aws.sns.make_client()

    def send(self, notice: Notice) -> None:
        """Publish a notice."""
        subject = f"awsroll: {notice.kind.value} ({notice.fleet})"
        plain = subject.encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]
        self._aws.sns.publish(self._arn, subject=plain, message=notice.message, key=notice.key, kind=notice.kind.value)


class Bus:
    """An event bus of EventBridge. Rules may drop a notice that they have by the `id` in its detail."""

    def __init__(self, aws: Connection, name: str) -> None:
        self._aws = aws
        self._name = name
        aws.event_bridge.make_client()

    def send(self, notice: Notice) -> None:
        """Put an event with the source `awsroll`."""
        refusal = self._aws.event_bridge.put(self._name, detail_type=notice.kind.value, detail=notice.as_dict())
        if refusal:
            raise UndeliveredError(refusal)


class Webhook:
    """An incoming webhook of Slack or Teams."""

    def __init__(self, url: str, post: Post) -> None:
        self._url = url
        self._post = post

    def send(self, notice: Notice) -> None:
        """Post a notice in the form that the host expects."""
        host = urlsplit(self._url).hostname or ""
        body = _for_teams(notice) if host.endswith(_TEAMS) else {"text": notice.message}
        self._post(self._url, json.dumps(body).encode())


def channel(destination: Destination, connect: Callable[[str], Connection], *, post: Post | None = None) -> Channel:
    """Return the channel of a destination.

    Args:
        destination: the destination.
        connect: returns a connection to a region; empty: the region of the caller.
        post: sends a body to a URL; None: over HTTPS.
    """
    kind = destination.kind
    match kind:
        case DestinationKind.TOPIC:
            return Topic(connect(destination.address.split(":")[3]), destination.address)
        case DestinationKind.BUS:
            region = destination.address.split(":")[3] if destination.address.startswith("arn:") else ""
            return Bus(connect(region), destination.address)
        case DestinationKind.WEBHOOK:
            return Webhook(destination.address, post or post_json)
        case _:
            assert_never(kind)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the message is for the host that the caller named."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow no redirect."""


def post_json(url: str, body: bytes) -> None:
    """Post JSON to an HTTPS URL.

    Raises:
        UndeliveredError: if the host does not accept it in time. The message does not have the URL.
    """
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"}, method="POST")  # noqa: S310 - https
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_SECONDS):
            return
    except urllib.error.HTTPError as error:
        problem = f"it answered {error.code}"
    except (OSError, ValueError) as error:
        problem = f"it did not answer ({type(error).__name__})"
    raise UndeliveredError(problem) from None


def why_undelivered(error: Exception) -> str:
    """Return why a notice was not delivered, without a secret."""
    return str(error) if isinstance(error, AwsError | UndeliveredError) else type(error).__name__


def _for_teams(notice: Notice) -> dict[str, object]:
    """Return the notice as an Adaptive Card."""
    lines = [{"type": "TextBlock", "text": notice.text, "wrap": True}]
    if notice.command:
        lines.append({"type": "TextBlock", "text": notice.command, "fontType": "Monospace", "wrap": True})
    card: dict[str, object] = {"type": "AdaptiveCard", "version": "1.4", "body": lines}
    if notice.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Approve or reject", "url": notice.link}]
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }
