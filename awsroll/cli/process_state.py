"""What this process has done so far, for the end of a command that fails unexpectedly.

A process runs one command. `begin` forgets what an earlier command of the same process has noted.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awsroll.core.model.observation import Observation
    from awsroll.core.model.rollout import Rollout
    from awsroll.core.model.status import Status

START_EVENTS = ("rollout.created", "rollout.resumed")
"""The first event of a rollout in a process is one of these."""


@dataclass(slots=True)
class ProcessState:
    """The notes about one command.

    Attributes:
        rollouts: the rollouts that the command drives or was given, in order.
        has_started: whether a rollout has started or resumed, so that the fleet may have been changed.
        lost_output: the error that kept a result from standard output.
        variables: the options that environment variables gave, each with its variable.
        connection: the options that lead to the store of the command; the commands in its messages need them too.
    """

    rollouts: list[str] = field(default_factory=list)
    has_started: bool = False
    lost_output: Exception | None = None
    variables: dict[str, str] = field(default_factory=dict)
    connection: str = ""


_state = ProcessState()


def begin() -> ProcessState:
    """Start a command; return its notes."""
    global _state  # noqa: PLW0603 - a process has one standard output
    _state = ProcessState()
    return _state


def note_rollout(rollout_id: str) -> None:
    """Note a rollout that the command drives or was given."""
    if rollout_id and rollout_id not in _state.rollouts:
        _state.rollouts.append(rollout_id)


def only_rollout() -> str | None:
    """Return the rollout that the command drives or was given; None if there is none, or several."""
    return _state.rollouts[0] if len(_state.rollouts) == 1 else None


def note_variables(variables: dict[str, str]) -> None:
    """Note the options that environment variables gave."""
    _state.variables.update(variables)


def given_variables() -> dict[str, str]:
    """Return the options that environment variables gave, each with its variable."""
    return _state.variables


def note_connection(options: str) -> None:
    """Note the options that lead to the store of the command."""
    _state.connection = options


def connection() -> str:
    """Return the options that lead to the store of the command; empty if it needs none."""
    return _state.connection


def note_lost_output(error: Exception) -> None:
    """Note that standard output cannot be written."""
    _state.lost_output = _state.lost_output or error


class NoteStarted:
    """A sink that notes each rollout that starts or resumes."""

    def event(self, name: str, at: datetime, **fields: object) -> None:  # noqa: ARG002 - the sink's signature
        """Note the id of a rollout that starts or resumes."""
        if name in START_EVENTS:
            note_rollout(str(fields["rollout_id"]))
            _state.has_started = True

    def observed(self, rollout: "Rollout", observation: "Observation", status: "Status") -> None:
        """Ignore an observation."""
