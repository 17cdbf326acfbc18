"""A request in an event: the options of a rollout file, with dashes or underscores."""

from collections.abc import Mapping
from typing import Any

from awsroll.cli.request import to_spec
from awsroll.cli.specfile import KNOWN
from awsroll.core.spec import RolloutSpec
from awsroll.errors import SpecError


def to_request(values: Mapping[str, Any]) -> RolloutSpec:
    """Return the request of an event.

    Raises:
        SpecError: if a key is unknown, or a value has the wrong type.
    """
    plain = {key.replace("-", "_"): value for key, value in values.items()}
    unknown = sorted(set(plain) - set(KNOWN))
    if unknown:
        problem = f"the request has unknown keys: {', '.join(unknown)}"
        raise SpecError(problem)
    return to_spec(plain)
