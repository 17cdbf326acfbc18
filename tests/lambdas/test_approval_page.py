"""The page of links to approve: opening it changes nothing, a button answers one checkpoint once."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import approval_page
import container
from awsroll.core.approval_link import ApprovalLink
from awsroll.notifications import channels
from awsroll.stores.signing import FileSigner
from tests.lambdas.driven import Machine, machine

WEBHOOK = "https://hooks.slack.com/services/T0/B0/secret"
PAGE = "https://links.lambda-url.eu-west-1.on.aws/"


@dataclass
class Links:
    """A rollout whose notices have links, and what a browser gets for them."""

    driven: Machine
    posted: list[str]
    key: FileSigner

    @property
    def newest(self) -> str:
        """The link of the newest message that has one."""
        texts = [json.loads(body)["text"] for body in self.posted]
        return [text.partition("Approve or reject: ")[2] for text in texts if "Approve or reject: " in text][-1]

    def open(self, link: str, method: str = "GET", body: str = "", **more: Any) -> tuple[int, str]:
        event = {
            "rawPath": link.removeprefix(PAGE.rstrip("/")),
            "requestContext": {"http": {"method": method, "sourceIp": "203.0.113.7"}},
            "body": body,
            **more,
        }
        answer = approval_page.handler(event, None)
        return answer["statusCode"], answer["body"]

    def press(self, answer: str, link: str = "") -> tuple[int, str]:
        return self.open(link or self.newest, "POST", f"answer={answer}")

    def wait_at_gate(self, **more: Any) -> None:
        self.driven.prepare(self.driven.request(checkpoint=["1"], approve_checkpoints=True, launch_first=True, **more))
        self.driven.go_on(until=lambda answer: answer["phase"] == "approval")


@contextmanager
def links(folder: Path, **shape: Any) -> Iterator[Links]:
    posted: list[str] = []
    file = folder / "key"
    file.write_bytes(b"k" * 32)
    file.chmod(0o600)
    environment = {container.APPROVAL_KEY: str(file), container.APPROVAL_PAGE: PAGE, "AWSROLL_NOTIFY": WEBHOOK}
    with (
        machine(folder / "records", grouped=True, **shape) as driven,
        patch.dict("os.environ", environment),
        patch.object(channels, "post_json", lambda _url, body: posted.append(body.decode())),
    ):
        yield Links(driven, posted, FileSigner(file))


def test_the_link_of_a_notice_shows_the_checkpoint_and_its_button_opens_it(tmp_path: Path) -> None:
    with links(tmp_path) as page:
        page.wait_at_gate()
        for method in ("GET", "HEAD", "GET"):  # a scanner, a preview, a person
            status, shown = page.open(page.newest, method)
            assert status == 200
        assert "It waits at checkpoint 1 of 1: 1 of 2 servers on" in shown
        assert ">Approve</button>" in shown
        assert ">Reject</button>" in shown
        assert "takes the fleet back" in shown
        assert page.driven.reconcile()["phase"] == "approval", "opening the link changes nothing"

        status, shown = page.press("approve")
        assert (status, ">Approve</button>" in shown) == (200, False)
        assert "It was approved by signed link sent to webhook at hooks.slack.com." in shown
        assert page.press("approve")[0] == 200, "again is harmless"
        status, shown = page.press("reject")
        assert status == 409, "the first answer counts"
        assert "It was approved by" in shown
        assert page.driven.go_on()["outcome"] == "succeeded"
        assert "It was approved by" in page.open(page.newest)[1]
        requests = page.driven.rolling.store.user_requests("deploy-1")
        assert requests.approvers == ("signed link sent to webhook at hooks.slack.com",)


def test_reject_takes_the_way_of_every_rejection(tmp_path: Path) -> None:
    with links(tmp_path) as page:
        page.wait_at_gate()
        assert page.press("reject")[0] == 200
        assert page.driven.go_on()["outcome"] == "rolled_back"
        status, shown = page.press("approve")
        assert status == 409
        assert "It was rejected by signed link" in shown


def test_a_browser_sends_the_form_encoded(tmp_path: Path) -> None:
    with links(tmp_path) as page:
        page.wait_at_gate()
        body = b64encode(b"answer=approve").decode()
        assert page.open(page.newest, "POST", body, isBase64Encoded=True)[0] == 200
        assert page.driven.rolling.store.user_requests("deploy-1").approved == 1


@pytest.mark.parametrize("body", ["", "answer=abort", "answer=", "%%%"])
def test_a_post_without_an_answer_changes_nothing(tmp_path: Path, body: str) -> None:
    with links(tmp_path) as page:
        page.wait_at_gate()
        assert ">Approve</button>" in page.open(page.newest, "POST", body)[1]
        assert page.driven.rolling.store.user_requests("deploy-1").approved == 0


def test_a_link_answers_one_wait_and_no_later_one(tmp_path: Path) -> None:
    with links(tmp_path) as page:
        page.wait_at_gate(on_failure="pause")
        first = page.newest
        page.driven.rolling.clock.sleep(60)
        store = page.driven.rolling.store
        record = store.load("deploy-1")
        since = record.status.gate.asked_since
        assert since is not None
        other = ApprovalLink.asked("deploy-1", checkpoint=1, since=since.replace(year=2020), at=since)
        status, shown = page.press("approve", f"{PAGE}{other.signed(page.key.sign)}")
        assert (status, "of an earlier wait" in shown) == (409, True)
        assert store.user_requests("deploy-1").approved == 0
        assert page.press("approve", first)[0] == 200


def test_wrong_links_get_a_page_in_words_and_change_nothing(tmp_path: Path) -> None:
    with links(tmp_path) as page:
        page.wait_at_gate()
        good = page.newest
        for link in (PAGE, f"{PAGE}x.y", f"{good[:-3]}AAA"):
            status, shown = page.press("approve", link)
            assert (status, "Copy the whole link from the message" in shown) == (403, True)
        assert page.open(good, "PUT")[0] == 405
        gone = ApprovalLink.asked(
            "deploy-9", checkpoint=1, since=page.driven.rolling.clock.now(), at=page.driven.rolling.clock.now()
        )
        assert page.press("approve", PAGE + gone.signed(page.key.sign))[0] == 404
        page.driven.rolling.clock.sleep(2 * 86400)
        status, shown = page.press("approve", good)
        assert (status, "has expired" in shown) == (403, True)
        assert page.driven.rolling.store.user_requests("deploy-1").approved == 0
        page.driven.reconcile()
        assert page.newest != good, "the message comes again with a new link"
        assert page.press("approve")[0] == 200


def test_the_page_is_kept_nowhere_loads_nothing_and_has_no_markup_of_others(tmp_path: Path) -> None:
    with links(tmp_path) as page:
        page.wait_at_gate()
        event = {"rawPath": page.newest.removeprefix(PAGE), "requestContext": {"http": {"method": "GET"}}}
        headers = approval_page.handler(event, None)["headers"]
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "<script" not in page.open(page.newest)[1]


def test_without_a_key_that_works_notices_go_without_a_link_and_the_page_says_that_nothing_was_changed(
    tmp_path: Path,
) -> None:
    with links(tmp_path) as page:
        (tmp_path / "key").unlink()
        page.wait_at_gate()
        (asked,) = [body for body in page.posted if "waits for an approval" in body]
        assert "awsroll approve deploy-1 --checkpoint 1" in asked
        assert "Approve or reject" not in asked
        at = page.driven.rolling.clock.now()
        link = ApprovalLink.asked("deploy-1", checkpoint=1, since=at, at=at).signed(lambda _: b"code")
        status, shown = page.open(f"{PAGE}{link}")
        assert (status, "nothing was changed" in shown) == (503, True)
