"""The fields that the events and answers of all stages share, with their JSON Schema.

Each event names the fleet (`asg`, or target groups), the rollout, and mostly the instances. What was done under one
rollout id is not done again, however often a stage is called.
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from awsroll.core.model.amount import MOST

RolloutId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$",
        description="Name of this rollout: the same in each of its stages, and a new one for each rollout. The name of "
        "the Step Functions execution is a good choice.",
    ),
]
InstanceId = Annotated[str, Meta(pattern=r"^i-[0-9A-Za-z]{1,30}$")]
SomeInstances = Annotated[tuple[InstanceId, ...], Meta(min_length=1, max_length=100)]
ManyInstances = Annotated[tuple[InstanceId, ...], Meta(min_length=1, max_length=1000)]
AnyInstances = Annotated[tuple[InstanceId, ...], Meta(max_length=1000)]
Asg = Annotated[str, Meta(description="The Auto Scaling group, by name or ARN. Empty: servers registered by hand.")]
TargetGroupNames = Annotated[
    tuple[Annotated[str, Meta(min_length=1)], ...],
    Meta(description="Target groups, by name or ARN. Those that are attached to the group need not be named."),
]
ExcludedNames = Annotated[
    tuple[Annotated[str, Meta(min_length=1)], ...],
    Meta(
        description="Other target groups that hold servers of the fleet, by name or ARN. They are left alone: servers "
        "are not drained there, and replacements are not registered."
    ),
]
Template = Annotated[
    str,
    Meta(
        pattern=r"^$|^[^:]+:[0-9]+$",
        description="Launch template (id or name) and version, such as `web:7`. The version is a number, because an "
        "alias could mean another version at the next call.",
    ),
]
Seconds = Annotated[int, Meta(ge=1, description="How many seconds to wait before the next call.")]
Count = Annotated[int, Meta(ge=0, le=MOST)]

_MOST_DETAILS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetEvent:
    """The fields of every event."""

    rollout_id: RolloutId
    asg: Asg = ""
    target_group: TargetGroupNames = ()
    exclude_target_group: ExcludedNames = ()

    def __post_init__(self) -> None:
        if not self.asg and not self.target_group:
            message = "name the fleet: asg, or target_group"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEvent(FleetEvent):
    """The fields of the events of stages that work on groups only."""

    def __post_init__(self) -> None:
        if not self.asg:
            message = "name the group: asg"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAnswer:
    """The fields of every answer. It repeats the fleet, so that an answer is enough to call the next stage.

    Attributes:
        target_group: ARNs of all target groups of the fleet.
    """

    rollout_id: str
    asg: str
    target_group: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer(FleetAnswer):
    """The fields of the answer of a stage that is called until it is done.

    Attributes:
        done: the stage is finished.
        details: what the stage waits for, one line each; at most the first 20.
    """

    done: bool
    wait_seconds: Seconds
    details: tuple[str, ...] = ()


def limited(lines: list[str]) -> tuple[str, ...]:
    """Return the first lines and the number of the others, so that an answer stays small."""
    if len(lines) <= _MOST_DETAILS:
        return tuple(lines)
    return (*lines[:_MOST_DETAILS], f"and {len(lines) - _MOST_DETAILS} more")
