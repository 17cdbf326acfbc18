"""The two kinds of fleet on AWS. They turn AWS's answers into an `Observation`, and an `Action` into calls.

`standalone` and `auto_scaling_group` hold the two `ports.Fleet`s, and `fleet_of` returns the one for a rollout. This
package decides nothing and waits for nothing. If an action's precondition no longer holds, its result is `STALE`.
"""

from collections.abc import Callable
from typing import assert_never

from awsroll.aws.connection import Connection
from awsroll.core.model.observation import FleetKind
from awsroll.core.model.rollout import Rollout
from awsroll.ports import Fleet

__all__ = ["fleet_of"]


def _ignore(_: str) -> None:
    return None


def fleet_of(rollout: Rollout, aws: Connection, *, warn: Callable[[str], None] = _ignore) -> Fleet:
    """Return the fleet of a rollout.

    Args:
        rollout: names the kind of fleet.
        aws: the connection to the fleet's account and region.
        warn: receives one warning for each call that the endpoint lacks and that a fallback replaces.
    """
    # A function that drives one kind of fleet starts faster without the other.
    match rollout.kind:
        case FleetKind.AUTO_SCALING:
            from awsroll.fleets.auto_scaling_group import AutoScalingFleet  # noqa: PLC0415 - see above

            return AutoScalingFleet(aws, warn=warn)
        case FleetKind.STANDALONE:
            from awsroll.fleets.standalone import StandaloneFleet  # noqa: PLC0415 - see above

            return StandaloneFleet(aws, warn=warn)
        case _ as never:
            assert_never(never)
