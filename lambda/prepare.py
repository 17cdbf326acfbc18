"""Begins a rollout: checks the request against the fleet and writes the record. Changes nothing on the fleet.

Called again with the same id and request it answers where the rollout stands, so a retry is harmless.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

from msgspec import Meta, Struct

import container
from awsroll.core.model.status import Outcome
from awsroll.driver.step_status import StepStatus
from awsroll.driver.steps import start_rollout
from awsroll.errors import RolloutNotFoundError
from awsroll.stores import RecordStore
from driving import ROLLOUT_ID, around
from handling import handles
from named import InvalidEvent, WaveStopped
from requested import order_of

_FAILURES = (Outcome.ROLLED_BACK, Outcome.STOPPED, Outcome.PAUSED)


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """What to roll out.

    Attributes:
        request: the options of a rollout file, such as `{"asg": "web", "concurrent": "25%"}`.
        rollout_id: names the rollout, and makes repeating harmless; a state machine gives its execution's name. Left
            out: a new id is made.
        execution_started_at: when the execution was started: tells it from an earlier one of the same name.
        region: where the fleet is; left out: where the function is.
        role: ARN of a role to assume for the fleet's account.
        external_id: what that role asks for, if it does.
        longest_id: how long `rollout_id` may be for whoever drives it.
        wave: ids of the rollouts that are made side by side with this one.
        tolerated_failures: so many of those may have failed; after more, this one is not begun.
    """

    request: dict[str, Any]
    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)] | None = None
    execution_started_at: str = ""
    region: str = ""
    role: str = ""
    external_id: str = ""
    longest_id: int = 128
    wave: tuple[str, ...] = ()
    tolerated_failures: int = 0


@handles(Event)
def handler(event: Event, _: Any) -> StepStatus:
    """Answer where the rollout stands."""
    if len(event.rollout_id or "") > event.longest_id:
        problem = (
            f"the rollout's id, or the execution's name, is longer than {event.longest_id} characters; nothing was "
            "changed: give a shorter one"
        )
        raise InvalidEvent(problem)
    store = container.store()
    _check_wave(event, store)
    order = order_of(event, started_at=event.execution_started_at)
    return start_rollout(order, around(order, store), rollout_id=event.rollout_id or "")


def _check_wave(event: Event, store: RecordStore) -> None:
    """Begin no further fleet of a wave in which more have failed than it tolerates; one that was begun goes on."""
    known = dict(_outcomes(event.wave, store))
    failed = [name for name, outcome in known.items() if outcome in _FAILURES]
    if event.rollout_id not in known and len(failed) > event.tolerated_failures:
        problem = f"{len(failed)} rollouts of this wave have failed ({', '.join(failed[:5])}): this one was not begun"
        raise WaveStopped(problem)


def _outcomes(wave: tuple[str, ...], store: RecordStore) -> Iterator[tuple[str, Outcome]]:
    for name in wave:
        with suppress(RolloutNotFoundError):
            yield name, store.load(name).status.outcome
