"""Links to approve: what they hold, and which links are refused."""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from awsroll.core.approval_link import VALID, ApprovalLink, LinkRefusedError

AT = datetime(2026, 12, 1, 10, 30, 15, 123456, tzinfo=UTC)
KEY = b"k" * 32


def sign(message: bytes) -> bytes:
    return hmac.digest(KEY, message, sha256)


def verify(message: bytes, code: bytes) -> bool:
    return hmac.compare_digest(sign(message), code)


def link(**more: object) -> ApprovalLink:
    given = {"checkpoint": 2, "since": AT - timedelta(hours=1), "at": AT, **more}
    return ApprovalLink.asked("web-1", **given).to("topic deploys")  # type: ignore[arg-type]


def test_a_link_opens_as_what_it_was_signed_for() -> None:
    opened = ApprovalLink.opened(link().signed(sign), verify, AT)
    assert (opened.rollout_id, opened.checkpoint, opened.sent_to) == ("web-1", 2, "topic deploys")
    assert opened.since == link().since == AT.replace(hour=9, microsecond=0)
    assert opened.who == "signed link sent to topic deploys"


def test_a_link_has_only_characters_that_mail_and_chats_keep() -> None:
    assert set(link().signed(sign)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_an_expired_link_is_refused_before_the_key_is_asked() -> None:
    def never(*_: bytes) -> bool:
        raise AssertionError

    with pytest.raises(LinkRefusedError, match=r"has expired.*a new message"):
        ApprovalLink.opened(link().signed(sign), never, AT + VALID)
    assert ApprovalLink.opened(link().signed(sign), verify, AT + VALID - timedelta(seconds=2)).checkpoint == 2


def test_every_changed_character_of_a_link_makes_it_worthless() -> None:
    text = link().signed(sign)
    for place, letter in enumerate(text[:-1]):  # the last letter of a code holds bits that decode to nothing
        changed = text[:place] + ("A" if letter != "A" else "B") + text[place + 1 :]
        with pytest.raises(LinkRefusedError):
            ApprovalLink.opened(changed, verify, AT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "x",
        "é.é",
        "W10.AA",
        "a" * 3000,
        "bnVsbA.AA",
        "[]",
        "WzEsMiwzLDQsNV0.AA",
        "WyJhIiwxLDFlOTk5LDEsImEiXQ.AA",
    ],
)
def test_a_damaged_link_is_refused_in_words(text: str) -> None:
    with pytest.raises(LinkRefusedError, match="Copy the whole link"):
        ApprovalLink.opened(text, verify, AT)


def test_a_time_that_no_calendar_has_is_refused() -> None:
    text = urlsafe_b64encode(b'["a",1,1,99999999999999999,"b"]').decode().rstrip("=")
    with pytest.raises(LinkRefusedError):
        ApprovalLink.opened(f"{text}.AA", verify, AT)


def test_a_code_that_the_key_made_for_something_else_opens_no_link() -> None:
    message = b'["web-1",1,0,99999999999,"x"]'
    text = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in (message, sign(message)))
    with pytest.raises(LinkRefusedError):
        ApprovalLink.opened(text, verify, AT)
