"""Start a rollout: check the request against the fleet and write the record. Changes nothing on the fleet.

A repeated call with the same id and request answers the status of the rollout, so a retry is harmless.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any

from msgspec import Meta, Struct

import container
from awsroll.core.model.status import Outcome
from awsroll.driver.first_step import check_rollout, start_rollout
from awsroll.driver.step_status import StepStatus
from awsroll.errors import RolloutNotFoundError
from awsroll.stores import RecordStore
from event_request import to_rollout_request
from handling import handles
from named import InvalidEvent, WaveStopped
from rollout_context import ROLLOUT_ID, Count, rollout_context

_FAILURES = (Outcome.ROLLED_BACK, Outcome.STOPPED, Outcome.PAUSED)


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """What to roll out.

    Attributes:
        request: the options of a rollout file, such as `{"asg": "web", "concurrent": "25%"}`.
        rollout_id: name of the rollout, which makes a repeated call harmless. A state machine passes the name of its
            execution. Default: a new id.
        execution_started_at: when the execution started, to distinguish it from an earlier one with the same name.
        region: region of the fleet. Default: the region of the function.
        role: ARN of a role to assume for the account of the fleet.
        external_id: the external id that the role requires, if any.
        longest_id: the maximum length of `rollout_id`.
        wave: ids of the rollouts of the same wave.
        tolerated_failures: how many rollouts of the wave may fail. After more failures, this rollout is not started.
        progress_of: the name of an execution of many fleets. After a failure of its waves, this rollout is not started.
        only_check: check the request against the fleet, and start no rollout.
        execution: ARN of the execution that drives the rollout. A refused rollout of the same fleet names it.
    """

    request: dict[str, Any]
    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)] | None = None
    execution_started_at: str = ""
    region: str = ""
    role: str = ""
    external_id: str = ""
    longest_id: Count = 128
    wave: tuple[str, ...] = ()
    tolerated_failures: Count = 0
    progress_of: str = ""
    only_check: bool = False
    execution: str = ""


@handles(Event)
def handler(event: Event, _: Any) -> StepStatus:
    """Answer the status of the rollout."""
    if len(event.rollout_id or "") > event.longest_id:
        problem = (
            f"the id of the rollout, or the name of the execution, is longer than {event.longest_id} characters; "
            "nothing was changed: use a shorter name"
        )
        raise InvalidEvent(problem)
    store = container.store()
    request = to_rollout_request(event, started_at=event.execution_started_at)
    if event.only_check:
        return check_rollout(request, rollout_context(request, store), rollout_id=event.rollout_id or "")
    _check_wave(event, store)
    context = replace(rollout_context(request, store), execution=event.execution)
    return start_rollout(request, context, rollout_id=event.rollout_id or "")


def _check_wave(event: Event, store: RecordStore) -> None:
    """Refuse to start a rollout if its wave, or another one, has failed. A rollout that was started continues.

    Raises:
        WaveStopped: if more have failed than the wave tolerates, or a failure is known already.
    """
    known = dict(_outcomes(event.wave, store))
    if event.progress_of and event.rollout_id not in known:
        _check_progress(event, store)
    failed = [name for name, outcome in known.items() if outcome in _FAILURES]
    if event.rollout_id not in known and len(failed) > event.tolerated_failures:
        names = ", ".join(failed[:5])
        problem = f"{len(failed)} rollouts of this wave have failed ({names}): this rollout was not started"
        raise WaveStopped(problem)


def _check_progress(event: Event, store: RecordStore) -> None:
    from awsroll.stores.fleets_notes import WavesProgress, name_of_execution  # noqa: PLC0415 - only many fleets need it

    progress = store.note(name_of_execution(event.progress_of, event.execution_started_at), WavesProgress)
    if progress is not None and progress.failure is not None:
        failure = progress.failure
        problem = f"wave {failure.wave} has failed ({failure.reason}): this rollout was not started"
        raise WaveStopped(problem)


def _outcomes(wave: tuple[str, ...], store: RecordStore) -> Iterator[tuple[str, Outcome]]:
    for name in wave:
        with suppress(RolloutNotFoundError):
            yield name, store.load(name).status.outcome
