"""Many fleets: turns what a file of many fleets holds into what a state machine iterates over. Changes nothing."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from msgspec import Meta, Struct

from awsroll.specfile import plain_fleets, to_fleets
from driving import ROLLOUT_ID
from handling import handles

_LONGEST_NAME = 60


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """What to roll.

    Attributes:
        name: begins the ids of the rollouts: the execution's name.
        fleets: what a file of many fleets holds: `waves`, and `defaults`.
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
    """Check the whole file before anything is begun; the fleets themselves are checked when their turn comes."""
    waves = tuple(_with_ids(wave, event.name) for wave in plain_fleets(to_fleets(event.fleets))["waves"])
    return Answer(waves=waves, count=len(waves))


def _with_ids(wave: dict[str, Any], execution: str) -> dict[str, Any]:
    fleets = [{**fleet, "rollout_id": _rollout_id(execution, fleet["name"])} for fleet in wave["fleets"]]
    return {**wave, "fleets": fleets, "rollout_ids": [fleet["rollout_id"] for fleet in fleets]}


def _rollout_id(execution: str, fleet: str) -> str:
    """Name a rollout for people, still another one for each fleet of each execution."""
    readable = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in fleet)
    digest = sha256(f"{execution} {fleet}".encode()).hexdigest()[:8]
    return f"{execution[:_LONGEST_NAME]}.{readable[: _LONGEST_NAME - 12]}.{digest}"
