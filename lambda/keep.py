"""Make one pass of a rotation: decide which fleets of a file must be rolled, and start one execution that rolls them.

A schedule calls it. It drives no rollout: the machine of many fleets does. See docs/fleets.md.
"""

import os
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import Struct

import container
from awsroll.errors import SpecError
from awsroll.files.rollout_file import to_fleets
from awsroll.waves.executions import MachineExecutions
from awsroll.waves.keep_fleets import Keeper
from handling import handles, log
from rollout_context import rollout_context

MACHINE = "AWSROLL_KEEP_MACHINE"


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Which fleets to keep.

    Attributes:
        fleets: the content of a file of many fleets.
        again: try versions and images again whose rollouts have failed.
    """

    fleets: dict[str, Any]
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a pass does with a fleet, and why."""

    action: Literal["rest", "wait", "roll", "refused"]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a pass has decided.

    Attributes:
        fleets: the decision about each fleet, by name.
        execution: the name of the execution that rolls them; empty if nothing is rolled.
    """

    fleets: dict[str, Kept]
    execution: str


@handles(Event)
def handler(event: Event, _: Any) -> Answer:
    """Make one pass."""
    machine = os.environ.get(MACHINE, "")
    if not machine:
        problem = f"the environment variable {MACHINE} names no state machine; nothing was changed"
        raise SpecError(problem)
    store = container.store()
    executions = MachineExecutions(container.connection().step_functions, machine)
    context = rollout_context(None, store)
    done = Keeper(to_fleets(event.fleets), context, tries_again=event.again, executions=executions).keep()
    fleets = {name: Kept(action=one.action.value, why=one.why) for name, one in done.rotations.items()}
    for name, one in fleets.items():
        log.info("fleet.kept", fleet_name=name, action=one.action, why=one.why, execution=done.execution)
    return Answer(fleets=fleets, execution=done.execution)
