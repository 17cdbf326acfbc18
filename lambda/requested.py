"""A request in an event: the options of a rollout file, with dashes or underscores."""

from collections.abc import Mapping
from typing import Any

from awsroll.core.keys import named
from awsroll.core.spec import RolloutSpec
from awsroll.specfile import KNOWN, to_spec


def to_request(values: Mapping[str, Any]) -> RolloutSpec:
    """Return the request of an event.

    Raises:
        SpecError: if a key is unknown, or a value has the wrong type.
    """
    return to_spec(named(values, KNOWN, where="the request", listed_by="awsroll schema"), where="the request: ")
