"""The client tokens of RunInstances, so that a repeated call launches no further instances.

The scope of a token is the zone if the caller chose the zone, else the region. The same token in another zone is
another launch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.instance import SimInstance
from awsroll.sandbox.interfaces import ServiceContext

NOT_PART_OF_THE_REQUEST = frozenset({"ClientToken", "DryRun"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLaunch:
    """A successful launch: its parameters as comparable text, and its instances."""

    parameters: str
    instances: tuple[SimInstance, ...]


class TokenBook:
    """The launches by scope and token.

    Args:
        context: its switches and its time.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._launches: dict[tuple[str, str], StoredLaunch] = {}

    def replay(self, scope: str, token: str, parameters: Mapping[str, Any]) -> tuple[SimInstance, ...] | None:
        """Return the instances of the first call with this token, or None if this is the first.

        Raises:
            ApiError: `IdempotentParameterMismatch` or `IdempotentInstanceTerminated`.
        """
        launch = self._launches.get((scope, token))
        if launch is None or self._is_expired(launch):
            return None
        changed = launch.parameters != comparable(parameters)
        if changed and self._context.options.changed_token_parameters == "refused":  # noqa: S105  no password
            message = (
                "The client token has been used before with other parameters; use another token for another launch"
            )
            refuse("IdempotentParameterMismatch", message)
        if any(instance.state in {"shutting-down", "terminated"} for instance in launch.instances):
            message = f"The instance that the client token {token} launched has been terminated"
            refuse("IdempotentInstanceTerminated", message)
        return launch.instances

    def remember(
        self, scope: str, token: str, parameters: Mapping[str, Any], instances: tuple[SimInstance, ...]
    ) -> None:
        """Store the instances that a launch with this token created."""
        self._launches[scope, token] = StoredLaunch(parameters=comparable(parameters), instances=instances)

    def _is_expired(self, launch: StoredLaunch) -> bool:
        ends = [instance.terminated_at for instance in launch.instances]
        past_ends = [end for end in ends if end is not None]
        retention = self._context.scaled(self._context.options.client_token_seconds)
        return len(past_ends) == len(ends) and max(past_ends) + retention <= self._context.now()


def comparable(parameters: Mapping[str, Any]) -> str:
    """Return the parameters that identify a launch, as one text."""
    relevant = {name: value for name, value in parameters.items() if name not in NOT_PART_OF_THE_REQUEST}
    return json.dumps(relevant, sort_keys=True, default=str)
