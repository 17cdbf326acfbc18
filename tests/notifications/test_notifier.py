"""The notifier sends each notice once, keeps what it has sent, and never breaks or delays a rollout."""

import threading
from dataclasses import dataclass, field, replace

import pytest

from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.notices import Notice
from awsroll.errors import AwsrollError
from awsroll.notifications.channels import UndeliveredError
from awsroll.notifications.notifier import Notifier
from tests.stores.records import T0, record

RECORD = record()
ENDED = replace(RECORD.status, mode=Mode.ENDED, outcome=Outcome.SUCCEEDED, ended_at=T0)


@dataclass
class Recorded:
    """A channel that records, and what the notifier keeps and warns of."""

    refuses: Exception | None = None
    sent: list[str] = field(default_factory=list)
    kept: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    can_keep: bool = True

    def send(self, notice: Notice) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.sent.append(notice.key)

    def keep(self, keys: tuple[str, ...]) -> None:
        if not self.can_keep:
            message = "the store is full"
            raise AwsrollError(message)
        self.kept = keys

    def notifier(self, *, in_background: bool = False) -> Notifier:
        return Notifier(
            [("webhook at hooks.example.com", self)],
            load=lambda: self.kept,
            save=self.keep,
            warn=self.warnings.append,
            in_background=in_background,
        )


def tell(notifier: Notifier, *, ended: bool = False) -> None:
    notifier.tell(RECORD.rollout, ENDED if ended else RECORD.status, UserRequests(), T0)


def test_a_notice_is_sent_once_also_by_the_next_process() -> None:
    place = Recorded()
    first = place.notifier()
    tell(first)
    tell(first)
    first.close()
    tell(place.notifier(), ended=True)
    assert place.sent == ["web-1/started", "web-1/ended-20260101T000000"]
    assert place.kept == tuple(place.sent)


def test_a_notice_that_could_not_be_noted_is_sent_again_with_the_same_key() -> None:
    place = Recorded(can_keep=False)
    tell(place.notifier())
    tell(place.notifier())
    assert place.sent == ["web-1/started"] * 2


@pytest.mark.parametrize("error", [UndeliveredError("it answered 500"), RuntimeError("https://secret")])
def test_a_destination_that_refuses_is_one_warning_and_is_tried_three_times(error: Exception) -> None:
    place = Recorded(refuses=error)
    notifier = place.notifier()
    for _ in range(5):
        tell(notifier)
    (warning,) = place.warnings
    assert warning.startswith("webhook at hooks.example.com did not accept a notice of this rollout: ")
    assert "secret" not in warning
    assert place.kept == ("web-1/started",), "given up"


def test_in_the_background_the_rollout_does_not_wait() -> None:
    place, released = Recorded(), threading.Event()
    slow = Notifier(
        [("slow", _Slow(released))], load=tuple, save=place.keep, warn=place.warnings.append, in_background=True
    )
    tell(slow)
    tell(slow, ended=True)
    assert place.kept == (), "the channel has not answered yet"
    released.set()
    slow.close()
    assert place.kept == ("web-1/started", "web-1/ended-20260101T000000")
    assert place.warnings == []


def test_without_destinations_nothing_is_read_or_kept() -> None:
    def never(*_: object) -> tuple[str, ...]:
        raise AssertionError

    notifier = Notifier([], load=never, save=never, warn=never, in_background=True)
    tell(notifier, ended=True)
    notifier.close()
    assert True


@dataclass
class _Slow:
    released: threading.Event

    def send(self, _: Notice) -> None:
        self.released.wait(60)
