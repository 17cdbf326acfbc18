"""The notes of drivers of many fleets: the progress of waves, and what `awsroll keep` knows of a fleet."""

from dataclasses import dataclass, field
from typing import ClassVar

from awsroll.core.rotation import FailedContent, MadeVersion
from awsroll.core.wave_turns import WaveFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class WavesProgress:
    """The progress of waves of fleets, so that a process that continues knows what to roll back.

    Attributes:
        rollouts: the id of the rollout of each fleet that has begun, by the name of the fleet.
        failure: the failure after which the fleets roll back; None: none.
        is_over: the waves have ended.
    """

    FILE: ClassVar = "waves.json"

    rollouts: dict[str, str] = field(default_factory=dict)
    failure: WaveFailure | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunRotation:
    """A rollout that `awsroll keep` has begun.

    Attributes:
        rollout_id: its id.
        to: the version that it rolls to.
        is_new: most servers did not run this content before: if the rollout fails, the content has failed.
    """

    rollout_id: str
    to: MadeVersion
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFleet:
    """What `awsroll keep` knows of a fleet.

    Attributes:
        made: the launch template versions that it has published, oldest first.
        failed: the contents that are not tried again.
        begun: the rollout whose end it has not seen; None: none.
    """

    FILE: ClassVar = "kept.json"

    made: tuple[MadeVersion, ...] = ()
    failed: tuple[FailedContent, ...] = ()
    begun: BegunRotation | None = None
