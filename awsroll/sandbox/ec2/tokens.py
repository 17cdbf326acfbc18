"""What RunInstances remembers of client tokens, so that a repeated call launches nothing twice.

A token is known in one zone if the caller chose the zone, else in the region: the same token in another zone is another
launch. How instances are launched is in `launch.py`.
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
class RememberedLaunch:
    """A launch that succeeded: its parameters in one comparable text, and what came of it."""

    parameters: str
    instances: tuple[SimInstance, ...]


class TokenBook:
    """The launches by scope and token.

    Args:
        context: its switches and its time.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._launches: dict[tuple[str, str], RememberedLaunch] = {}

    def replay(self, scope: str, token: str, parameters: Mapping[str, Any]) -> tuple[SimInstance, ...] | None:
        """Return the instances of the first call with this token, or None if this is the first.

        Raises:
            ApiError: `IdempotentParameterMismatch` or `IdempotentInstanceTerminated`.
        """
        launch = self._launches.get((scope, token))
        if launch is None or self._is_forgotten(launch):
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
        """Keep what a launch with this token brought about."""
        self._launches[scope, token] = RememberedLaunch(parameters=comparable(parameters), instances=instances)

    def _is_forgotten(self, launch: RememberedLaunch) -> bool:
        ends = [instance.terminated_at for instance in launch.instances]
        known = [end for end in ends if end is not None]
        kept = self._context.scaled(self._context.options.client_token_seconds)
        return len(known) == len(ends) and max(known) + kept <= self._context.now()


def comparable(parameters: Mapping[str, Any]) -> str:
    """Return the parameters that make a launch what it is, as one text."""
    kept = {name: value for name, value in parameters.items() if name not in NOT_PART_OF_THE_REQUEST}
    return json.dumps(kept, sort_keys=True, default=str)
