"""The time of AWS: a clock that never jumps, set by the `Date` header of AWS's answers.

AWS's instants (launch times, scaling activities) are compared with this time only, so a clock that is some minutes
wrong, or jumps, changes nothing. A `Date` has no fraction of a second. So it proves an interval for the time, and the
clock is only set if it shows a time outside.
"""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from awsroll.ports import Clock

_SECOND = timedelta(seconds=1)
_NO_OFFSET = timedelta(0)
# AWS refuses the signature of a call that is off by more (IAM User Guide, "Troubleshoot signed requests for AWS APIs":
# five minutes; Amazon S3: 15 minutes). So such a date comes from an emulator with a clock of its own.
_MOST = timedelta(minutes=15)


class AwsTime:
    """Tells the time of AWS.

    Args:
        clock: the machine's clock.

    Attributes:
        error: how far the time may be from the time of AWS, in either direction; None before the first answer.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.error: timedelta | None = None
        self._shown = (clock.now(), 0.0)  # an instant, and when the machine's clock showed it
        self._lock = threading.Lock()

    @property
    def offset(self) -> timedelta:
        """How far the time of AWS is ahead of the machine's clock."""
        return self.now() - self.clock.now()

    def now(self) -> datetime:
        """Return the current instant by AWS's clock; by the machine's clock before the first answer."""
        if self.error is None:
            return self.clock.now()
        at, since = self._shown
        return at + timedelta(seconds=self.clock.monotonic() - since)

    def note(self, answer: Mapping[str, Any], sent_at: datetime) -> None:
        """Set the time by an answer of AWS.

        Args:
            answer: the parsed answer, or the parsed error.
            sent_at: when the call was made, by the machine's clock.
        """
        date, received_at = _date_of(answer), self.clock.now()
        if date is None or abs(date - received_at) > _MOST:
            return
        # AWS wrote the date while its clock showed `date` to `date + 1 s`, between the call and now.
        least, most = date, date + _SECOND + max(received_at - sent_at, _NO_OFFSET)
        with self._lock:
            self._shown = min(max(self.now(), least), most), self.clock.monotonic()
            self.error = most - least


def _date_of(answer: Mapping[str, Any]) -> datetime | None:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo is not None else None
