"""The notes of drivers of many fleets: the progress of waves, and what `awsroll keep` knows of a fleet."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import ClassVar

from awsroll.core.model.evidence import FleetsEvidence
from awsroll.core.rotation import FailedContent, MadeVersion
from awsroll.core.wave_turns import WaveFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class WavesProgress:
    """The progress of waves of fleets, so that a process that continues knows what to roll back.

    Attributes:
        rollouts: the id of the rollout of each fleet that has begun, by the name of the fleet.
        failure: the failure after which the fleets roll back; None: none.
        asked: the turn of a state machine in which each fleet was asked to turn back or to pause after the failure.
        judge: the evidence of the judges of waves.
        is_over: the waves, or the turn of a state machine, have ended.
    """

    FILE: ClassVar = "waves.json"

    rollouts: dict[str, str] = field(default_factory=dict)
    failure: WaveFailure | None = None
    asked: dict[str, int] = field(default_factory=dict)
    judge: FleetsEvidence = field(default_factory=FleetsEvidence)
    is_over: bool = False


def name_of_execution(name: str, started_at: str) -> str:
    """Return the name of the progress of an execution: Step Functions may repeat the name of an execution."""
    return f"waves-{sha256(f'{name} {started_at}'.encode()).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunRotation:
    """A rollout that `awsroll keep` has begun.

    Attributes:
        rollout_id: its id.
        to: the version that it rolls to.
        is_new: most servers did not run this content before: if the rollout fails, the content has failed.
        execution: the name of the execution that drives it; empty: the process that has begun it does.
        begun_at: when; None: an older awsroll has begun it.
    """

    rollout_id: str
    to: MadeVersion
    is_new: bool
    execution: str = ""
    begun_at: datetime | None = None


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
