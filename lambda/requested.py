"""What an event asks for: the options of a rollout file, with dashes or underscores, and where the fleet is."""

from collections.abc import Mapping
from typing import Any, Protocol

from awsroll.core.request.keys import named
from awsroll.core.request.spec import RolloutSpec
from awsroll.files.rollout_file import KNOWN, to_spec
from awsroll.stores import RolloutRequest


def to_request(values: Mapping[str, Any]) -> RolloutSpec:
    """Return the request of an event.

    Raises:
        SpecError: if a key is unknown, or a value has the wrong type.
    """
    return to_spec(named(values, KNOWN, where="the request", listed_by="awsroll schema"), where="the request: ")


class Asked(Protocol):
    """An event that asks for a rollout."""

    @property
    def request(self) -> dict[str, Any]:
        """The options of a rollout file."""

    @property
    def region(self) -> str:
        """Where the fleet is; empty: where the function is."""

    @property
    def role(self) -> str:
        """ARN of a role to assume; empty: none."""

    @property
    def external_id(self) -> str:
        """What that role asks for."""


def order_of(asked: Asked, *, started_at: str = "") -> RolloutRequest:
    """Return the order that an event gives; `started_at` tells it from an earlier one under the same name.

    Raises:
        SpecError: if a key of its request is unknown, or a value has the wrong type.
    """
    return RolloutRequest(
        request=to_request(asked.request),
        region=asked.region,
        role=asked.role,
        external_id=asked.external_id,
        started_at=started_at,
    )
