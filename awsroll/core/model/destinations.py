"""Where notices go, as a request names it: an SNS topic, an event bus, or a webhook. Values only.

The URL of a webhook is a secret: everyone who has it can post. So messages, records and reports name its host alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_SNS, _BUS, _HTTPS = "sns:", "eventbridge", "https://"
FORM = (
    r"sns:arn:[a-z-]{3,20}:sns:[a-z0-9-]{5,30}:[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?"
    r"|eventbridge(?::[A-Za-z0-9._/:-]{1,1600})?"
    r"|https://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[!-~]{0,1600})?"
)
"""The regular expression that a destination matches."""


class DestinationKind(StrEnum):
    """The kind of a destination."""

    TOPIC = "sns"
    BUS = "eventbridge"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One destination.

    Attributes:
        address: the ARN of a topic, the name or ARN of a bus, or the URL of a webhook. Not shown: it may be a secret.
        shown: what messages name.
    """

    kind: DestinationKind
    address: str
    shown: str

    def __repr__(self) -> str:
        return f"Destination({self.shown})"


def destination(value: str) -> Destination:
    """Return the destination that a request names; the value has the form `FORM`."""
    if value.startswith(_HTTPS):
        host = value.removeprefix(_HTTPS).split("/", 1)[0]
        return Destination(kind=DestinationKind.WEBHOOK, address=value, shown=f"webhook at {host}")
    if value.startswith(_SNS):
        arn = value.removeprefix(_SNS)
        return Destination(kind=DestinationKind.TOPIC, address=arn, shown=f"topic {arn}")
    bus = value.removeprefix(_BUS).removeprefix(":") or "default"
    return Destination(kind=DestinationKind.BUS, address=bus, shown=f"event bus {bus}")


def without_secrets(values: Iterable[str]) -> tuple[str, ...]:
    """Return the destinations that may be stored: those that are no webhook."""
    return tuple(value for value in values if destination(value).kind is not DestinationKind.WEBHOOK)
