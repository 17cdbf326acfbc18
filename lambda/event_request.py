"""The request in an event: the options of a rollout file, with dashes or underscores, and where the fleet is."""

from collections.abc import Mapping
from typing import Any, Protocol

from awsroll.core.model.destinations import without_secrets
from awsroll.core.model.keys import named
from awsroll.core.request.spec import RolloutSpec, spec_of
from awsroll.core.request.waves_file import OPTIONS
from awsroll.errors import SpecError
from awsroll.stores import RolloutRequest


def to_request(values: Mapping[str, Any]) -> RolloutSpec:
    """Return the request in an event.

    Raises:
        SpecError: if a key is unknown, or a value has the wrong type.
    """
    return spec_of(named(values, OPTIONS, where="the request", listed_by="awsroll schema"), where="the request: ")


class RequestEvent(Protocol):
    """An event that requests a rollout."""

    @property
    def request(self) -> dict[str, Any]:
        """The options of a rollout file."""

    @property
    def region(self) -> str:
        """The region of the fleet; empty: the region of the function."""

    @property
    def role(self) -> str:
        """ARN of a role to assume; may be empty."""

    @property
    def external_id(self) -> str:
        """The external id that the role requires; may be empty."""


def to_rollout_request(event: RequestEvent, *, started_at: str = "") -> RolloutRequest:
    """Return the rollout request in an event.

    Args:
        event: the event.
        started_at: when the execution started, to distinguish it from an earlier execution with the same name.

    Raises:
        SpecError: if a key of its request is unknown, or a value has the wrong type, or a webhook is named: events and
            executions are stored and shown, and the URL of a webhook is a secret.
    """
    request = to_request(event.request)
    if without_secrets(request.notify) != request.notify:
        problem = "notify: an event may not hold the URL of a webhook, which is a secret. Set AWSROLL_NOTIFY instead"
        raise SpecError(problem)
    return RolloutRequest(
        request=request,
        region=event.region,
        role=event.role,
        external_id=event.external_id,
        started_at=started_at,
    )
