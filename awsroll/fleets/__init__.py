"""The two kinds of fleet on AWS: what AWS shows becomes an `Observation`, an `Action` becomes calls.

`standalone` and `autoscaling` are the `ports.Fleet`s, `fleet_of` makes the right one; the rest are their parts. Nothing
here waits for an effect or decides what should be done: a precondition that no longer holds is answered `STALE`.
"""

from collections.abc import Callable
from typing import assert_never

from awsroll.aws.connection import Connection
from awsroll.core.model.observation import FleetKind
from awsroll.core.model.rollout import Rollout
from awsroll.fleets.auto_scaling_group import AutoScalingFleet
from awsroll.fleets.standalone import StandaloneFleet
from awsroll.ports import Fleet

__all__ = ["AutoScalingFleet", "StandaloneFleet", "fleet_of"]


def _ignore(_: str) -> None:
    return None


def fleet_of(rollout: Rollout, aws: Connection, *, warn: Callable[[str], None] = _ignore) -> Fleet:
    """Return the fleet that a rollout is about.

    Args:
        rollout: says which kind it is.
        aws: where it is.
        warn: told, once each, when a fallback is used for a call that the endpoint does not have.
    """
    match rollout.kind:
        case FleetKind.AUTO_SCALING:
            return AutoScalingFleet(aws, warn=warn)
        case FleetKind.STANDALONE:
            return StandaloneFleet(aws, warn=warn)
        case _ as never:
            assert_never(never)
