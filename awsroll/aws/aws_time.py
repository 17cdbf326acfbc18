"""The time of AWS: the machine's clock, corrected by the `Date` header of AWS's answers.

AWS's instants (launch times, scaling activities) are compared with this time only, so a clock that is some minutes
wrong changes nothing. A `Date` has no fraction of a second. So it proves an interval for the difference, and the
correction changes only if it lies outside.
"""

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
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.offset = _NO_OFFSET

    def now(self) -> datetime:
        """Return the current instant by AWS's clock; by the machine's clock before the first answer."""
        return self.clock.now() + self.offset

    def note(self, answer: Mapping[str, Any], sent_at: datetime) -> None:
        """Correct the time by an answer of AWS.

        Args:
            answer: the parsed answer, or the parsed error.
            sent_at: when the call was made, by the machine's clock.
        """
        date = _date_of(answer)
        if date is None:
            return
        # AWS wrote the date while its clock showed `date` to `date + 1 s`, between `sent_at` and now.
        least, most = date - self.clock.now(), date + _SECOND - sent_at
        offset = min(max(self.offset, least), most)
        if abs(offset) <= _MOST:
            self.offset = offset


def _date_of(answer: Mapping[str, Any]) -> datetime | None:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo is not None else None
