"""What the events and answers of all stages have in common, as JSON Schema shows it too.

A stage is told the fleet it is about (`asg`, or target groups), the name of the rollout it is part of, and mostly the
instances. The name matters: what was done under it is done no second time, however often a stage is called.
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

RolloutId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$",
        description="Names this rollout: the same in every stage of it, another one in the next rollout. The name of a "
        "Step Functions execution does well.",
    ),
]
InstanceId = Annotated[str, Meta(pattern=r"^i-[0-9A-Za-z]{1,30}$")]
SomeInstances = Annotated[tuple[InstanceId, ...], Meta(min_length=1, max_length=100)]
ManyInstances = Annotated[tuple[InstanceId, ...], Meta(min_length=1, max_length=1000)]
AnyInstances = Annotated[tuple[InstanceId, ...], Meta(max_length=1000)]
Asg = Annotated[str, Meta(description="The Auto Scaling group, by name or ARN; empty: servers registered by hand.")]
TargetGroupNames = Annotated[
    tuple[Annotated[str, Meta(min_length=1)], ...],
    Meta(description="Target groups, by name or ARN. A group's own are known and need not be named."),
]
Template = Annotated[
    str,
    Meta(
        pattern=r"^$|^[^:]+:[0-9]+$",
        description="Launch template (id or name) and version, as `web:7`. A number: an alias could mean another "
        "version at the next call.",
    ),
]
Seconds = Annotated[int, Meta(ge=1, description="How long to wait before the next call.")]
Count = Annotated[int, Meta(ge=0)]

_MOST_DETAILS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetEvent:
    """What every stage is told."""

    rollout_id: RolloutId
    asg: Asg = ""
    target_group: TargetGroupNames = ()

    def __post_init__(self) -> None:
        if not self.asg and not self.target_group:
            message = "name the fleet: asg, or target_group"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEvent(FleetEvent):
    """What a stage is told that is for groups alone."""

    def __post_init__(self) -> None:
        if not self.asg:
            message = "name the group: asg"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAnswer:
    """What every stage answers: the fleet again, so that the answer is enough to call the next stage.

    Attributes:
        target_group: ARNs of all target groups of the fleet.
    """

    rollout_id: str
    asg: str
    target_group: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer(FleetAnswer):
    """What a stage answers that is called again until it is done.

    Attributes:
        done: what the stage is for has come about.
        details: what it still waits for, a line each; the first of many.
    """

    done: bool
    wait_seconds: Seconds
    details: tuple[str, ...] = ()


def first_of(lines: list[str]) -> tuple[str, ...]:
    """Return the first of many lines, and how many more there are: an answer stays small."""
    if len(lines) <= _MOST_DETAILS:
        return tuple(lines)
    return (*lines[:_MOST_DETAILS], f"and {len(lines) - _MOST_DETAILS} more")
