"""Sends the notices of a rollout that were not sent before. It never delays or breaks a rollout.

Notices are sent in the background, one after the other, each in bounded time. A note beside the record has the keys of
the notices that were sent: a process that dies between both sends a notice again. What cannot be sent is a warning.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.model.user_requests import UserRequests
from awsroll.errors import AwsrollError

if TYPE_CHECKING:
    from awsroll.core.approval_link import ApprovalLink
    from awsroll.core.notices import Notice
    from awsroll.notifications.channels import Channel

_MOST_ATTEMPTS = 3  # to send one notice in one process
_CLOSING_SECONDS = 10.0
_MOST_KEYS = 200

Problem = tuple[str, str]
"""A destination, as messages name it, and why it did not accept a notice."""


class Notifier:
    """The notices of one rollout.

    Args:
        channels: each with its destination, as messages name it.
        load: returns the keys of the notices that were sent by earlier processes.
        save: saves the keys of all notices that were sent.
        warn: receives one warning for each destination that does not accept notices.
        in_background: send in another thread.
        options: the options that lead to the store of the rollout: a reader may be at another machine.
        link: returns the address of the page that answers what a link is for; None: no page is deployed.
    """

    def __init__(  # noqa: PLR0913 - one of them has a default
        self,
        channels: "Sequence[tuple[str, Channel]]",
        *,
        load: Callable[[], tuple[str, ...]],
        save: Callable[[tuple[str, ...]], None],
        warn: Callable[[str], None],
        in_background: bool,
        options: str = "",
        link: "Callable[[ApprovalLink], str] | None" = None,
    ) -> None:
        self._link = link
        self._options = options
        self._channels = channels
        self._load = load
        self._save = save
        self._warn = warn
        self._pool = ThreadPoolExecutor(max_workers=1) if in_background and channels else None
        self._sent: list[str] | None = None
        self._attempts: dict[str, int] = {}
        self._running: dict[str, Future[list[Problem]]] = {}
        self._warned: set[str] = set()
        self._unlinked = ""

    def tell(self, rollout: Rollout, status: Status, requests: UserRequests, at: datetime) -> None:
        """Send the notices that are due and were not sent before; without destinations, do nothing."""
        if not self._channels:
            return
        from awsroll.core.notices import due_notices  # noqa: PLC0415 - only for who has asked for notices

        self._collect()
        if self._sent is None:
            self._sent = list(self._loaded())
        for notice in due_notices(rollout, status, requests, at):
            if notice.key not in self._sent and notice.key not in self._running:
                self._start(notice.with_options(self._options))

    def close(self) -> None:
        """Wait a bounded time for the notices that are being sent."""
        if self._pool is None:
            return
        wait(self._running.values(), timeout=_CLOSING_SECONDS)
        self._collect()
        if self._running:
            self._warn(f"{len(self._running)} notices were not sent in {_CLOSING_SECONDS:g} s")
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None

    def _start(self, notice: "Notice") -> None:
        if self._pool is None:
            self._settle(notice.key, self._send(notice))
        else:
            self._running[notice.key] = self._pool.submit(self._send, notice)

    def _send(self, notice: "Notice") -> list[Problem]:
        """Send a notice to each destination; return those that did not accept it."""
        from awsroll.notifications.channels import why_undelivered  # noqa: PLC0415 - as above

        problems = []
        for shown, channel in self._channels:
            try:
                channel.send(self._linked(notice, shown))
            except Exception as error:  # noqa: BLE001 - a notice must not break a rollout
                problems.append((shown, why_undelivered(error)))
        return problems

    def _linked(self, notice: "Notice", shown: str) -> "Notice":
        """Return a notice with the link for its destination. Without a link, the notice has its command alone."""
        if notice.approval is None or self._link is None:
            return notice
        try:
            return notice.with_link(self._link(notice.approval.to(shown)))
        except AwsrollError as error:
            self._unlinked = str(error)
            return notice

    def _collect(self) -> None:
        for key, future in list(self._running.items()):
            if future.done():
                del self._running[key]
                self._settle(key, future.result())

    def _settle(self, key: str, problems: list[Problem]) -> None:
        """Note that a notice was sent, or try again later, unless it was tried too often."""
        for shown, problem in problems:
            self._warn_once(shown, f"{shown} did not accept a notice of this rollout: {problem}")
        if self._unlinked:
            self._warn_once("links", f"notices of approvals have no link: {self._unlinked}")
        self._attempts[key] = self._attempts.get(key, 0) + 1
        if self._sent is None or (problems and self._attempts[key] < _MOST_ATTEMPTS):
            return
        self._sent.append(key)
        with suppress(AwsrollError):  # then the next process sends it again
            self._save(tuple(self._sent[-_MOST_KEYS:]))

    def _warn_once(self, about: str, message: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            self._warn(message)

    def _loaded(self) -> tuple[str, ...]:
        with suppress(AwsrollError):
            return self._load()
        return ()
