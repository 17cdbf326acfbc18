"""The link in a notice by which a person answers one checkpoint in a browser. Values only.

The link holds what it is for and a code of these words. Who has the link may answer this checkpoint, at this wait,
until the link expires; it is good for nothing else.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from awsroll.core.model.replacing import replace
from awsroll.errors import AwsrollError

VALID = timedelta(days=2)
"""How long a link is valid. A notice of a wait comes again every day, with a new link."""
_PURPOSE = b"awsroll approval link 1\n"  # a code that the same key made for another purpose opens no link
_LONGEST = 2000

Sign = Callable[[bytes], bytes]
"""Returns the code of a message."""
Verify = Callable[[bytes, bytes], bool]
"""Returns whether the key made the code of a message."""


class LinkRefusedError(AwsrollError):
    """Raised when a link is damaged, has expired, or was not signed by the key of this deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalLink:
    """What a link is for.

    Attributes:
        checkpoint: the number of the checkpoint, from 1.
        since: since when the checkpoint waits, to the second: the link of an earlier wait answers no later one.
        expires: until when the link is valid.
        sent_to: the destination that got the link. It stands for the person who answers, whom the link does not know.
    """

    rollout_id: str
    checkpoint: int
    since: datetime
    expires: datetime
    sent_to: str = ""

    @classmethod
    def asked(cls, rollout_id: str, *, checkpoint: int, since: datetime, at: datetime) -> "ApprovalLink":
        """Return the link of a notice that is sent now."""
        whole = since.astimezone(UTC).replace(microsecond=0)
        return cls(rollout_id=rollout_id, checkpoint=checkpoint, since=whole, expires=at + VALID)

    @property
    def who(self) -> str:
        """Return how the record names the person who answers."""
        return f"signed link sent to {self.sent_to}"

    def to(self, destination: str) -> "ApprovalLink":
        """Return the link for one destination."""
        return replace(self, sent_to=destination)

    def signed(self, sign: Sign) -> str:
        """Return the link as text, without the address of its page."""
        said = (self.rollout_id, self.checkpoint, _seconds(self.since), _seconds(self.expires), self.sent_to)
        message = json.dumps(said, separators=(",", ":")).encode()
        return f"{_text(message)}.{_text(sign(_PURPOSE + message))}"

    @classmethod
    def opened(cls, text: str, verify: Verify, at: datetime) -> "ApprovalLink":
        """Return what a link is for.

        Raises:
            LinkRefusedError: if it is damaged, has expired, or was not signed by this key.
            AwsrollError: if the key cannot be used.
        """
        message, code = _parts(text)
        link = cls._read(message)
        if at >= link.expires:  # before the key is asked, which costs a call
            problem = "This link has expired. While the rollout waits, a new message with a new link comes every day."
            raise LinkRefusedError(problem)
        if not verify(_PURPOSE + message, code):
            raise _damaged()
        return link

    @classmethod
    def _read(cls, message: bytes) -> "ApprovalLink":
        try:
            said = json.loads(message)
            if not isinstance(said, list) or [type(part) for part in said] != [str, int, int, int, str]:
                raise _damaged()
            rollout_id, checkpoint, since, expires, sent_to = said
            return cls(
                rollout_id=rollout_id,
                checkpoint=checkpoint,
                since=datetime.fromtimestamp(since, UTC),
                expires=datetime.fromtimestamp(expires, UTC),
                sent_to=sent_to,
            )
        except (ValueError, OverflowError, OSError, RecursionError):
            raise _damaged() from None


def _parts(text: str) -> tuple[bytes, bytes]:
    if len(text) > _LONGEST or not text.isascii():
        raise _damaged()
    message, _, code = text.partition(".")
    try:
        return _bytes(message), _bytes(code)
    except ValueError:
        raise _damaged() from None


def _damaged() -> LinkRefusedError:
    return LinkRefusedError("This link is damaged or was not made here. Copy the whole link from the message.")


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _text(part: bytes) -> str:
    return urlsafe_b64encode(part).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
