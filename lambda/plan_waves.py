"""Convert a file of many fleets into the waves over which a state machine iterates. Changes nothing.

A version alias in the file is pinned here, so that the last wave gets the version that the first wave has proven.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

import container
from awsroll.core.request.waves import FleetSpec, FleetsSpec
from awsroll.errors import AwsrollError, SpecError
from awsroll.files.rollout_file import plain_fleets, to_fleets
from awsroll.preflight.version_aliases import leaves_version_open, pin_version
from awsroll.stores import RolloutRequest
from awsroll.waves.check_fleets import combined_error
from awsroll.waves.executions import rollout_id_in
from handling import handles
from rollout_context import ROLLOUT_ID

LONGEST_STATE = 256 * 1024
"""Bytes that a state of Step Functions may pass on. An execution that exceeds them fails, and cannot catch that."""

_LONGEST_ENDING = 1600  # bytes of the result of one fleet: a message of 1,000 characters, and what Lambda adds to it


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """What to roll.

    Attributes:
        name: the name of the execution, with which the ids of the rollouts begin.
        fleets: the content of a file of many fleets: `waves` and `defaults`.
    """

    name: Annotated[str, Meta(pattern=ROLLOUT_ID)]
    fleets: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The waves in order, each with its fleets and the ids of their rollouts."""

    waves: tuple[dict[str, Any], ...]
    count: int


@handles(Event)
def handler(event: Event, _: Any) -> Answer:
    """Check the whole file before a rollout starts. `prepare` checks each fleet then, and again when its turn comes."""
    spec = to_fleets(event.fleets)
    waves = tuple(_kept(wave, event.name) for wave in plain_fleets(_pinned(spec))["waves"])
    _check_size(waves)
    return Answer(waves=waves, count=len(waves))


def _pinned(spec: FleetsSpec) -> FleetsSpec:
    """Return the waves with every version as a number.

    Raises:
        AwsrollError: with all fleets whose version cannot be read.
    """
    refused: list[tuple[str, AwsrollError]] = []

    def pinned(fleet: FleetSpec) -> FleetSpec:
        if not leaves_version_open(fleet.request):
            return fleet
        where = RolloutRequest(
            request=fleet.request, region=fleet.region, role=fleet.role, external_id=fleet.external_id
        )
        try:
            return replace(fleet, request=pin_version(fleet.request, container.connection(where)))
        except AwsrollError as error:
            refused.append((fleet.name, error))
            return fleet

    waves = tuple(replace(wave, fleets=tuple(map(pinned, wave.fleets))) for wave in spec.waves)
    if refused:
        raise combined_error(refused)
    return replace(spec, waves=waves)


def _check_size(waves: Sequence[dict[str, Any]]) -> None:
    """Refuse waves whose execution would exceed the size of a state.

    The largest states hold all waves with the current one and its results, or with the checks of every wave.

    Raises:
        SpecError: if they are too large.
    """
    largest = max(_size(wave) + _LONGEST_ENDING * len(wave["fleets"]) for wave in waves)
    checks = _LONGEST_ENDING * len(waves)
    if _size(waves) + max(largest, checks) > LONGEST_STATE:
        fleets = sum(len(wave["fleets"]) for wave in waves)
        problem = (
            f"{fleets} fleets are too many for one execution, or too many are in one wave; nothing was changed: use "
            "smaller waves, or several files"
        )
        raise SpecError(problem)


def _size(part: object) -> int:
    return len(msgspec.json.encode(part))


def _kept(wave: dict[str, Any], execution: str) -> dict[str, Any]:
    """Return what the state of an execution keeps of a wave, with the ids of its rollouts."""
    fleets = [{**fleet, "rollout_id": rollout_id_in(execution, fleet["name"])} for fleet in wave["fleets"]]
    return {**wave, "fleets": fleets, "rollout_ids": [fleet["rollout_id"] for fleet in fleets]}
